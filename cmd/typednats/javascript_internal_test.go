package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJavaScript calls a service of the official client for Node.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			needs(t, tool, err)
		}
	}
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	dir := filepath.Join("testdata", "javascript")
	for _, name := range []string{"package.json", "service.js"} {
		data, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // it is under testdata
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, name, data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
	install.Dir = s.dir
	if out, err := install.CombinedOutput(); err != nil {
		needs(t, "the packages of the NATS client for Node", fmt.Errorf("%w\n%s", err, out))
	}
	s.knows(startJavaScript(ctx, t, s.dir, server.ClientURL()), "JavaScriptInstance0001")
	s.testGolden(t, filepath.Join("javascript", "commands"))
}

// startJavaScript starts the service in a directory, and returns its id.
func startJavaScript(ctx context.Context, t *testing.T, dir, url string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, "node", "service.js", url) //nolint:gosec // it is the test's own
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	id, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the service did not start: %v", err)
	}
	return strings.TrimSpace(id)
}
