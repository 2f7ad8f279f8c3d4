package typednats_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// loadOf is what the service says of its only endpoint, without the time.
func loadOf(s *typednats.Service) typednats.EndpointLoad {
	load := s.Load()[0]
	load.QueueTime = 0
	return load
}

func TestLoadCountsErrorsByCodeAndTag(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	s := start(t, nc, config(), echo.Handle(mixed, typednats.WithMaxConcurrent(3), typednats.WithMaxPending(5, 600)))
	outcomes := map[string]int{"": 4, "declared": 3, "service": 2, "undeclared": 1, "panic": 1}
	for outcome, n := range outcomes {
		for range n {
			_, _ = typednats.RequestService(ctx, nc, echo, note{outcome})
		}
	}
	exchange(t, nc, "echo", nil, "{")
	exchange(t, nc, "echo", headerOf("Content-Type", "text/plain"), "{}")
	eventually(t, "the last handler has left", func() bool { return loadOf(s).Running == 0 })
	want := typednats.EndpointLoad{
		Name: "echo", Subject: "echo", MaxConcurrent: 3, MaxPending: 5, MaxPendingBytes: 600,
		Codes: map[int]int{404: 3, 403: 2, 500: 2, 400: 1, 415: 1},
		Tags:  map[string]int{"missing": 3},
	}
	compare(t, "load", want, loadOf(s))
	stats, _ := s.EndpointStats("echo")
	if sum := total(loadOf(s).Codes); sum != stats.NumErrors {
		t.Errorf("codes of %d errors, want %d", sum, stats.NumErrors)
	}
	s.Reset()
	want.Codes, want.Tags = nil, nil
	compare(t, "after Reset", want, loadOf(s))
}

func total(codes map[int]int) int {
	sum := 0
	for _, n := range codes {
		sum += n
	}
	return sum
}

// What does not fit into a message after all counts as what its caller gets.
func TestLoadCountsWhatTheCallerGets(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	s := start(t, nc, config(), echo.Handle(func(context.Context, note) (note, error) {
		return note{}, missing{strings.Repeat("x", int(nc.MaxPayload()))}
	}))
	_, err := typednats.RequestService(ctx, nc, echo, note{})
	if got, _, _ := strings.Cut(codeOf(err), ":"); got != "500" {
		t.Fatalf("the caller got %v", err)
	}
	got := loadOf(s)
	compare(t, "codes", map[int]int{500: 1}, got.Codes)
	compare(t, "tags", map[string]int{}, got.Tags, cmpopts.EquateEmpty())
}

func TestLoadBoundsTheNumberOfCodes(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	code := 1000
	s := start(t, nc, config(), echo.Handle(func(context.Context, note) (note, error) {
		code++
		return note{}, typednats.Errorf(code, "no")
	}, typednats.WithMaxConcurrent(1)))
	for range 2 {
		for range 50 {
			_, _ = typednats.RequestService(ctx, nc, echo, note{})
		}
	}
	codes := loadOf(s).Codes
	if len(codes) != 65 || codes[0] != 36 || total(codes) != 100 || codes[1001] != 1 {
		t.Errorf("%d codes, %d errors of other codes, %d errors in all", len(codes), codes[0], total(codes))
	}
}

func TestLoadOfABusyEndpoint(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(2), typednats.WithMaxPending(3, 1<<10)))
	raw := newRawClient(t, nc)
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		raw.send(name, "echo", `{"text":"x"}`)
	}
	name, failure, _ := raw.next()
	compare(t, "refused", [2]string{"6", "503:too many requests"}, [2]string{name, failure})
	compare(t, "load", typednats.EndpointLoad{
		Name: "echo", Subject: "echo",
		Running: 2, Waiting: 3, WaitingBytes: 3 * len(`{"text":"x"}`),
		MaxConcurrent: 2, MaxPending: 3, MaxPendingBytes: 1 << 10,
		Codes: map[int]int{503: 1},
	}, loadOf(s))
	compare(t, "time in the queue of those that still wait", time.Duration(0), s.Load()[0].QueueTime)
	g.open()
	for range 5 {
		raw.next()
	}
	eventually(t, "nothing runs or waits", func() bool { load := loadOf(s); return load.Running+load.Waiting+load.WaitingBytes == 0 })
	if s.Load()[0].QueueTime <= 0 {
		t.Error("three requests have waited for no time")
	}
}

func TestLoadInStats(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.LoadInStats = true }), echo.Handle(mixed))
	_, _ = typednats.RequestService(ctx, nc, echo, note{"declared"})
	var stats micro.Stats
	if err := json.Unmarshal(exchange(t, nc, "$SRV.STATS.test", nil, "").Data, &stats); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(stats.Endpoints[0].Data, &got); err != nil {
		t.Fatal(err)
	}
	keys := []string{
		"codes", "max_concurrent", "max_pending", "max_pending_bytes", "queue_time", "running", "tags", "waiting", "waiting_bytes",
	}
	compare(t, "keys", keys, slices.Sorted(maps.Keys(got)))
	compare(t, "codes", map[string]any{"404": 1.0}, got["codes"])
	compare(t, "tags", map[string]any{"missing": 1.0}, got["tags"])
	mustStop(t, s)
}
