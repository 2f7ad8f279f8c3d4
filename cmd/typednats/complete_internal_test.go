package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	s.write(t, "nats/context/north.json", []byte(`{"url":"nats://127.0.0.1:1"}`))
	for _, test := range []struct{ line, want string }{
		{"call ware", "warehouse.audit warehouse.print warehouse.reserve warehouse.scan warehouse.status"},
		{"call legacy.f", "legacy.fail"},
		{"call gre", "greet"},
		{"call x", ""},
		{"describe warehouse.", "warehouse.*.count warehouse.audit warehouse.print warehouse.reserve warehouse.scan warehouse.status"},
		{"ls ''", "legacy warehouse"},
		{"top w", "warehouse"},
		{"top warehouse ''", ""},
		{"call --context n", "north"},
		{"d", "describe diff docs"},
		{"gen typescript --from fle", "fleet fleet/"},
		{"docs markdown --from fleet/w", "fleet/warehouse"},
		{"gen jsonschema --from inv", ""},
		{"gen typescript --int64 ''", "number bigint"},
		{"ls --color ''", "auto always never"},
		{"diff --fail-on ''", "breaking warning"},
		{"check --fail-on w", "breaking warning"}, // the shell picks
	} {
		shown, code := s.run(t, "typednats __complete "+test.line+" 2>/dev/null")
		var got []string
		for line := range strings.Lines(shown) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if code != 0 || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %d, %q, want %q", test.line, code, got, test.want)
		}
	}
}

// TestCompletionIsQuick: an answer is kept for a while, and nobody waits for a server that is not there.
func TestCompletionIsQuick(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	startMicro(t, connectTo(t, server))
	if shown, _ := s.run(t, "typednats __complete call legacy.g"); !strings.Contains(shown, "legacy.greet") {
		t.Fatal(shown)
	}
	server.Stop()
	if shown, _ := s.run(t, "typednats __complete call legacy.g"); !strings.Contains(shown, "legacy.greet") {
		t.Errorf("the answer was not kept: %s", shown)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "typednats", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(files[0], old, old); err != nil {
		t.Fatal(err)
	}
	if shown, _ := s.run(t, "typednats __complete call legacy.g"); strings.Contains(shown, "legacy.greet") {
		t.Errorf("the answer was kept for too long: %s", shown)
	}
	// 192.0.2.1 is nobody's address: packets to it get lost.
	began := time.Now()
	if shown, code := s.run(t, "typednats __complete --server nats://192.0.2.1:4222,nats://192.0.2.2:4222 call x"); code != 0 {
		t.Errorf("%d: %s", code, shown)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestCompletionInBash runs the script that bash gets.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		needs(t, "bash", err)
	}
	s := startFleet(t)
	script := `
		_get_comp_words_by_ref() { cur=$CUR; prev=call; words=(typednats call "$CUR"); cword=2; } # of bash-completion
		_init_completion() { _get_comp_words_by_ref; }
		compopt() { :; }
		source <(typednats completion bash)
		COMP_LINE="typednats call $CUR" COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_WORDS=(typednats call "$CUR") COMP_CWORD=2
		__start_typednats
		printf '%s\n' "${COMPREPLY[@]}"`
	s.write(t, "complete.sh", []byte(script))
	shown, code := s.run(t, "CUR=legacy.gr bash complete.sh")
	if diff := cmp.Diff("legacy.greet\n", strings.ReplaceAll(shown, " ", "")); code != 0 || diff != "" {
		t.Errorf("%d (-want +got):\n%s", code, diff)
	}
	for _, shell := range []string{"zsh", "fish", "powershell"} {
		if shown, code := s.run(t, "typednats completion "+shell); code != 0 || !strings.Contains(shown, "__complete") {
			t.Errorf("%s: %d: %.200s", shell, code, shown)
		}
	}
}

// needs skips a test for lack of a tool, and fails it in CI, where the tool has to be.
func needs(t *testing.T, tool string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI must have %s: %v", tool, err)
	}
	t.Skipf("%s is not there: %v", tool, err)
}
