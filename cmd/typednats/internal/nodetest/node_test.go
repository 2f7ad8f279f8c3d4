// Package nodetest runs what is generated: clients in TypeScript with Node.js against services in Go, services in
// JavaScript with clients in Go, and AsyncAPI documents through their own parser.
package nodetest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds one run of a program.
const patience = 2 * time.Minute

// project is where the packages are that the tests need, in the versions of package-lock.json.
const project = "testdata/node"

// install installs them once. It is an error that Node.js or npm is missing.
var install = sync.OnceValue(func() error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("install Node.js 20 or newer, with npm: %w", err)
		}
	}
	lock, err := os.ReadFile(filepath.Join(project, "package-lock.json"))
	if err != nil {
		return err
	}
	installed := filepath.Join(project, "node_modules", "installed-from.json")
	if before, err := os.ReadFile(installed); err == nil && bytes.Equal(before, lock) { //nolint:gosec // it is the test's own
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = project
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.WriteFile(installed, lock, 0o600)
})

// workspace returns a folder in which programs find the packages. Without Node.js, or without a registry to install
// them from, the test is skipped, but not in CI.
func workspace(t *testing.T, files ...string) string {
	t.Helper()
	if err := install(); err != nil && os.Getenv("CI") == "" {
		t.Skipf("what is generated is not run with Node.js: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	modules, err := filepath.Abs(filepath.Join(project, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, "package.json") {
		data, err := os.ReadFile(filepath.Join(project, name)) //nolint:gosec // it is the test's own
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(data))
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil { //nolint:gosec // it is the test's own
		t.Fatal(err)
	}
}

// run runs a program of a package, or node, and returns what it printed and whether it succeeded.
func run(t *testing.T, dir string, env []string, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if program != "node" {
		program = filepath.Join("node_modules", ".bin", program)
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the tests say what is run
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// compile compiles all files of TypeScript in a folder, as strictly as a careful team has it.
func compile(t *testing.T, dir string) {
	t.Helper()
	if out, err := run(t, dir, nil, "tsc", compilerOptions(t, dir)...); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
}

func compilerOptions(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.ts"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: there is nothing to compile", err)
	}
	options := strings.Fields("--strict --target es2022 --module nodenext --types node --skipLibCheck --exactOptionalPropertyTypes " +
		"--noUncheckedIndexedAccess --noImplicitOverride --noImplicitReturns --noUnusedLocals --noUnusedParameters " +
		"--noPropertyAccessFromIndexSignature --verbatimModuleSyntax --isolatedModules --erasableSyntaxOnly")
	for _, file := range files {
		options = append(options, filepath.Base(file))
	}
	return options
}

// pretty fails the test unless files are formatted as prettier does.
func pretty(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, file := range files {
		out, err := run(t, dir, nil, "prettier", "--print-width", "120", file)
		if err != nil {
			t.Fatalf("prettier: %v\n%s", err, out)
		}
		data, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // it is the test's own
		if err != nil {
			t.Fatal(err)
		}
		if diff := lineDiff(string(data), out); diff != "" {
			t.Errorf("%s is not as prettier has it (-is +prettier):\n%s", file, diff)
		}
	}
}
