package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// abandonedReply is a reply subject that says who calls, as those of clients do.
func abandonedReply(raw *rawClient, n int) string { return fmt.Sprintf("%s.~60000~~%d", raw.inbox, n) }

func giveUp(tb testing.TB, raw *rawClient, n int) {
	tb.Helper()
	if err := raw.nc.Publish("_TYPEDNATS.CANCEL.echo", []byte(abandonedReply(raw, n))); err != nil {
		tb.Fatal(err)
	}
}

// Requests of callers that had given up kept their places until it was their turn.
func TestRequestOfACallerThatGaveUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string][2]int{"messages": {3, 1 << 20}, "bytes": {100, 6}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			g := newGate()
			defer g.open()
			start(t, srv.Connect(t), config(), echo.Handle(g.handle,
				typednats.WithMaxConcurrent(1), typednats.WithMaxPending(bounds[0], bounds[1])))
			raw := newRawClient(t, srv.Connect(t))
			for n := range 4 { // one runs, three wait
				raw.send(fmt.Sprintf("~60000~~%d", n), "echo", `{}`)
			}
			giveUp(t, raw, 2)
			reply, failure, _ := raw.next()
			compare(t, "reply", "~60000~~2 499:the caller gave up before the handler ran", reply+" "+failure)
			raw.send("~60000~~4", "echo", `{}`) // there is room
			raw.send("~60000~~5", "echo", `{}`) // there is none
			reply, failure, _ = raw.next()
			compare(t, "reply", "~60000~~5 503:too many requests", reply+" "+failure)
			g.open()
			for _, want := range []string{"~60000~~0", "~60000~~1", "~60000~~3", "~60000~~4"} {
				reply, failure, _ := raw.next()
				compare(t, "reply", want+" ", reply+" "+failure)
			}
		})
	}
}

// A service that does not make its anchor itself subscribes to a few requests beside its endpoint. Those come to it
// later than what its other subscriptions get: the cancellation of one came before it, found nobody, and was forgotten.
func TestCancellationWaitsForItsRequest(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.Username, o.Password = "less", "less" })
	p, as := newProxy(t, srv), nats.UserInfo("less", "less")
	nc, caller := p.connect(t, as), srv.Connect(t, as)
	const requests = 100
	stalled := p.stallAt("UNSUB") // the server sends more to that subscription than it will once it knows the limit
	started := async(func() error {
		_, err := typednats.NewService(nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
			<-ctx.Done()
			return in, context.Cause(ctx)
		}))
		return err
	})
	await(t, stalled, "the limit of a subscription to be set")
	raw := newRawClient(t, caller)
	for n := range requests {
		raw.send(fmt.Sprintf("~60000~~%d", n), "echo", `{}`)
	}
	for n := range requests {
		giveUp(t, raw, n)
	}
	raw.flush()
	p.resume()
	if err := await(t, started, "the start"); err != nil {
		t.Fatal(err)
	}
	for range requests {
		if name, failure, _ := raw.next(); !strings.HasPrefix(failure, "499:") {
			t.Errorf("request %s: %q, want 499", name, failure)
		}
	}
}

// Each cancellation searched the queue under the lock that admits everything.
func TestMassCancellationDoesNotHoldUpNeighbours(t *testing.T) {
	t.Parallel()
	const callers = 20_000
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	s := start(t, srv.Connect(t), config(), echo.Handle(g.handle, typednats.WithMaxPending(callers, 1<<20)),
		echo.InSubject("neighbour").Handle(repeat))
	nc := srv.Connect(t)
	raw := &rawClient{tb: t, nc: nc, inbox: nc.NewInbox()}
	for n := range callers {
		raw.send(fmt.Sprintf("~60000~~%d", n), "echo", `{}`)
	}
	eventually(t, "the requests to wait", func() bool {
		stats, _ := s.EndpointStats("echo")
		return stats.NumRequests >= callers
	})
	before := time.Now()
	for n := range callers {
		giveUp(t, raw, n)
	}
	if _, err := nc.RequestWithContext(within(t), "neighbour", []byte("{}")); err != nil {
		t.Error(err)
	}
	if took := time.Since(before); took > 6*time.Second {
		t.Errorf("the neighbour of %d callers that gave up waited %v", callers, took)
	}
	eventually(t, "those that wait to be gone", func() bool {
		stats, _ := s.EndpointStats("echo")
		return stats.NumErrors >= callers-typednats.DefaultMaxConcurrent
	})
}

