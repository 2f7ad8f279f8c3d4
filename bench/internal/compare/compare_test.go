package compare_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/compare"
	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// quick measures everything, for as short as it can.
func quick(url string) compare.Config {
	return compare.Config{
		URL:     url,
		Systems: peer.Systems(),
		Bounded: peer.Bounded(),
		Rounds:  1, Duration: 2 * time.Millisecond, Calls: 10,
	}
}

// serve returns the URL of a server that ends with the test.
func serve(t *testing.T) string {
	t.Helper()
	s, err := rig.StartServer(t.Context(), rig.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s.URL()
}

func TestEverySystemInEveryFigure(t *testing.T) {
	t.Parallel()
	cfg := quick(serve(t))
	var progress []string
	cfg.Progress = func(line string) { progress = append(progress, line) }
	result, err := compare.Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(progress) != cfg.Rounds {
		t.Errorf("progress: %q, want %d lines", progress, cfg.Rounds)
	}
	everywhere := []compare.Metric{
		compare.Sequential10, compare.Sequential50, compare.Throughput64, compare.Throughput512,
		compare.CPU, compare.Allocations, compare.Bytes,
	}
	for _, system := range cfg.Systems {
		for _, p := range []compare.Payload{compare.Small, compare.Large} {
			for _, m := range everywhere {
				check(t, result, m, p, system.Name, peer.Raw)
			}
		}
		check(t, result, compare.Blocking, compare.Small, system.Name, peer.RawGoroutines)
	}
	check(t, result, compare.Bounded, compare.Small, peer.Raw, peer.Raw)
	for _, system := range cfg.Bounded {
		check(t, result, compare.Bounded, compare.Small, system.Name, peer.Raw)
	}
	if !strings.Contains(result.Markdown(), "Connect 1.") {
		t.Errorf("no version of Connect in %q", result.Config)
	}
	for _, system := range append(peer.Systems(), peer.Bounded()...) {
		if !strings.Contains(result.Markdown(), "\n| "+system.Name+" ") {
			t.Errorf("%s has no row", system.Name)
		}
	}
}

// check reports a series that is not there, or has not one positive value and ratio for the one round.
func check(t *testing.T, result *compare.Result, m compare.Metric, p compare.Payload, system, reference string) {
	t.Helper()
	s := result.Find(m, p, system)
	if s == nil {
		t.Errorf("%s, %s: no %s", m, p, system)
		return
	}
	wantRatios := 1
	if system == reference {
		wantRatios = 0
	}
	if len(s.Values) == 0 || len(s.Ratios) != wantRatios {
		t.Errorf("%s, %s, %s: values %v, ratios %v", m, p, system, s.Values, s.Ratios)
	}
	for _, v := range append(s.Values, s.Ratios...) {
		if !(v > 0) || math.IsInf(v, 1) {
			t.Errorf("%s, %s, %s: values %v, ratios %v", m, p, system, s.Values, s.Ratios)
		}
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	cfg := quick(serve(t))
	cfg.Only = []string{"raw again"}
	result, err := compare.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, s := range result.Series {
		got[s.System]++
	}
	// Seven metrics of two payloads, and the blocking handler, where the reference is another one.
	want := map[string]int{peer.Raw: 14, "raw again": 15, peer.RawGoroutines: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	url := serve(t)
	broken := errors.New("out of order")
	for _, test := range []struct {
		name   string
		change func(*compare.Config)
		is     error
		says   []string
	}{
		{
			name: "a service that fails",
			change: func(cfg *compare.Config) {
				cfg.Systems = append(cfg.Systems, fake("faulty", func(context.Context) error { return broken }))
				cfg.Only = []string{"faulty"}
			},
			is:   broken,
			says: []string{"sequential calls: ", "faulty: ", "after 0 calls: "},
		},
		{
			name: "a service that does not start",
			change: func(cfg *compare.Config) {
				cfg.Bounded = append(cfg.Bounded, peer.System{Name: "faulty", Start: func(string) (*peer.Running, error) {
					return nil, broken
				}})
				cfg.Only = []string{"faulty"}
			},
			is:   broken,
			says: []string{"bounded concurrency: ", "faulty: start: "},
		},
		{
			name:   "a server that is not there",
			change: func(cfg *compare.Config) { cfg.URL = "nats://127.0.0.1:1" },
			is:     nats.ErrNoServers,
			says:   []string{"sequential calls: ", "raw: start: "},
		},
		{
			name:   "a system that is not there",
			change: func(cfg *compare.Config) { cfg.Only = []string{"raw again", "none"} },
			says:   []string{`no system "none"`, "typednats JSON"},
		},
		{
			name:   "nothing to compare with",
			change: func(cfg *compare.Config) { cfg.Systems = cfg.Systems[1:] },
			says:   []string{`there is no "raw"`},
		},
		{name: "no rounds", change: func(cfg *compare.Config) { cfg.Rounds = 0 }, says: []string{"rounds is 0"}},
		{name: "no time", change: func(cfg *compare.Config) { cfg.Duration = -1 }, says: []string{"duration is -1ns"}},
		{name: "no calls", change: func(cfg *compare.Config) { cfg.Calls = 0 }, says: []string{"calls is 0"}},
	} {
		cfg := quick(url)
		test.change(&cfg)
		result, err := compare.Run(t.Context(), cfg)
		if err == nil {
			t.Errorf("%s: a result: %+v", test.name, result)
			continue
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v, want %v", test.name, err, test.is)
		}
		for _, want := range test.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want it to say %q", test.name, err, want)
			}
		}
	}
}

// fake is a system that makes all calls in the same way.
func fake(name string, call rig.Call) peer.System {
	return peer.System{Name: name, Start: func(string) (*peer.Running, error) {
		return &peer.Running{Small: call, Large: call, Blocking: call}, nil
	}}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	// In the figure about bounded concurrency, which is measured last.
	var turns []string
	note := func(name string) peer.System {
		return peer.System{Name: name, Start: func(string) (*peer.Running, error) {
			turns = append(turns, name)
			call := func(context.Context) error { return nil }
			return &peer.Running{Small: call, Large: call, Blocking: call}, nil
		}}
	}
	cfg := quick("")
	cfg.Rounds = 2
	cfg.Systems = []peer.System{note(peer.Raw), note(peer.RawGoroutines)}
	cfg.Bounded = []peer.System{note("a"), note("b"), note("c")}
	cfg.Only = []string{"a", "b", "c"}
	result, err := compare.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"raw", "a", "b", "raw", "c", "raw", "raw", "b", "c", "raw", "a", "raw"}
	if diff := cmp.Diff(want, turns); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	got := make(map[string]string)
	for _, s := range result.Series {
		got[s.System] = fmt.Sprintf("%d values, %d ratios", len(s.Values), len(s.Ratios))
	}
	wantSeries := map[string]string{
		"raw": "6 values, 0 ratios", "a": "2 values, 2 ratios", "b": "2 values, 2 ratios", "c": "2 values, 2 ratios",
	}
	if diff := cmp.Diff(wantSeries, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	result := compare.Result{
		Machine: rig.Machine{
			CPU: "a processor", Processors: 2, Kernel: "a kernel", Go: "go1", NATSServer: "2", NATSGo: "1",
			Date: time.Date(2026, time.May, 4, 0, 0, 0, 0, time.UTC),
		},
		Config: "Rounds: 3.",
		Series: []*compare.Series{
			{Metric: compare.Blocking, Payload: compare.Small, System: "raw with goroutines", Values: []float64{1000, 3000, 2000}},
			{
				Metric: compare.Blocking, Payload: compare.Small, System: "typed",
				Values: []float64{900, 2700, 1800}, Ratios: []float64{0.9, 1, 0.95},
			},
		},
	}
	want := `## go1

a processor, 2 processors, a kernel, go1, nats-server 2, nats.go 1, 4 May 2026.

Rounds: 3.

### A handler that blocks for 2 ms

64 callers, a small message.

| system              | calls/s | against raw with goroutines |
| ------------------- | ------: | --------------------------: |
| raw with goroutines |    2000 |                           1 |
| typed               |    1800 |            0.95 (0.90–1.00) |
`
	if diff := cmp.Diff(want, result.Markdown()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}
