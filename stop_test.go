package typednats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// awaitServed waits until a service answers the last of the questions that it subscribes to.
func awaitServed(t *testing.T, nc *nats.Conn) {
	t.Helper()
	ctx := within(t)
	eventually(t, "a service to answer", func() bool {
		m, err := nc.RequestWithContext(ctx, "$SRV.PING", nil)
		if err != nil {
			return false
		}
		var ping micro.Ping
		if err := json.Unmarshal(m.Data, &ping); err != nil {
			t.Fatalf("decode %q: %v", m.Data, err)
		}
		_, err = nc.RequestWithContext(ctx, "$SRV.STATS."+ping.Name+"."+ping.ID, nil)
		return err == nil
	})
}

// awaitGone waits until nobody serves the subject any more.
func awaitGone(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	ctx := within(t)
	eventually(t, "nobody to serve "+subject, func() bool {
		_, err := nc.RequestWithContext(ctx, subject, nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
}

func TestStopWaitsForHandlersAndTheirReplies(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	awaitGone(t, caller, "nobody") // the connection has its subscription for replies then, and that its goroutine
	before, count := nc.NumSubscriptions(), goroutines(t)
	g, slow := newGate(), newGate()
	defer g.open()
	defer slow.open()
	s := start(t, nc, config(),
		echo.Handle(g.handle, typednats.WithMaxConcurrent(3)),
		echo.InSubject("slow").Handle(slow.handle, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, caller)
	for i := range 10 {
		raw.send(fmt.Sprint("a", i), "echo", `{}`)
		raw.send(fmt.Sprint("b", i), "slow", `{}`)
	}
	eventually(t, "all requests to arrive", func() bool {
		return requestsOf(s, "echo")+requestsOf(s, "slow") == 20
	})
	var stops []<-chan error
	for range 4 {
		stops = append(stops, async(func() error { return s.Stop(ctx) }))
	}
	awaitGone(t, caller, "$SRV.PING")
	slow.open()
	for range 10 {
		if name, failure, _ := raw.next(); failure != "" || name[0] != 'b' {
			t.Errorf("request %s failed: %s", name, failure)
		}
	}
	for _, stop := range stops {
		select {
		case err := <-stop:
			t.Fatalf("Stop = %v, while handlers run", err)
		case <-s.Done():
			t.Fatal("Done is closed while handlers run")
		default:
		}
	}
	g.open()
	for _, stop := range stops {
		if err := await(t, stop, "Stop"); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	await(t, s.Done(), "Done")
	raw.flush()
	compare(t, "replies that the server had when Stop returned", 10, len(raw.replies))
	for range 10 {
		if name, failure, _ := raw.next(); failure != "" {
			t.Errorf("request %s failed: %s", name, failure)
		}
	}
	raw.silent()
	if got := nc.NumSubscriptions(); got != before {
		t.Errorf("%d subscriptions are left, want %d", got, before)
	}
	eventually(t, "the end of the service's goroutines", func() bool { return count() == 1 })
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop again: %v", err)
	}
	if got := requestsOf(s, "echo"); got != 10 {
		t.Errorf("the statistics say %d requests after Stop, want 10", got)
	}
	if err := s.AddEndpoints(echo.Handle(repeat)); !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("AddEndpoints = %v, want ErrServiceStopped", err)
	}
	if err := s.RemoveEndpoint(ctx, "echo"); !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("RemoveEndpoint = %v, want ErrServiceStopped", err)
	}
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ctx  func(parent context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		"cancelled": {context.WithCancel, context.Canceled},
		"deadline": {func(parent context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(parent, 50*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			nc, caller := srv.Connect(t), srv.Connect(t)
			awaitGone(t, caller, "nobody") // the connection has its subscription for replies then, and that its goroutine
			before, count := nc.NumSubscriptions(), goroutines(t)
			g := newGate()
			defer g.open()
			s := start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(2)))
			raw := newRawClient(t, caller)
			for i := range 5 {
				raw.send(strconv.Itoa(i), "echo", `{}`)
			}
			await(t, g.entered, "a handler to run")
			await(t, g.entered, "another handler to run")
			eventually(t, "all requests to arrive", func() bool { return requestsOf(s, "echo") == 5 })
			ctx, cancel := test.ctx(within(t))
			defer cancel()
			stop := async(func() error { return s.Stop(ctx) })
			awaitGone(t, caller, "$SRV.PING")
			if test.want == context.Canceled { //nolint:errorlint // it is the very one
				cancel()
			}
			err := await(t, stop, "Stop, although no handler returns")
			if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, test.want) ||
				!strings.Contains(err.Error(), "2 handlers are still running, 3 requests were refused") {
				t.Errorf("Stop = %v, want ErrAbandoned that counts, and %v", err, test.want)
			}
			await(t, s.Done(), "Done")
			for range 2 {
				handlerCtx := await(t, g.ctxs, "a handler's context")
				await(t, handlerCtx.Done(), "a handler's context to end")
			}
			raw.flush()
			compare(t, "replies that the server had when Stop returned", 3, len(raw.replies))
			for range 3 {
				if name, failure, _ := raw.next(); failure != "503:service is stopping" {
					t.Errorf("reply to %s is %q", name, failure)
				}
			}
			if got := nc.NumSubscriptions(); got != before {
				t.Errorf("%d subscriptions are left, want %d", got, before)
			}
			if again := s.Stop(within(t)); !errors.Is(again, err) {
				t.Errorf("Stop again = %v, want the same as before", again)
			}
			g.open()
			for range 2 {
				if name, failure, _ := raw.next(); failure != "" {
					t.Errorf("reply to %s is %q: a handler that returns late is still answered", name, failure)
				}
			}
			raw.silent()
			eventually(t, "the end of the service's goroutines", func() bool { return count() == 1 })
		})
	}
}

func TestStopBesideAnotherStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	call := callAsync(ctx, nc, echo, note{"last"})
	await(t, g.entered, "the handler to run")
	patient := async(func() error { return s.Stop(ctx) })
	awaitGone(t, nc, "$SRV.PING")
	if err := s.Stop(cancelled(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("the Stop that had no time = %v, want Canceled", err)
	}
	g.open()
	if err := await(t, patient, "Stop"); err != nil {
		t.Errorf("the Stop that had time = %v", err)
	}
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

// A removal that waits for a handler once kept Stop, and with it Serve and Done, waiting too.
func TestStopDoesNotWaitForARemoval(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"stop", "close"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
			g := newGate()
			defer g.open()
			s := start(t, nc, config(), echo.Handle(g.handle))
			newRawClient(t, caller).send("stuck", "echo", `{}`)
			await(t, g.entered, "the handler to run")
			removed := async(func() error { return s.RemoveEndpoint(ctx, "echo") })
			eventually(t, "the endpoint to be gone", func() bool { return len(s.Info().Endpoints) == 0 })
			if end == "close" {
				nc.Close()
			} else {
				ended, cancel := context.WithCancel(ctx)
				cancel()
				if err := s.Stop(ended); !errors.Is(err, typednats.ErrAbandoned) {
					t.Errorf("Stop = %v, want ErrAbandoned: a handler of the endpoint still runs", err)
				}
			}
			await(t, s.Done(), "Done")
			await(t, await(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
			g.open()
			if err := await(t, removed, "RemoveEndpoint"); err != nil {
				t.Errorf("RemoveEndpoint: %v", err)
			}
		})
	}
}

