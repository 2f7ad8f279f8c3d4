package typednats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// eventTimeout bounds the wait for an event that must come.
const abandonTimeout = 20 * time.Second

type abandonFixture struct {
	srv     *typednatstest.NATS
	svc     *typednats.Service
	started chan struct{}
	ended   chan error // causes of the ends of handlers' contexts
	wait    typednats.Endpoint[struct{}, struct{}, typednats.Never]
}

// newAbandonFixture serves an endpoint whose handlers wait for the end of their context.
func newAbandonFixture(t *testing.T, opts ...typednats.HandlerOption) *abandonFixture {
	t.Helper()
	f := &abandonFixture{
		srv:     typednatstest.RunSocket(t),
		started: make(chan struct{}, 16),
		ended:   make(chan error, 16),
		wait:    typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("wait"),
	}
	svc, err := typednats.NewService(f.srv.Connect(t), typednats.ServiceConfig{Name: "waiter", Version: "1.0.0"},
		f.wait.Handle(func(ctx context.Context, _ struct{}) (struct{}, error) {
			f.started <- struct{}{}
			<-ctx.Done()
			f.ended <- context.Cause(ctx)
			return struct{}{}, nil
		}, opts...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		_ = svc.Stop(stopped)
	})
	f.svc = svc
	return f
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(abandonTimeout):
		t.Fatalf("%s did not come within %v", what, abandonTimeout)
		panic("unreachable")
	}
}

func TestCancelledCallEndsHandler(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t)
	client := typednats.NewClient(f.srv.Connect(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	failed := make(chan error, 1)
	go func() {
		_, err := typednats.RequestService(ctx, client, f.wait, struct{}{})
		failed <- err
	}()
	receive(t, "the start of the handler", f.started)
	cancel()
	if err := receive(t, "the end of the call", failed); !errors.Is(err, context.Canceled) {
		t.Errorf("call returned %v, want context.Canceled", err)
	}
	if cause := receive(t, "the end of the handler", f.ended); !errors.Is(cause, typednats.ErrCallerGone) {
		t.Errorf("handler's context ended because of %v, want ErrCallerGone", cause)
	}
}

func TestCancelledCallDoesNotRunFromQueue(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t, typednats.WithMaxConcurrent(1))
	client := typednats.NewClient(f.srv.Connect(t))
	call := func() (cancel context.CancelFunc, failed chan error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		failed = make(chan error, 1)
		go func() {
			_, err := typednats.RequestService(ctx, client, f.wait, struct{}{})
			failed <- err
		}()
		return cancel, failed
	}
	cancelFirst, first := call()
	receive(t, "the start of the handler", f.started)
	cancelSecond, second := call()
	for stats, _ := f.svc.EndpointStats("wait"); stats.NumRequests < 2; stats, _ = f.svc.EndpointStats("wait") {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	cancelSecond()
	_ = receive(t, "the end of the second call", second)
	cancelFirst()
	_ = receive(t, "the end of the first call", first)
	_ = receive(t, "the end of the first handler", f.ended)
	if err := f.svc.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.started) != 0 {
		t.Error("the request of a cancelled call was run")
	}
}

func TestLostConnectionEndsHandler(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t)
	nc := f.srv.Connect(t)
	client := typednats.NewClient(nc)
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err := typednats.RequestService(ctx, client, f.wait, struct{}{})
		failed <- err
	}()
	receive(t, "the start of the handler", f.started)
	nc.Close()
	if err := receive(t, "the end of the call", failed); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("call returned %v, want nats.ErrConnectionClosed", err)
	}
	if cause := receive(t, "the end of the handler", f.ended); !errors.Is(cause, typednats.ErrCallerGone) {
		t.Errorf("handler's context ended because of %v, want ErrCallerGone", cause)
	}
}
