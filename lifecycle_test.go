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
	"github.com/typednats/typednats/internal/natstest"
)

// svcCall is one call that runs beside the test.
type svcCall struct {
	out svcText
	err error
}

func svcGo(
	ctx context.Context, r typednats.Requester, e typednats.Endpoint[svcText, svcText, svcMissing], in svcText,
) <-chan svcCall {
	done := make(chan svcCall, 1)
	go func() {
		out, err := typednats.RequestService(ctx, r, e, in)
		done <- svcCall{out, err}
	}()
	return done
}

// svcAsync runs f beside the test.
func svcAsync(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func TestAddEndpointsWhileRequestsAreHandled(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
	call := svcGo(ctx, nc, svcEcho, svcText{"busy"})
	svcAwait(t, g.entered, "the handler to run")

	added := svcEcho.InSubject("added")
	if err := s.AddEndpoints(added.Handle(svcReflect)); err != nil {
		t.Fatalf("AddEndpoints: %v", err)
	}
	if out, err := typednats.RequestService(ctx, nc, added, svcText{"new"}); err != nil || out.Text != "new" {
		t.Errorf("call the new endpoint = %v, %v", out, err)
	}
	g.release()
	if got := svcAwait(t, call, "the reply"); got.err != nil || got.out.Text != "busy" {
		t.Errorf("call the old endpoint = %v, %v", got.out, got.err)
	}
}

func TestRemoveEndpointAnswersWhatItHasAccepted(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	for name, opts := range map[string][]typednats.HandlerOption{
		"bound":      {typednats.WithMaxConcurrent(2)},
		"one by one": {typednats.WithMaxConcurrent(1)},
	} {
		g := newSvcGate()
		defer g.release()
		other := svcEcho.InSubject("stays")
		s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle, opts...), other.Handle(svcReflect))
		before := nc.NumSubscriptions()
		raw := newSvcRaw(t, caller)
		for i := range 5 {
			raw.send(strconv.Itoa(i), "svc-echo", `{"text":"x"}`)
		}
		svcAwait(t, g.entered, "a handler to run")
		svcEventually(t, "all requests to arrive", func() bool { return svcRequests(s, "svc-echo") == 5 })
		removed := svcAsync(func() error { return s.RemoveEndpoint(ctx, "svc-echo") })
		svcEventually(t, "the endpoint to be gone", func() bool { return len(s.Info().Endpoints) == 1 })
		select {
		case err := <-removed:
			t.Fatalf("%s: RemoveEndpoint = %v, while handlers run", name, err)
		default:
		}
		if _, err := typednats.RequestService(ctx, caller, other, svcText{}); err != nil {
			t.Errorf("%s: call the endpoint that stays: %v", name, err)
		}
		g.release()
		if err := svcAwait(t, removed, "RemoveEndpoint"); err != nil {
			t.Errorf("%s: RemoveEndpoint: %v", name, err)
		}
		for range 5 {
			if got, failure, _ := raw.next(); failure != "" {
				t.Errorf("%s: request %s failed: %s", name, got, failure)
			}
		}
		raw.silent()
		svcNobodyServes(t, caller, "svc-echo")
		const ofEndpoint = 2 // for requests, and for calls that are given up
		if got := nc.NumSubscriptions(); got != before-ofEndpoint {
			t.Errorf("%s: %d subscriptions, want %d", name, got, before-ofEndpoint)
		}
		if err := s.AddEndpoints(svcEcho.Handle(svcReflect)); err != nil {
			t.Errorf("%s: add it again: %v", name, err)
		}
		if err := s.Stop(ctx); err != nil {
			t.Errorf("%s: Stop: %v", name, err)
		}
	}
}

func svcRequests(s *typednats.Service, endpoint string) int {
	stats, _ := s.EndpointStats(endpoint)
	return stats.NumRequests
}

