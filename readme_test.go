package typednats_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/typednatstest"
)

const readme = "README.md"

// isFile reports whether a code block is a complete Go file.
func isFile(b codeBlock) bool {
	return b.info == "go" && strings.HasPrefix(b.lines[0], "package ")
}

// TestReadmeProgram builds the files that the README shows, as a module of their own, and runs the server and the
// client that they make.
func TestReadmeProgram(t *testing.T) {
	t.Parallel()
	dir, bin := t.TempDir(), t.TempDir()
	doc := readMarkdown(t, readme)
	// The line above a file names it; it is also where the file belongs.
	names := regexp.MustCompile("(?m)^`([a-z/]+\\.go)`").FindAllStringSubmatch(doc.prose, -1)
	var files []codeBlock
	var output string
	for _, block := range doc.blocks {
		if isFile(block) {
			files = append(files, block)
		}
		if block.info == "text" && output == "" {
			output = strings.Join(block.lines, "\n") + "\n"
		}
	}
	if len(files) != 3 || len(names) != len(files) {
		t.Fatalf("%s has %d complete files and %d names for them, want 3", readme, len(files), len(names))
	}
	for i, block := range files {
		writeFile(t, filepath.Join(dir, names[i][1]), strings.Join(block.lines, "\n"))
	}
	writeModule(t, dir)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run(t, goTool(ctx, dir, "vet", "./..."))
	run(t, goTool(ctx, dir, "build", "-o", bin, "./server", "./client"))

	srv := typednatstest.RunSocket(t)
	server := program(ctx, bin, "server", srv.ClientURL())
	server.Stderr = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	awaitService(ctx, t, srv.Connect(t), "inventory")
	got := run(t, program(ctx, bin, "client", srv.ClientURL()))
	if diff := cmp.Diff(output, got); diff != "" {
		t.Errorf("output of the client (-want +got):\n%s", diff)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the terminated server: %v", err)
	}
}

// writeModule makes dir a module that uses this one, with the same requirements, so that nothing is downloaded.
func writeModule(t *testing.T, dir string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	const self = "github.com/typednats/typednats"
	writeFile(t, filepath.Join(dir, "go.mod"), strings.Replace(string(mod), "module "+self, "module example.com/shop", 1)+
		"\nrequire "+self+" v0.0.0\n\nreplace "+self+" => "+here+"\n")
	writeFile(t, filepath.Join(dir, "go.sum"), string(sum))
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil { //nolint:gosec // the path is under t.TempDir
		t.Fatal(err)
	}
}

func goTool(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are this test's own
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	return cmd
}

func program(ctx context.Context, dir, name, url string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, name)) //nolint:gosec // the program that this test has built
	cmd.Env = append(os.Environ(), "NATS_URL="+url)
	return cmd
}

// run returns what a program printed.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// awaitService waits until an instance of the service answers.
func awaitService(ctx context.Context, t *testing.T, nc *nats.Conn, name string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING."+name, nil)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("service %q does not answer: %v", name, err)
		}
	}
}
