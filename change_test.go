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

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

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

func TestHandlerMayChangeItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	var s *typednats.Service
	ready := make(chan struct{})
	other := echo.InSubject("other")
	s = start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		<-ready
		s.Reset()
		return in, errors.Join(s.AddEndpoints(other.Handle(repeat)), s.RemoveEndpoint(ctx, "other"))
	}, typednats.WithMaxConcurrent(1)))
	close(ready)
	for range 3 {
		if _, err := typednats.RequestService(ctx, nc, echo, note{}); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorHandlerMayUseItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	var service atomic.Pointer[typednats.Service]
	errs := make(chan error, 10)
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) {
			s := service.Load()
			s.Stats()
			s.Reset()
			errs <- errors.Join(s.AddEndpoints(echo.InSubject("other").Handle(repeat)), s.RemoveEndpoint(ctx, "other"))
		}
	}), echo.Handle(mixed, typednats.WithMaxConcurrent(1)))
	service.Store(s)
	for range 3 {
		_, err := typednats.RequestService(ctx, nc, echo, note{"undeclared"})
		compare(t, "failure", "500:internal error", codeOf(err))
		if err := await(t, errs, "the ErrorHandler"); err != nil {
			t.Error(err)
		}
	}
}

func TestServiceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, ctx := srv.Connect(t), within(t)
	before := nc.NumSubscriptions()
	s := start(t, nc, config(), echo.Handle(mixed, typednats.WithMaxConcurrent(2)))
	var wg sync.WaitGroup
	for i := range 4 {
		caller, own := srv.Connect(t), echo.InSubject(fmt.Sprint("own.", i))
		wg.Go(func() {
			for range 25 {
				if err := s.AddEndpoints(own.Handle(repeat)); err != nil {
					t.Errorf("AddEndpoints: %v", err)
				}
				for _, e := range []typednats.Endpoint[note, note, missing]{echo, own} {
					if _, err := typednats.RequestService(ctx, caller, e, note{}); err != nil {
						t.Errorf("call %q: %v", e.Subject(), err)
					}
				}
				if err := s.RemoveEndpoint(ctx, own.Subject()); err != nil {
					t.Errorf("RemoveEndpoint: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 100 {
				s.Info()
				s.Stats()
				s.EndpointStats("echo")
				s.Reset()
			}
		})
	}
	wg.Wait()
	compare(t, "endpoints at the end", 1, len(s.Info().Endpoints))
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	compare(t, "subscriptions at the end", before, nc.NumSubscriptions())
}
