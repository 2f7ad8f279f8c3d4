package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/compare"
	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

func TestBothBuilds(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	args := []string{"-rounds", "1", "-duration", "1ms", "-calls", "10", "-only", "typednats JSON"}
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, &stderr)
	}
	var got []string
	for line := range strings.Lines(stdout.String()) {
		if strings.HasPrefix(line, "## ") {
			got = append(got, line)
		}
	}
	if len(got) != 2 || strings.Contains(got[0], "jsonv2") || !strings.Contains(got[1], "jsonv2") {
		t.Errorf("builds: %q\n%s", got, &stderr)
	}
	if n := strings.Count(stdout.String(), "\n| typednats JSON "); n != 10 {
		t.Errorf("%d rows, want five tables from each build:\n%s", n, &stdout)
	}
}

func TestOneBuild(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	args := []string{"-json", "-quick", "-only", "typednats bytes"}
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, &stderr)
	}
	var result compare.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	if result.Find(compare.Bounded, compare.Small, "typednats bytes") == nil || result.Machine.Processors == 0 {
		t.Errorf("result: %s", &stdout)
	}
}

func TestSystemsOfEachBuild(t *testing.T) {
	t.Parallel()
	for _, b := range builds(peer.Systems(), peer.Bounded()) {
		cfg := compare.Config{Systems: peer.Systems(), Bounded: peer.Bounded(), Only: b.systems, Rounds: 1, Duration: 1, Calls: 1}
		if err := cfg.Validate(); err != nil {
			t.Errorf("GOEXPERIMENT=%s: %v", b.experiment, err)
		}
	}
}

func TestFailingBuild(t *testing.T) {
	t.Parallel()
	b := build{experiment: "nosuchthing"}
	if _, err := b.program(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "unknown GOEXPERIMENT") {
		t.Errorf("build: %v", err)
	}
	if _, err := b.measure(t.Context(), "/nosuchthing", compare.Config{}, new(bytes.Buffer)); err == nil {
		t.Error("measured with a program that is not there")
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if status := run(ctx, []string{"-json", "-quick"}, &stdout, &stderr); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if !strings.HasPrefix(stderr.String(), "bench: start nats-server: ") || stdout.Len() > 0 {
		t.Errorf("printed %q and %q", &stdout, &stderr)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for want, all := range map[int][][]string{
		0: {{"-help"}},
		2: {
			{"-rounds", "0"},
			{"-duration", "0s"},
			{"-duration", "long"},
			{"-calls", "0"},
			{"-only", "none"},
			{"-unknown"},
			{"argument"},
		},
	} {
		for _, args := range all {
			var stdout, stderr bytes.Buffer
			if status := run(t.Context(), args, &stdout, &stderr); status != want {
				t.Errorf("%q: status %d, want %d", args, status, want)
			}
			if !strings.Contains(stderr.String(), "Usage of bench") {
				t.Errorf("%q: no usage: %s", args, &stderr)
			}
			if stdout.Len() > 0 {
				t.Errorf("%q: it ran: %s", args, &stdout)
			}
		}
	}
}
