package typednats_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestHandlerMayCallItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	const depth = 50 // more than there are idle readers
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		e := echo.InSubject("nested." + name)
		start(t, nc, config(), e.Handle(func(ctx context.Context, in note) (note, error) {
			if len(in.Text) == depth {
				return in, nil
			}
			return typednats.RequestService(ctx, r, e, note{in.Text + "."})
		}))
		out, err := typednats.RequestService(ctx, r, e, note{})
		if err != nil || len(out.Text) != depth {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func TestBlockedHandlersDoNotHoldUpOtherEndpoints(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	g := newGate()
	defer g.open()
	free := echo.InSubject("free")
	s := start(t, nc, config(), echo.Handle(g.handle), free.Handle(repeat, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, caller)
	for range 1000 {
		raw.send("blocked", "echo", `{}`)
	}
	for range 100 {
		if _, err := typednats.RequestService(ctx, caller, free, note{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := caller.RequestWithContext(ctx, "$SRV.INFO.test."+s.ID(), nil); err != nil {
		t.Errorf("INFO: %v", err)
	}
}

// A handler that blocks keeps its reader, so that a burst of them starts many. They once would not have ended with it.
func TestReadersEndAfterABurst(t *testing.T) {
	t.Parallel()
	const burst = 100
	srv := typednatstest.Run(t)
	nc, caller := srv.Connect(t), srv.Connect(t)
	count := goroutines(t) // what the server and the connections have started does not count
	b := newBarrier(burst) // none returns before all run
	start(t, nc, config(), echo.Handle(b.handle))
	raw := newRawClient(t, caller)
	for i := range burst {
		raw.send(strconv.Itoa(i), "echo", `{}`)
	}
	for range burst {
		if name, failure, _ := raw.next(); failure != "" {
			t.Fatalf("reply to %s: %s", name, failure)
		}
	}
	compare(t, "handlers at a time", int32(burst), b.peak.Load())
	const few = 10 // this one, the service's own, and the readers that stay
	eventually(t, "the end of most readers", func() bool { return count() <= few })
}

// Bursts end readers and start them; one must always be left to read the next message.
func TestReadersSurviveBursts(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	caller := srv.Connect(t)
	const burst = 12
	var g atomic.Pointer[barrier]
	start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		return g.Load().handle(ctx, in)
	}))
	raw := newRawClient(t, caller)
	for range 200 {
		g.Store(newBarrier(burst)) // none returns before all run
		for i := range burst {
			raw.send(strconv.Itoa(i), "echo", `{}`)
		}
		for range burst {
			if name, failure, _ := raw.next(); failure != "" {
				t.Fatalf("reply to %s: %s", name, failure)
			}
		}
	}
}

// callMany makes so many calls from 64 goroutines and returns when all have ended.
func callMany(calls int, call func(n int)) {
	var callers sync.WaitGroup
	var next atomic.Int64
	for range 64 {
		callers.Go(func() {
			for n := next.Add(1); n <= int64(calls); n = next.Add(1) {
				call(int(n))
			}
		})
	}
	callers.Wait()
}

func TestHandlersThatDoNotReturnLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(n int){
		"panic":                 func(n int) { panic(n) },
		"panic with an error":   func(n int) { _ = strings.Repeat("x", -n) },
		"runtime.Goexit":        func(int) { runtime.Goexit() },
		"panic and then Goexit": func(n int) { defer runtime.Goexit(); panic(n) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failAndLeaveNothing(t, 1_000, fail)
		})
	}
}

// It is not beside others: the heap is that of all tests.
func TestManyPanicsKeepNoMemory(t *testing.T) { //nolint:paralleltest // see above
	heap := heapInUse()
	failAndLeaveNothing(t, 30_000, func(n int) { panic(n) })
	if now := heapInUse(); now > heap+64<<20 {
		t.Errorf("the heap grew from %d to %d MB", heap>>20, now>>20)
	}
}

// failAndLeaveNothing makes so many calls whose handlers fail, and looks for what they leave.
func failAndLeaveNothing(t *testing.T, calls int, fail func(n int)) {
	t.Helper()
	count := goroutines(t)
	srv := typednatstest.Run(t)
	ctx := within(t)
	var reports atomic.Int64
	s := start(t, srv.Connect(t), config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) { reports.Add(1) }
	}), echo.Handle(func(_ context.Context, in note) (note, error) {
		if n, err := strconv.Atoi(in.Text); err == nil {
			fail(n)
		}
		return in, nil
	}, typednats.WithMaxConcurrent(8)))
	client := typednats.NewClient(srv.Connect(t), typednats.WithDefaultTimeout(patience))
	if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
		t.Fatal(err)
	}
	before := count()
	callMany(calls, func(n int) {
		_, err := typednats.RequestService(context.Background(), client, echo, note{strconv.Itoa(n)})
		if got := codeOf(err); got != "500:internal error" {
			t.Errorf("call %d: %v, want code 500", n, err)
		}
	})
	if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
		t.Errorf("call after %d failures: %v", calls, err)
	}
	eventually(t, "the end of the goroutines", func() bool { return count() <= before+16 })
	eventually(t, "a report of each failure", func() bool { return reports.Load() == int64(calls) })
	stats, _ := s.EndpointStats("echo")
	compare(t, "requests and errors", [2]int{calls + 2, calls}, [2]int{stats.NumRequests, stats.NumErrors})
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