func TestRemoveEndpointFindsItByUniqueNameElseBySubject(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	named := func(name, subject string) typednats.BoundEndpoint {
		return typednats.NewEndpoint[svcText, svcText, typednats.Never](name).InSubject(subject).Handle(svcReflect)
	}
	s := svcStart(t, nc, svcConfig(),
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
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle, typednats.WithMaxConcurrent(1)))
	raw := newSvcRaw(t, caller)
	raw.send("running", "svc-echo", `{}`)
	raw.send("queued", "svc-echo", `{}`)
	svcAwait(t, g.entered, "the handler to run")
	svcEventually(t, "both requests to arrive", func() bool { return svcRequests(s, "svc-echo") == 2 })
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := s.RemoveEndpoint(ended, "svc-echo")
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "1 handlers are still running, 1 requests were refused") {
		t.Errorf("RemoveEndpoint = %v, want ErrAbandoned that counts", err)
	}
	if name, failure, _ := raw.next(); name != "queued" || failure != "503:service is stopping" {
		t.Errorf("first reply is to %q: %q", name, failure)
	}
	svcAwait(t, svcAwait(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
	g.release()
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
			srv := natstest.Run(t)
			nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
			g := newSvcGate()
			defer g.release()
			s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
			newSvcRaw(t, caller).send("stuck", "svc-echo", `{}`)
			svcAwait(t, g.entered, "the handler to run")
			removed := svcAsync(func() error { return s.RemoveEndpoint(ctx, "svc-echo") })
			svcEventually(t, "the endpoint to be gone", func() bool { return len(s.Info().Endpoints) == 0 })
			if end == "close" {
				nc.Close()
			} else {
				ended, cancel := context.WithCancel(ctx)
				cancel()
				if err := s.Stop(ended); !errors.Is(err, typednats.ErrAbandoned) {
					t.Errorf("Stop = %v, want ErrAbandoned: a handler of the endpoint still runs", err)
				}
			}
			svcAwait(t, s.Done(), "Done")
			svcAwait(t, svcAwait(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
			g.release()
			if err := svcAwait(t, removed, "RemoveEndpoint"); err != nil {
				t.Errorf("RemoveEndpoint: %v", err)
			}
		})
	}
}

func TestStopWaitsForHandlersAndTheirReplies(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	before := nc.NumSubscriptions()
	g, slow := newSvcGate(), newSvcGate()
	defer g.release()
	defer slow.release()
	s := svcStart(t, nc, svcConfig(),
		svcEcho.Handle(g.handle, typednats.WithMaxConcurrent(3)),
		svcEcho.InSubject("slow").Handle(slow.handle, typednats.WithMaxConcurrent(1)))
	raw := newSvcRaw(t, caller)
	for i := range 10 {
		raw.send(fmt.Sprint("a", i), "svc-echo", `{}`)
		raw.send(fmt.Sprint("b", i), "slow", `{}`)
	}
	svcEventually(t, "all requests to arrive", func() bool {
		return svcRequests(s, "svc-echo")+svcRequests(s, "slow") == 20
	})
	var stops []<-chan error
	for range 4 {
		stops = append(stops, svcAsync(func() error { return s.Stop(ctx) }))
	}
	svcEventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	slow.release()
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
	g.release()
	for _, stop := range stops {
		if err := svcAwait(t, stop, "Stop"); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	svcAwait(t, s.Done(), "Done")
	raw.flush()
	svcDiff(t, "replies that the server had when Stop returned", 10, len(raw.replies))
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
	if got := svcRequests(s, "svc-echo"); got != 10 {
		t.Errorf("the statistics say %d requests after Stop, want 10", got)
	}
	if err := s.AddEndpoints(svcEcho.Handle(svcReflect)); !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("AddEndpoints = %v, want ErrServiceStopped", err)
	}
	if err := s.RemoveEndpoint(ctx, "svc-echo"); !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("RemoveEndpoint = %v, want ErrServiceStopped", err)
	}
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	before := nc.NumSubscriptions()
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle, typednats.WithMaxConcurrent(2)))
	raw := newSvcRaw(t, caller)
	for i := range 5 {
		raw.send(strconv.Itoa(i), "svc-echo", `{}`)
	}
	svcAwait(t, g.entered, "a handler to run")
	svcAwait(t, g.entered, "another handler to run")
	svcEventually(t, "all requests to arrive", func() bool { return svcRequests(s, "svc-echo") == 5 })
	ended, cancel := context.WithCancel(ctx)
	stop := svcAsync(func() error { return s.Stop(ended) })
	svcEventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	cancel()
	err := svcAwait(t, stop, "Stop, although no handler returns")
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "2 handlers are still running, 3 requests were refused") {
		t.Errorf("Stop = %v, want ErrAbandoned that counts", err)
	}
	svcAwait(t, s.Done(), "Done")
	for range 2 {
		handlerCtx := svcAwait(t, g.ctxs, "a handler's context")
		svcAwait(t, handlerCtx.Done(), "a handler's context to end")
	}
	raw.flush()
	svcDiff(t, "replies that the server had when Stop returned", 3, len(raw.replies))
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
	g.release()
	for range 2 {
		if name, failure, _ := raw.next(); failure != "" {
			t.Errorf("reply to %s is %q: a handler that returns late is still answered", name, failure)
		}
	}
	raw.silent()
}

