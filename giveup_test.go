package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// giveUpOn returns an interceptor that leaves the next handler running for requests whose text is "slow", once that has
// begun to run.
func giveUpOn(begun <-chan struct{}, instead func(next typednats.Handler, inv *typednats.Invocation) (any, error)) typednats.Interceptor {
	return func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			if inv.Request != (note{"slow"}) {
				return next(ctx, inv)
			}
			go func() { _, _ = next(context.WithoutCancel(ctx), inv) }()
			<-begun
			return instead(next, inv)
		}
	}
}

// A handler that sets headers while the reply of an interceptor that gave up on it was sent ended the process.
func TestHandlerThatWasGivenUpSetsHeaders(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	begun, answered, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	busy := func(ctx context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		if r.Value.Text != "slow" {
			return r.Value, nil
		}
		defer close(ended)
		close(begun)
		for i := 0; ; i++ { // while the reply is sent
			r.ReplyHeader().Set(fmt.Sprint("Late-", i%100), "1")
			select {
			case <-answered:
				return r.Value, ctx.Err()
			default:
			}
		}
	}
	outer := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.ReplyHeader.Set("Outer", "1")
			reply, err := next(ctx, inv)
			inv.ReplyHeader.Set("After", "1")
			return reply, err
		}
	}
	gone := giveUpOn(begun, func(_ typednats.Handler, inv *typednats.Invocation) (any, error) {
		inv.ReplyHeader.Set("Gave-Up", "1")
		return note{"instead"}, nil
	})
	start(t, nc, config(), echo.HandleWith(busy, typednats.WithInterceptors(outer, gone)))
	var header nats.Header
	got, err := typednats.RequestService(within(t), nc, echo, note{"slow"}, typednats.WithReplyHeader(&header))
	close(answered)
	if err != nil || got.Text != "instead" {
		t.Errorf("call = %v, %v", got, err)
	}
	for key := range header {
		if key != "Outer" && key != "After" && key != "Gave-Up" {
			t.Errorf("header %q of the handler that was given up", key)
		}
	}
	await(t, ended, "the handler that was given up")
	if got, err := typednats.RequestService(within(t), nc, echo, note{"next"}); err != nil || got.Text != "next" {
		t.Errorf("the next call = %v, %v", got, err)
	}
}

// The reply of a call that was given up, and its headers, got into that of the call that was made instead.
func TestCallsThatWereGivenUpAreNotMixed(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	released, begun := newGate(), make(chan struct{}, 1)
	defer released.open()
	start(t, nc, config(), echo.HandleWith(func(ctx context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		r.ReplyHeader().Set("From", r.Value.Text)
		if r.Value.Text == "slow" {
			begun <- struct{}{}
			return released.handle(ctx, r.Value)
		}
		return r.Value, nil
	}))
	for name, test := range map[string]struct {
		instead func(next typednats.Handler, inv *typednats.Invocation) (any, error)
		want    string
		header  string
	}{
		"an error": {func(typednats.Handler, *typednats.Invocation) (any, error) {
			return nil, errors.New("too slow")
		}, "", ""},
		"a value": {func(typednats.Handler, *typednats.Invocation) (any, error) { return note{"cached"}, nil }, "cached", ""},
		"another call": {func(next typednats.Handler, inv *typednats.Invocation) (any, error) {
			own := *inv
			own.Request, own.Header = note{"fast"}, nats.Header{}
			reply, err := next(context.Background(), &own)
			inv.ReplyHeader = own.ReplyHeader
			return reply, err
		}, "fast", "fast"},
	} {
		client := newClient(t, nc, typednats.WithInterceptors(giveUpOn(begun, test.instead)))
		for range 50 {
			var header nats.Header
			got, err := typednats.RequestService(within(t), client, echo, note{"slow"}, typednats.WithReplyHeader(&header))
			if (err == nil) != (test.want != "") || got.Text != test.want || header.Get("From") != test.header {
				t.Fatalf("%s: %v, header %v, %v", name, got, header, err)
			}
		}
	}
}