func TestStopOnAClosedConnection(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	reports := make(reportLog, 10)
	s := start(t, nc, config(reports.config), echo.Handle(g.handle, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, nc)
	raw.send("running", "echo", `{}`)
	raw.send("queued", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	eventually(t, "both requests to arrive", func() bool { return requestsOf(s, "echo") == 2 })
	nc.Close()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	await(t, s.Done(), "Done")
	await(t, await(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
	g.open()
	if report := await(t, reports, "a report"); !errors.Is(report.Err, nats.ErrConnectionClosed) {
		t.Errorf("reported %v, want that the reply could not be sent", report.Err)
	}
	if len(g.entered) > 0 {
		t.Error("a request ran although nobody can get its reply")
	}
}

func TestClosingTheConnectionStopsTheService(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(repeat, typednats.WithMaxConcurrent(1)))
	nc.Close()
	await(t, s.Done(), "Done")
}

// A handler that changed its service while Stop waited for it once waited for ever.
func TestHandlerMayTryToChangeAServiceThatStops(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	var service atomic.Pointer[typednats.Service]
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		_, _ = g.handle(ctx, in)
		s := service.Load()
		for _, err := range []error{
			s.AddEndpoints(echo.InSubject("b").Handle(repeat)), s.RemoveEndpoint(ctx, "echo"),
		} {
			if !errors.Is(err, typednats.ErrServiceStopped) {
				t.Errorf("change = %v, want ErrServiceStopped", err)
			}
		}
		return in, nil
	}))
	service.Store(s)
	call := callAsync(ctx, nc, echo, note{"last"})
	await(t, g.entered, "the handler to run")
	stop := async(func() error { return s.Stop(ctx) })
	awaitGone(t, nc, "$SRV.PING")
	g.open()
	if err := await(t, stop, "Stop"); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

// Draining one endpoint once took its subscription away while another was still waited for.
func TestStopDrainsManyEndpoints(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	const endpoints, each = 20, 10
	var bound []typednats.BoundEndpoint
	for i := range endpoints {
		bound = append(bound, echo.InSubject(fmt.Sprint("many.", i)).Handle(repeat, typednats.WithMaxConcurrent(1+i%3)))
	}
	s := start(t, nc, config(), bound...)
	raw := newRawClient(t, caller)
	for i := range endpoints * each {
		raw.send(strconv.Itoa(i), fmt.Sprint("many.", i%endpoints), `{}`)
	}
	if err := caller.FlushTimeout(patience); err != nil { // the server has them all
		t.Fatalf("flush: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	seen := map[string]bool{}
	for range endpoints * each {
		name, failure, _ := raw.next()
		if failure != "" || seen[name] {
			t.Errorf("reply to %s: %q, seen before: %v", name, failure, seen[name])
		}
		seen[name] = true
	}
	raw.silent()
}

// Instances are stopped and started again in turn while many callers call, without retries: each call gets its reply,
// and none runs twice.
func TestRollingRestartLosesNoCall(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	const instances, rounds, callers, callsEach = 10, 5, 20, 200
	var ledger sync.Map // how often a request ran, by its text
	handle := func(_ context.Context, in note) (note, error) {
		ran, _ := ledger.LoadOrStore(in, new(atomic.Int64))
		ran.(*atomic.Int64).Add(1)
		return in, nil
	}
	var conns []*nats.Conn
	var running, stopped []*typednats.Service
	for range instances {
		nc := srv.Connect(t)
		conns, running = append(conns, nc), append(running, start(t, nc, config(), echo.Handle(handle)))
	}
	var calls atomic.Int64
	quit := make(chan struct{})
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(quit)
		wg.Wait()
	})
	defer end()
	for i := range callers {
		nc := srv.Connect(t)
		var r typednats.Requester = nc
		if i%2 == 0 {
			r = typednats.NewClient(nc)
		}
		ctx := within(t)
		wg.Go(func() {
			for n, over := 0, false; n < callsEach || !over; n++ {
				in := note{fmt.Sprintf("call %d of caller %d", n, i)}
				if out, err := typednats.RequestService(ctx, r, echo, in); err != nil || out != in {
					t.Errorf("%s = %v, %v", in.Text, out, err)
				}
				calls.Add(1)
				select {
				case <-quit:
					over = true
				default:
				}
			}
		})
	}
	for range rounds {
		for i, s := range running {
			if err := s.Stop(within(t)); err != nil {
				t.Errorf("Stop: %v", err)
			}
			stopped = append(stopped, s)
			running[i] = start(t, conns[i], config(), echo.Handle(handle))
			seen := calls.Load()
			eventually(t, "calls while all instances run", func() bool { return calls.Load() >= seen+20 })
		}
	}
	end()
	ran := 0
	ledger.Range(func(in, times any) bool {
		ran++
		if n := times.(*atomic.Int64).Load(); n != 1 {
			t.Errorf("%s ran %d times", in.(note).Text, n)
		}
		return true
	})
	received := 0
	for _, s := range append(stopped, running...) {
		received += requestsOf(s, "echo")
	}
	made := int(calls.Load())
	compare(t, "requests that ran, and that the instances count", [2]int{made, made}, [2]int{ran, received})
	t.Logf("%d calls, %d restarts", made, instances*rounds)
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	before := nc.NumSubscriptions()
	g := newGate()
	defer g.open()
	serving, cancel := context.WithCancel(ctx)
	served := async(func() error { return typednats.Serve(serving, nc, config(), echo.Handle(g.handle)) })
	awaitServed(t, caller)
	call := callAsync(ctx, caller, echo, note{"last"})
	handlerCtx := await(t, g.ctxs, "the handler to run")
	cancel()
	awaitGone(t, caller, "echo")
	if handlerCtx.Err() != nil {
		t.Error("the handler's context ended with that of Serve, before DrainTimeout")
	}
	g.open()
	if err := await(t, served, "Serve"); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
	if got := nc.NumSubscriptions(); got != before {
		t.Errorf("%d subscriptions are left, want %d", got, before)
	}
}

// Whoever uses Serve gets the running service, and only a running one.
func TestServeHandsOutItsService(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	ready := make(chan error, 1)
	var got *typednats.Service
	cfg := config(func(c *typednats.ServiceConfig) {
		c.OnStart = func(s *typednats.Service) {
			got = s
			_, err := typednats.RequestService(ctx, nc, echo, note{})
			ready <- errors.Join(s.Ready(ctx), err)
			stop()
		}
	})
	if err := typednats.Serve(ctx, nc, cfg, echo.Handle(repeat)); err != nil {
		t.Error(err)
	}
	if err := await(t, ready, "the service"); err != nil {
		t.Error(err)
	}
	await(t, got.Done(), "the end of the service that was handed out")
	cfg.Name = "no name"
	if err := typednats.Serve(ctx, nc, cfg); err == nil || len(ready) > 0 {
		t.Errorf("service that does not start: %v, handed out: %v", err, len(ready) > 0)
	}
}

func TestServeReportsWhatWentWrong(t *testing.T) {
	t.Parallel()
	t.Run("connection closed", func(t *testing.T) {
		t.Parallel()
		srv := typednatstest.Run(t)
		nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
		served := async(func() error { return typednats.Serve(ctx, nc, config()) })
		awaitServed(t, caller)
		nc.Close()
		if err := await(t, served, "Serve"); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("Serve = %v, want ErrConnectionClosed", err)
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		t.Parallel()
		srv := typednatstest.Run(t)
		nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
		g := newGate()
		defer g.open()
		serving, cancel := context.WithCancel(ctx)
		cfg := config(func(c *typednats.ServiceConfig) { c.DrainTimeout = time.Millisecond })
		served := async(func() error { return typednats.Serve(serving, nc, cfg, echo.Handle(g.handle)) })
		awaitServed(t, caller)
		newRawClient(t, caller).send("stuck", "echo", `{}`)
		await(t, g.entered, "the handler to run")
		cancel()
		err := await(t, served, "Serve")
		if !errors.Is(err, typednats.ErrAbandoned) || !strings.Contains(err.Error(), "1 handlers are still running") {
			t.Errorf("Serve = %v, want ErrAbandoned that counts", err)
		}
	})
	t.Run("bad configuration", func(t *testing.T) {
		t.Parallel()
		err := typednats.Serve(within(t), typednatstest.Server(t), typednats.ServiceConfig{})
		if !errors.Is(err, typednats.ErrInvalidConfig) {
			t.Errorf("Serve = %v, want ErrInvalidConfig", err)
		}
	})
}
