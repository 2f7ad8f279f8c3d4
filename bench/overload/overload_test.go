package main

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// The smallest form has all tables, and the figure.
func TestQuick(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-quick", "-plots", dir}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s\n%s", status, &stderr, &stdout)
	}
	for _, want := range []string{"## Every combination", "| 10ms", "## Several kinds", "mixed, 1.3 times", "## Callers that try again", "again: a tenth", "## Bursts", "that has run"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, &stdout)
		}
	}
	if svg, err := fs.ReadFile(os.DirFS(dir), "overload.svg"); err != nil || !bytes.Contains(svg, []byte("<svg")) {
		t.Errorf("figure of %d bytes, %v", len(svg), err)
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-plots", "/does/not/exist"}, {"rest"}, {"-unknown"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%v: status %d, %q", args, status, &stderr)
		}
	}
}
