package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/natsserver"
)

// TestMain builds the command, for the tests to run it as users do.
func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code) //nolint:forbidigo // as in every TestMain
}

// binDir is where the built command is.
var binDir string

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "typednats")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binDir = dir
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", dir, ".") //nolint:gosec // the directory is ours
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// shell runs commands as a user does, each in a directory of its own.
type shell struct {
	dir      string
	env      []string
	server   *natsserver.Server
	replaced []string // what differs from run to run, and what stands for it
}

// newShell returns a shell for a server.
func newShell(t *testing.T, url string) *shell {
	t.Helper()
	dir := t.TempDir()
	return &shell{
		dir: dir,
		env: []string{
			"PATH=" + binDir + string(os.PathListSeparator) + os.Getenv("PATH"),
			"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "NATS_URL=" + url, "TERM=xterm",
		},
		replaced: []string{url, "nats://127.0.0.1:4222", dir, "/home/you"},
	}
}

// knows has an id that differs from run to run replaced by one that does not. Both are equally long, as tables need it.
func (s *shell) knows(id, stable string) { s.replaced = append(s.replaced, id, stable) }

// write writes a file that commands read.
func (s *shell) write(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // the test names it
		t.Fatal(err)
	}
}

// contractsOf returns the contracts of endpoints as a file has them.
func contractsOf(t *testing.T, endpoints ...typednats.Descriptor) []byte {
	t.Helper()
	docs := make([]contract.Document, len(endpoints))
	for i, e := range endpoints {
		var err error
		if docs[i], err = e.Contract(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(docs)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// run runs a command line and returns what a terminal shows, and the exit code.
func (s *shell) run(t *testing.T, line string) (shown string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line) //nolint:gosec // the lines are those of the tests
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.NewReplacer(s.replaced...).Replace(string(out)), code
}

// play runs all commands of a golden file, lines that begin with a dollar, and returns the file as it should be. A
// comment is the command that does nothing, a colon.
func (s *shell) play(t *testing.T, golden string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(golden) {
		command, isCommand := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		if !isCommand {
			continue
		}
		if command == "echo $?" {
			continue // it follows from the command before
		}
		shown, code := s.run(t, command)
		fmt.Fprintf(&b, "$ %s\n%s", command, shown)
		if shown != "" && !strings.HasSuffix(shown, "\n") {
			b.WriteString("\n")
		}
		if code != 0 {
			fmt.Fprintf(&b, "$ echo $?\n%d\n", code)
		}
	}
	return b.String()
}

// testGolden plays a file of testdata, and compares. With TYPEDNATS_GOLDEN=update the file is written.
func (s *shell) testGolden(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	want, err := os.ReadFile(path) //nolint:gosec // it is under testdata
	if err != nil {
		t.Fatal(err)
	}
	got := s.play(t, string(want))
	if os.Getenv("TYPEDNATS_GOLDEN") == "update" {
		if !bytes.Equal(want, []byte(got)) {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); TYPEDNATS_GOLDEN=update writes it:\n%s", path, diff)
	}
}

// startFleet starts a server with a service of this library and one of micro, and a shell for it.
func startFleet(t *testing.T) *shell {
	t.Helper()
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	s.server = server
	for i, version := range []string{"1.0.0", "1.1.0"} {
		svc := startService(t, connectTo(t, server), typednats.ServiceConfig{
			Name: "warehouse", Version: version, Description: "Keeps things.",
		}, warehouseEndpoints()...)
		s.knows(svc.ID(), fmt.Sprintf("WarehouseInstance0000%d", i+1))
	}
	s.write(t, "contracts/warehouse.json", contractsOf(t, reserve, count))
	s.write(t, "contracts/next.json", contractsOf(t, nextReserve, count))
	s.write(t, "contracts/missing.json", contractsOf(t, count.InGroup(typednats.NewGroup("store"))))
	s.knows(startMicro(t, connectTo(t, server)).Info().ID, "LegacyInstance00000001")
	return s
}

// startNext starts an instance of the warehouse with another contract of an endpoint, and an endpoint that all
// instances run.
func (s *shell) startNext(t *testing.T) {
	t.Helper()
	svc := startService(t, connectTo(t, s.server), typednats.ServiceConfig{Name: "warehouse", Version: "2.0.0"},
		nextReserve.Handle(func(context.Context, NextReserveRequest) (Reservation, error) { return Reservation{ID: "next"}, nil }),
		status.InSubject("everybody").WithoutQueueGroup().
			Handle(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
	s.knows(svc.ID(), "WarehouseInstance00003")
}

func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".golden")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "readme" {
				server := startServer(t)
				startInventory(t, connectTo(t, server))
				newShell(t, server.ClientURL()).testGolden(t, name)
				return
			}
			s := startFleet(t)
			if name == "versions" {
				s.startNext(t)
			}
			s.testGolden(t, name)
		})
	}
}
