package typednats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// callThatVanishes makes a call and closes its connection while the handler runs.
func callThatVanishes(t *testing.T, f *abandonFixture) {
	t.Helper()
	nc := f.srv.Connect(t)
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err := typednats.RequestService(ctx, typednats.NewClient(nc), f.wait, struct{}{})
		failed <- err
	}()
	receive(t, "the start of the handler", f.started)
	nc.Close()
	if err := receive(t, "the end of the call", failed); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("call returned %v, want nats.ErrConnectionClosed", err)
	}
}

// A service that first looks after its callers while it stops subscribed then, and never unsubscribed.
func TestStopNoticesLostCallersAndLeavesNoSubscription(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t)
	if err := f.svc.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	nc := f.srv.Connect(t)
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "waiter", Version: "1.0.0"},
		f.wait.Handle(func(ctx context.Context, _ struct{}) (struct{}, error) {
			f.started <- struct{}{}
			<-ctx.Done()
			f.ended <- context.Cause(ctx)
			return struct{}{}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	callThatVanishes(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), abandonTimeout)
	defer cancel()
	if err := svc.Stop(ctx); err != nil {
		t.Error(err)
	}
	if cause := receive(t, "the end of the handler", f.ended); !errors.Is(cause, typednats.ErrCallerGone) {
		t.Errorf("handler's context ended because of %v, want ErrCallerGone", cause)
	}
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

// The callers of an endpoint that was being removed were not looked after.
func TestRemoveEndpointNoticesLostCallers(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t)
	callThatVanishes(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), abandonTimeout)
	defer cancel()
	if err := f.svc.RemoveEndpoint(ctx, f.wait.Name()); err != nil {
		t.Error(err)
	}
	if cause := receive(t, "the end of the handler", f.ended); !errors.Is(cause, typednats.ErrCallerGone) {
		t.Errorf("handler's context ended because of %v, want ErrCallerGone", cause)
	}
}

// An empty message on the cancel subject ended the requests without a reply subject that were in the queue.
func TestEmptyCancellationCancelsNothing(t *testing.T) {
	t.Parallel()
	f := newAbandonFixture(t, typednats.WithMaxConcurrent(1))
	nc := f.srv.Connect(t)
	for _, timeout := range []string{"500", "3000"} { // the second one waits for the first
		msg := &nats.Msg{Subject: f.wait.Subject(), Header: nats.Header{typednats.TimeoutHeader: {timeout}}}
		if err := nc.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish("_TYPEDNATS.CANCEL."+f.wait.Subject(), nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if cause := receive(t, "the end of a handler", f.ended); !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("handler's context ended because of %v, want context.DeadlineExceeded", cause)
		}
	}
}
