package typednats_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// While a connection drains, what callbacks call still works, as it does with nats.go alone: with deadline and codec, and
// whether the client was used before or not.
func TestCallOutOfACallbackOfADrainingConnection(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	deadlines := make(chan bool, 16)
	behind := echo.InSubject("behind").WithCodec(msgpack.Codec)
	start(t, srv.Connect(t), config(), behind.Handle(func(ctx context.Context, in note) (note, error) {
		_, ok := ctx.Deadline()
		deadlines <- ok
		return mixed(ctx, in)
	}))
	nc := srv.Connect(t, quietly())
	used := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{Attempts: 2}))
	for _, r := range []typednats.Requester{used, nc} { // the connection has an inbox of its own from here on
		if _, err := typednats.RequestService(within(t), r, behind, note{}); err != nil {
			t.Fatal(err)
		}
		await(t, deadlines, "the handler")
	}
	release := keepDraining(t, nc)
	for name, r := range map[string]typednats.Requester{
		"connection": nc, "client": used, "new client": typednats.NewClient(nc),
	} {
		out, err := typednats.RequestService(context.Background(), r, behind, note{"drains"})
		if err != nil || out.Text != "drains" {
			t.Errorf("%s: call = %v, %v", name, out, err)
			continue
		}
		if !await(t, deadlines, "the handler") {
			t.Errorf("%s: the handler has no deadline", name)
		}
		if _, err := typednats.RequestService(within(t), r, behind, note{"declared"}); !errors.Is(err, missing{"nut"}) {
			t.Errorf("%s: call = %v, want the declared error", name, err)
		}
		if _, err := typednats.RequestService(within(t), r, echo.InSubject("nobody"), note{}); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: call that nobody serves: %v, want nats.ErrNoResponders", name, err)
		}
	}
	release()
	eventually(t, "the end of the connection", nc.IsClosed)
	if _, err := typednats.RequestService(within(t), used, behind, note{}); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("call after the drain: %v, want nats.ErrConnectionClosed", err)
	}
}

// A connection without an inbox of its own cannot get one while it drains.
func TestCallOverADrainingConnectionWithoutAnInbox(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	nc := srv.Connect(t)
	client := typednats.NewClient(nc)
	if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
		t.Fatal(err)
	}
	defer keepDraining(t, nc)()
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		if _, err := typednats.RequestService(within(t), r, echo, note{}); !errors.Is(err, nats.ErrConnectionDraining) {
			t.Errorf("%s: call = %v, want nats.ErrConnectionDraining", name, err)
		}
	}
}

// The server does not send the reply to a call that waits when the drain begins. It ends at once, or is made again
// through the inbox of the connection if that may be done.
func TestCallThatWaitsWhenTheConnectionBeginsToDrain(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	start(t, srv.Connect(t), config(), once.Handle(g.handle))
	nc := srv.Connect(t)
	client := retrying(t, nc, eager())
	if _, err := nc.RequestWithContext(within(t), "nobody", nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatal(err)
	}
	plain := callAsync(within(t), client, once, note{"plain"})
	idempotent := callAsync(within(t), client, again, note{"idempotent"})
	for range 2 {
		await(t, g.entered, "a request")
	}
	defer keepDraining(t, nc)()
	if got := await(t, plain, "the call to end"); !errors.Is(got.err, nats.ErrConnectionDraining) {
		t.Errorf("call that may not be sent again: %v, want nats.ErrConnectionDraining", got.err)
	}
	await(t, g.entered, "the request to be sent again")
	g.open()
	if got := await(t, idempotent, "the reply"); got.err != nil || got.out.Text != "idempotent" {
		t.Errorf("idempotent call = %v, %v", got.out, got.err)
	}
	compare(t, "further requests", 0, len(g.entered))
}

// A handler is at work when the connection of its service begins to drain, and calls on over the same connection. Its
// caller gets the reply.
func TestHandlerOfADrainingConnectionCallsOn(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.InSubject("behind").Handle(repeat))
	nc := srv.Connect(t)
	client := typednats.NewClient(nc)
	if _, err := nc.RequestWithContext(within(t), "nobody", nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatal(err)
	}
	g := newGate()
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		if _, err := g.handle(ctx, in); err != nil {
			return note{}, err
		}
		return typednats.RequestService(ctx, client, echo.InSubject("behind"), in)
	}))
	caller := typednats.NewClient(srv.Connect(t))
	var calls []<-chan ending
	for range 4 {
		calls = append(calls, callAsync(within(t), caller, echo, note{"on"}))
		await(t, g.entered, "the handler to run")
	}
	if err := nc.Drain(); err != nil {
		t.Fatal(err)
	}
	g.open()
	for i, call := range calls {
		if got := await(t, call, "the call to end"); got.err != nil || got.out.Text != "on" {
			t.Errorf("call %d = %v, %v", i, got.out, got.err)
		}
	}
	await(t, s.Done(), "the end of the service")
}