// A request that is given up while it begins, or while its time is over, has one end.
func TestCancellationRacesWithBeginning(t *testing.T) {
	t.Parallel()
	const callers, each = 32, 100
	srv := typednatstest.Run(t)
	var ran atomic.Int64
	s := start(t, srv.Connect(t), config(), echo.Handle(func(_ context.Context, in note) (note, error) {
		ran.Add(1)
		<-time.After(200 * time.Microsecond)
		return in, nil
	}, typednats.WithMaxConcurrent(4)))
	client := typednats.NewClient(srv.Connect(t))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				ctx, cancel := context.WithTimeout(context.Background(), rand.N(4*time.Millisecond)) //nolint:gosec // any
				done := callAsync(ctx, client, echo, note{"x"})
				if rand.IntN(2) == 0 { //nolint:gosec // any
					<-time.After(rand.N(2 * time.Millisecond)) //nolint:gosec // any
					cancel()
				}
				got := await(t, done, "the call")
				cancel()
				gone := errors.Is(got.err, context.Canceled) || errors.Is(got.err, context.DeadlineExceeded)
				refused, isRefused := errors.AsType[*typednats.ServiceError](got.err)
				overload := isRefused && refused.Refused == typednats.RefusedOverload
				if got.err != nil && !gone && !overload {
					t.Errorf("call: %v", got.err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
		t.Errorf("call afterwards: %v", err)
	}
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	stats, _ := s.EndpointStats("echo")
	if notRun := int64(stats.NumRequests) - ran.Load(); int64(stats.NumErrors) < notRun {
		t.Errorf("%d requests, %d ran, %d failed", stats.NumRequests, ran.Load(), stats.NumErrors)
	}
}

// BenchmarkGiveUp shows what 20,000 callers that give up at once cost the calls of another endpoint. One operation is all
// of them giving up.
func BenchmarkGiveUp(b *testing.B) {
	const callers = 20_000
	srv := typednatstest.RunSocket(b)
	opened := make(chan struct{})
	svc, err := typednats.NewService(srv.Connect(b), config(),
		echo.Handle(func(_ context.Context, in note) (note, error) {
			<-opened
			return in, nil
		}, typednats.WithMaxPending(callers, 64<<20)),
		echo.InSubject("neighbour").Handle(repeat))
	if err != nil {
		b.Fatal(err)
	}
	nc, neighbour := srv.Connect(b), srv.Connect(b)
	raw := &rawClient{tb: b, nc: nc, inbox: nc.NewInbox()}
	var slowest time.Duration
	for b.Loop() {
		before := requestsOf(svc, "echo")
		for n := range callers {
			raw.send(fmt.Sprintf("~60000~~%d", n), "echo", `{}`)
		}
		eventually(b, "the requests to wait", func() bool { return requestsOf(svc, "echo") == before+callers })
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range callers {
				giveUp(b, raw, n)
			}
			_ = nc.FlushTimeout(patience)
		}()
		slowest = max(slowest, slowestUntil(b, neighbour, done))
	}
	b.ReportMetric(float64(slowest.Microseconds())/1000, "neighbour-max-ms")
	close(opened)
	if err := svc.Stop(within(b)); err != nil {
		b.Error(err)
	}
}

// slowestUntil calls the neighbour until done is closed, once more, and returns the longest time.
func slowestUntil(b *testing.B, nc *nats.Conn, done <-chan struct{}) (slowest time.Duration) {
	b.Helper()
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		began := time.Now()
		if _, err := nc.Request("neighbour", []byte("{}"), patience); err != nil {
			b.Fatal(err)
		}
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}
