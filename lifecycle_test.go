package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// ending is one call that runs beside the test.
type ending struct {
	out note
	err error
}

func callAsync(
	ctx context.Context, r typednats.Requester, e typednats.Endpoint[note, note, missing], in note,
) <-chan ending {
	done := make(chan ending, 1)
	go func() {
		out, err := typednats.RequestService(ctx, r, e, in)
		done <- ending{out, err}
	}()
	return done
}

// async runs f beside the test.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func TestAddEndpointsWhileRequestsAreHandled(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	call := callAsync(ctx, nc, echo, note{"busy"})
	await(t, g.entered, "the handler to run")

	added := echo.InSubject("added")
	if err := s.AddEndpoints(added.Handle(repeat)); err != nil {
		t.Fatalf("AddEndpoints: %v", err)
	}
	if out, err := typednats.RequestService(ctx, nc, added, note{"new"}); err != nil || out.Text != "new" {
		t.Errorf("call the new endpoint = %v, %v", out, err)
	}
	g.open()
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "busy" {
		t.Errorf("call the old endpoint = %v, %v", got.out, got.err)
	}
}

func TestRemoveEndpointAnswersWhatItHasAccepted(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	for name, opts := range map[string][]typednats.HandlerOption{
		"bound":      {typednats.WithMaxConcurrent(2)},
		"one by one": {typednats.WithMaxConcurrent(1)},
	} {
		g := newGate()
		defer g.open()
		other := echo.InSubject("stays")
		s := start(t, nc, config(), echo.Handle(g.handle, opts...), other.Handle(repeat))
		before := nc.NumSubscriptions()
		raw := newRawClient(t, caller)
		for i := range 5 {
			raw.send(strconv.Itoa(i), "echo", `{"text":"x"}`)
		}
		await(t, g.entered, "a handler to run")
		eventually(t, "all requests to arrive", func() bool { return requestsOf(s, "echo") == 5 })
		removed := async(func() error { return s.RemoveEndpoint(ctx, "echo") })
		eventually(t, "the endpoint to be gone", func() bool { return len(s.Info().Endpoints) == 1 })
		select {
		case err := <-removed:
			t.Fatalf("%s: RemoveEndpoint = %v, while handlers run", name, err)
		default:
		}
		if _, err := typednats.RequestService(ctx, caller, other, note{}); err != nil {
			t.Errorf("%s: call the endpoint that stays: %v", name, err)
		}
		g.open()
		if err := await(t, removed, "RemoveEndpoint"); err != nil {
			t.Errorf("%s: RemoveEndpoint: %v", name, err)
		}
		for range 5 {
			if got, failure, _ := raw.next(); failure != "" {
				t.Errorf("%s: request %s failed: %s", name, got, failure)
			}
		}
		raw.silent()
		nobodyServes(t, caller, "echo")
		const ofEndpoint = 2 // for requests, and for calls that are given up
		if got := nc.NumSubscriptions(); got != before-ofEndpoint {
			t.Errorf("%s: %d subscriptions, want %d", name, got, before-ofEndpoint)
		}
		if err := s.AddEndpoints(echo.Handle(repeat)); err != nil {
			t.Errorf("%s: add it again: %v", name, err)
		}
		if err := s.Stop(ctx); err != nil {
			t.Errorf("%s: Stop: %v", name, err)
		}
	}
}

func requestsOf(s *typednats.Service, endpoint string) int {
	stats, _ := s.EndpointStats(endpoint)
	return stats.NumRequests
}

func TestRemoveEndpointFindsItByUniqueNameElseBySubject(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	named := func(name, subject string) typednats.BoundEndpoint {
		return typednats.NewEndpoint[note, note, typednats.Never](name).InSubject(subject).Handle(repeat)
	}
	s := start(t, nc, config(),
		named("users", "a"), named("users", "v2.users"), // a name that two have; one has another's name as subject
		named("a", "third"), named("solo", "fourth"), named("users", "users"),
	)
	subjects := func() string {
		var list []string
		for _, e := range s.Info().Endpoints {
			list = append(list, e.Subject)
		}
		return strings.Join(list, " ")
	}
	for _, step := range []struct{ name, want string }{
		{"nobody", "a v2.users third fourth users"},
		{"", "a v2.users third fourth users"},
		{"users", "a v2.users third fourth"}, // by its subject: the name is not unique
		{"a", "a v2.users fourth"},           // by its name, not the one with this subject
		{"fourth", "a v2.users"},             // by its subject
		{"users", "a v2.users"},              // no longer anyone's subject, and still not unique
		{"v2.users", "a"},
		{"users", ""}, // unique now
	} {
		before := subjects()
		err := s.RemoveEndpoint(ctx, step.name)
		if found := before != step.want; found != (err == nil) || !found && !errors.Is(err, typednats.ErrEndpointNotFound) {
			t.Errorf("RemoveEndpoint(%q) = %v", step.name, err)
		}
		if got := subjects(); got != step.want {
			t.Fatalf("after RemoveEndpoint(%q): %q, want %q", step.name, got, step.want)
		}
	}
}

func TestRemoveEndpointGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, caller)
	raw.send("running", "echo", `{}`)
	raw.send("queued", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	eventually(t, "both requests to arrive", func() bool { return requestsOf(s, "echo") == 2 })
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := s.RemoveEndpoint(ended, "echo")
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "1 handlers are still running, 1 requests were refused") {
		t.Errorf("RemoveEndpoint = %v, want ErrAbandoned that counts", err)
	}
	if name, failure, _ := raw.next(); name != "queued" || failure != "503:service is stopping" {
		t.Errorf("first reply is to %q: %q", name, failure)
	}
	await(t, await(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
	g.open()
	if name, failure, _ := raw.next(); name != "running" || failure != "" {
		t.Errorf("second reply is to %q: %q", name, failure)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
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

func TestStopWaitsForHandlersAndTheirReplies(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	before := nc.NumSubscriptions()
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
	eventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
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
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	before := nc.NumSubscriptions()
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
	ended, cancel := context.WithCancel(ctx)
	stop := async(func() error { return s.Stop(ended) })
	eventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	cancel()
	err := await(t, stop, "Stop, although no handler returns")
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "2 handlers are still running, 3 requests were refused") {
		t.Errorf("Stop = %v, want ErrAbandoned that counts", err)
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
	if again := s.Stop(ctx); !errors.Is(again, typednats.ErrAbandoned) {
		t.Errorf("Stop again = %v, want the same as before", again)
	}
	g.open()
	for range 2 {
		if name, failure, _ := raw.next(); failure != "" {
			t.Errorf("reply to %s is %q: a handler that returns late is still answered", name, failure)
		}
	}
	raw.silent()
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

func TestStopBesideAnotherStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	call := callAsync(ctx, nc, echo, note{"last"})
	await(t, g.entered, "the handler to run")
	patient := async(func() error { return s.Stop(ctx) })
	eventually(t, "nobody to serve", func() bool {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
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
	eventually(t, "nobody to serve", func() bool {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
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

func TestNoRequestIsLostWhileOneOfTwoInstancesStops(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	ctx := within(t)
	leaving := start(t, srv.Connect(t), config(), echo.Handle(repeat))
	staying := start(t, srv.Connect(t), config(), echo.Handle(repeat))
	const callers, calls = 4, 150
	var done atomic.Int32
	half := make(chan struct{})
	var wg sync.WaitGroup
	for c := range callers {
		nc := srv.Connect(t)
		wg.Go(func() {
			for i := range calls {
				in := note{fmt.Sprint(c, i)}
				if out, err := typednats.RequestService(ctx, nc, echo, in); err != nil || out != in {
					t.Errorf("call %d of caller %d = %v, %v", i, c, out, err)
				}
				if done.Add(1) == callers*calls/2 {
					close(half)
				}
			}
		})
	}
	await(t, half, "half of the calls")
	if err := leaving.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	wg.Wait()
	if got := requestsOf(leaving, "echo") + requestsOf(staying, "echo"); got != callers*calls {
		t.Errorf("the instances count %d requests, want %d", got, callers*calls)
	}
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
	eventually(t, "the service to answer", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return err == nil
	})
	call := callAsync(ctx, caller, echo, note{"last"})
	handlerCtx := await(t, g.ctxs, "the handler to run")
	cancel()
	eventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "echo", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
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

func TestServeReportsWhatWentWrong(t *testing.T) {
	t.Parallel()
	t.Run("connection closed", func(t *testing.T) {
		t.Parallel()
		srv := typednatstest.Run(t)
		nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
		served := async(func() error { return typednats.Serve(ctx, nc, config()) })
		eventually(t, "the service to answer", func() bool {
			_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
			return err == nil
		})
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
		eventually(t, "the service to answer", func() bool {
			_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
			return err == nil
		})
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