func TestStopOnAClosedConnection(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	reports := make(svcReports, 10)
	s := svcStart(t, nc, svcConfig(reports.config), svcEcho.Handle(g.handle, typednats.WithMaxConcurrent(1)))
	raw := newSvcRaw(t, nc)
	raw.send("running", "svc-echo", `{}`)
	raw.send("queued", "svc-echo", `{}`)
	svcAwait(t, g.entered, "the handler to run")
	svcEventually(t, "both requests to arrive", func() bool { return svcRequests(s, "svc-echo") == 2 })
	nc.Close()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	svcAwait(t, s.Done(), "Done")
	svcAwait(t, svcAwait(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
	g.release()
	if report := svcAwait(t, reports, "a report"); !errors.Is(report.Err, nats.ErrConnectionClosed) {
		t.Errorf("reported %v, want that the reply could not be sent", report.Err)
	}
	if len(g.entered) > 0 {
		t.Error("a request ran although nobody can get its reply")
	}
}

func TestStopBesideAnotherStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
	call := svcGo(ctx, nc, svcEcho, svcText{"last"})
	svcAwait(t, g.entered, "the handler to run")
	patient := svcAsync(func() error { return s.Stop(ctx) })
	svcEventually(t, "nobody to serve", func() bool {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	if err := s.Stop(svcCancelled(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("the Stop that had no time = %v, want Canceled", err)
	}
	g.release()
	if err := svcAwait(t, patient, "Stop"); err != nil {
		t.Errorf("the Stop that had time = %v", err)
	}
	if got := svcAwait(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

func TestClosingTheConnectionStopsTheService(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcReflect, typednats.WithMaxConcurrent(1)))
	nc.Close()
	svcAwait(t, s.Done(), "Done")
}

// A handler that changed its service while Stop waited for it once waited for ever.
func TestHandlerMayTryToChangeAServiceThatStops(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	var service atomic.Pointer[typednats.Service]
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		_, _ = g.handle(ctx, in)
		s := service.Load()
		for _, err := range []error{
			s.AddEndpoints(svcEcho.InSubject("b").Handle(svcReflect)), s.RemoveEndpoint(ctx, "svc-echo"),
		} {
			if !errors.Is(err, typednats.ErrServiceStopped) {
				t.Errorf("change = %v, want ErrServiceStopped", err)
			}
		}
		return in, nil
	}))
	service.Store(s)
	call := svcGo(ctx, nc, svcEcho, svcText{"last"})
	svcAwait(t, g.entered, "the handler to run")
	stop := svcAsync(func() error { return s.Stop(ctx) })
	svcEventually(t, "nobody to serve", func() bool {
		_, err := nc.RequestWithContext(ctx, "$SRV.PING", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	g.release()
	if err := svcAwait(t, stop, "Stop"); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if got := svcAwait(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

// Draining one endpoint once took its subscription away while another was still waited for.
func TestStopDrainsManyEndpoints(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	const endpoints, each = 20, 10
	var bound []typednats.BoundEndpoint
	for i := range endpoints {
		bound = append(bound, svcEcho.InSubject(fmt.Sprint("many.", i)).Handle(svcReflect, typednats.WithMaxConcurrent(1+i%3)))
	}
	s := svcStart(t, nc, svcConfig(), bound...)
	raw := newSvcRaw(t, caller)
	for i := range endpoints * each {
		raw.send(strconv.Itoa(i), fmt.Sprint("many.", i%endpoints), `{}`)
	}
	if err := caller.FlushTimeout(svcPatience); err != nil { // the server has them all
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
	srv := natstest.Run(t)
	ctx := svcContext(t)
	leaving := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(svcReflect))
	staying := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(svcReflect))
	const callers, calls = 4, 150
	var done atomic.Int32
	half := make(chan struct{})
	var wg sync.WaitGroup
	for c := range callers {
		nc := srv.Connect(t)
		wg.Go(func() {
			for i := range calls {
				in := svcText{fmt.Sprint(c, i)}
				if out, err := typednats.RequestService(ctx, nc, svcEcho, in); err != nil || out != in {
					t.Errorf("call %d of caller %d = %v, %v", i, c, out, err)
				}
				if done.Add(1) == callers*calls/2 {
					close(half)
				}
			}
		})
	}
	svcAwait(t, half, "half of the calls")
	if err := leaving.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	wg.Wait()
	if got := svcRequests(leaving, "svc-echo") + svcRequests(staying, "svc-echo"); got != callers*calls {
		t.Errorf("the instances count %d requests, want %d", got, callers*calls)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	before := nc.NumSubscriptions()
	g := newSvcGate()
	defer g.release()
	serving, cancel := context.WithCancel(ctx)
	served := svcAsync(func() error { return typednats.Serve(serving, nc, svcConfig(), svcEcho.Handle(g.handle)) })
	svcEventually(t, "the service to answer", func() bool {
		_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
		return err == nil
	})
	call := svcGo(ctx, caller, svcEcho, svcText{"last"})
	handlerCtx := svcAwait(t, g.ctxs, "the handler to run")
	cancel()
	svcEventually(t, "nobody to serve", func() bool {
		_, err := caller.RequestWithContext(ctx, "svc-echo", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	if handlerCtx.Err() != nil {
		t.Error("the handler's context ended with that of Serve, before DrainTimeout")
	}
	g.release()
	if err := svcAwait(t, served, "Serve"); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if got := svcAwait(t, call, "the reply"); got.err != nil || got.out.Text != "last" {
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
		srv := natstest.Run(t)
		nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
		served := svcAsync(func() error { return typednats.Serve(ctx, nc, svcConfig()) })
		svcEventually(t, "the service to answer", func() bool {
			_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
			return err == nil
		})
		nc.Close()
		if err := svcAwait(t, served, "Serve"); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("Serve = %v, want ErrConnectionClosed", err)
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		t.Parallel()
		srv := natstest.Run(t)
		nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
		g := newSvcGate()
		defer g.release()
		serving, cancel := context.WithCancel(ctx)
		cfg := svcConfig(func(c *typednats.ServiceConfig) { c.DrainTimeout = time.Millisecond })
		served := svcAsync(func() error { return typednats.Serve(serving, nc, cfg, svcEcho.Handle(g.handle)) })
		svcEventually(t, "the service to answer", func() bool {
			_, err := caller.RequestWithContext(ctx, "$SRV.PING", nil)
			return err == nil
		})
		newSvcRaw(t, caller).send("stuck", "svc-echo", `{}`)
		svcAwait(t, g.entered, "the handler to run")
		cancel()
		err := svcAwait(t, served, "Serve")
		if !errors.Is(err, typednats.ErrAbandoned) || !strings.Contains(err.Error(), "1 handlers are still running") {
			t.Errorf("Serve = %v, want ErrAbandoned that counts", err)
		}
	})
	t.Run("bad configuration", func(t *testing.T) {
		t.Parallel()
		err := typednats.Serve(svcContext(t), natstest.Connect(t), typednats.ServiceConfig{})
		if !errors.Is(err, typednats.ErrInvalidConfig) {
			t.Errorf("Serve = %v, want ErrInvalidConfig", err)
		}
	})
}
