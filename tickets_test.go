package typednats_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// bounded is a service whose endpoints a, b and c run so many handlers together.
func bounded(n int) func(*typednats.ServiceConfig) {
	return func(c *typednats.ServiceConfig) { c.MaxConcurrentTotal = n }
}

// Requests of all endpoints wait for the same bound, and endpoints take turns: one with a long queue holds up no other.
func TestMaxConcurrentTotalTakesTurns(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	let, entered := make(chan struct{}), make(chan string, 10)
	handler := func(_ context.Context, in note) (note, error) {
		entered <- in.Text
		<-let
		return in, nil
	}
	s := start(t, nc, config(bounded(2)), echo.InSubject("a").Handle(handler), echo.InSubject("b").Handle(handler))
	raw := newRawClient(t, nc)
	waiting := func(n int) func() bool {
		return func() bool { load := s.Load(); return load[0].Waiting+load[1].Waiting == n }
	}
	for i, name := range []string{"a1", "a2", "a3", "a4", "a5", "b1", "b2"} {
		raw.send(name, name[:1], `{"text":"`+name+`"}`)
		if i < 2 {
			compare(t, "running", name, await(t, entered, name))
			continue
		}
		eventually(t, name+" waits", waiting(i-1))
	}
	// a has stood in line since a3 came, and b since b1.
	for _, want := range []string{"a3", "b1", "a4", "b2", "a5"} {
		let <- struct{}{}
		compare(t, "next", want, await(t, entered, want))
	}
	close(let)
	for range 7 {
		raw.next()
	}
	eventually(t, "all have ended", func() bool { load := s.Load(); return load[0].Running+load[1].Running == 0 })
}

// What one endpoint leaves free another has, all of it.
func TestMaxConcurrentTotalIsUsedUp(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	a, b := newGate(), newGate()
	defer a.open()
	defer b.open()
	s := start(t, nc, config(bounded(3)), echo.InSubject("a").Handle(a.handle), echo.InSubject("b").Handle(b.handle))
	raw := newRawClient(t, nc)
	for range 3 {
		raw.send("b", "b", `{}`)
		await(t, b.entered, "b's handler")
	}
	for range 3 {
		raw.send("a", "a", `{}`)
	}
	eventually(t, "a's requests wait", func() bool { return s.Load()[0].Waiting == 3 })
	b.open()
	for range 3 {
		await(t, a.entered, "a's handler")
	}
}

// With handlers that end in every way, no more run than may, none is lost, and the bound is all there afterwards.
func TestMaxConcurrentTotalUnderLoad(t *testing.T) {
	t.Parallel()
	const total, callers, rounds = 3, 16, 20
	srv := typednatstest.Run(t)
	var running, most atomic.Int64
	handler := func(ctx context.Context, in note) (note, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		runtime.Gosched()
		return mixed(ctx, in)
	}
	var bound []typednats.BoundEndpoint
	subjects := []string{"a", "b", "c", "d"}
	for i, subject := range subjects {
		bound = append(bound, echo.InSubject(subject).Handle(handler, typednats.WithMaxConcurrent(1+i)))
	}
	s := start(t, srv.Connect(t), config(bounded(total)), bound...)
	var wg sync.WaitGroup
	for caller := range callers {
		client := typednats.NewClient(srv.Connect(t))
		wg.Go(func() {
			defer func() { _ = client.Close() }()
			for i := range rounds {
				e := echo.InSubject(subjects[(caller+i)%len(subjects)])
				switch i % 6 {
				case 0:
					_, _ = typednats.RequestService(within(t), client, e, note{"panic"})
				case 1:
					_, _ = typednats.RequestService(within(t), client, e, note{"goexit"})
				case 2: // it leaves the queue, or not
					ctx, cancel := context.WithTimeout(within(t), time.Duration(1+caller)*100*time.Microsecond)
					_, _ = typednats.RequestService(ctx, client, e, note{})
					cancel()
				default:
					if _, err := typednats.RequestService(within(t), client, e, note{"x"}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n != total {
		t.Errorf("%d handlers ran at a time, want %d", n, total)
	}
	// As many as before can run at a time.
	g := newGate()
	defer g.open()
	if err := s.AddEndpoints(echo.InSubject("gate").Handle(g.handle)); err != nil {
		t.Fatal(err)
	}
	raw := newRawClient(t, srv.Connect(t))
	for range total + 1 {
		raw.send("x", "gate", `{}`)
	}
	for range total {
		await(t, g.entered, "a handler")
	}
	eventually(t, "one waits", func() bool { return s.Load()[4].Waiting == 1 })
	g.open()
	mustStop(t, s)
}

// A request that may not wait is refused, and so are those that wait if the service gives up.
func TestMaxConcurrentTotalRefuses(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(bounded(1)), echo.InSubject("a").Handle(g.handle), echo.InSubject("b").Handle(repeat),
		echo.InSubject("c").Handle(repeat, typednats.WithMaxPending(0, 0)))
	raw := newRawClient(t, nc)
	raw.send("runs", "a", `{}`)
	await(t, g.entered, "the handler")
	compare(t, "no room", "503:too many requests", failureOf(exchange(t, nc, "c", nil, `{}`)))
	raw.send("waits", "b", `{}`)
	eventually(t, "it waits", func() bool { return s.Load()[1].Waiting == 1 })
	compare(t, "time is up", "504:the time for the request was over before the handler ran",
		failureOf(exchange(t, nc, "b", headerOf(typednats.TimeoutHeader, "5"), `{}`)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, typednats.ErrAbandoned) {
		t.Errorf("Stop: %v", err)
	}
	name, failure, _ := raw.next()
	compare(t, "what waited", [2]string{"waits", "503:service is stopping"}, [2]string{name, failure})
}

// An endpoint whose handlers take long is not refused for ever because others have what it waits for.
func TestMaxConcurrentTotalStarvesNobody(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	g, slow := newGate(), make(chan struct{})
	defer g.open()
	s := start(t, nc, config(bounded(1)), echo.InSubject("a").Handle(g.handle),
		echo.InSubject("slow").Handle(func(_ context.Context, in note) (note, error) {
			if in.Text == "first" {
				<-slow
			}
			return in, nil
		}))
	raw := newRawClient(t, nc)
	first := time.Now()
	raw.send("first", "slow", `{"text":"first"}`)
	eventually(t, "it runs", func() bool { return s.Load()[1].Running == 1 })
	const takes = 200 * time.Millisecond // which is all that is known of a request of slow
	<-time.After(takes)
	close(slow)
	raw.next()
	took := time.Since(first) // at least what the service knows
	raw.send("a", "a", `{}`)
	await(t, g.entered, "a's handler")
	<-time.After(2 * took) // it is a while ago
	began := time.Now()
	raw.send("slow", "slow", `{}`, typednats.TimeoutHeader, "240")
	<-time.After(takes / 2) // for longer than the estimate leaves it
	if s.Load()[1].Waiting == 0 && time.Since(began) < takes {
		t.Error("it was refused")
	}
	g.open()
	raw.next()
	raw.next()
}

func TestMaxConcurrentTotalIsNotNegative(t *testing.T) {
	t.Parallel()
	_, err := typednats.NewService(typednatstest.Server(t), config(bounded(-1)))
	if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), "MaxConcurrentTotal") {
		t.Errorf("NewService: %v", err)
	}
}
