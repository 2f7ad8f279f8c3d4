package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// progress is a reply of which the parts that are left out tell two replies that were mixed.
type progress struct {
	State string            `json:"state"`
	Note  string            `json:"note,omitempty"`
	Tags  map[string]string `json:"tags,omitempty"`
	Steps []string          `json:"steps,omitempty"`
}

// twice is an interceptor that calls next two times and hands both replies to see. What it returns is the second one.
func twice(between func(inv *typednats.Invocation), see func(first, second any)) typednats.Option {
	return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			first, err := next(ctx, inv)
			if err != nil {
				return nil, err
			}
			between(inv)
			second, err := next(ctx, inv)
			see(first, second)
			return second, err
		}
	})
}

func TestEachCallOfNextHasItsOwnReply(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[note, progress, typednats.Never]("progress")
	replies := map[string]progress{
		"first":  {"running", "wait", map[string]string{"a": "1"}, []string{"a", "b"}},
		"second": {State: "done", Tags: map[string]string{"b": "2"}, Steps: []string{"c"}},
	}
	handle := func(_ context.Context, r *typednats.ServiceRequest[note]) (progress, error) {
		r.ReplyHeader().Add("Ran", r.Value.Text)
		r.ReplyHeader().Add("From-"+r.Value.Text, "1")
		return replies[r.Value.Text], nil
	}
	var first, second any
	again := twice(func(inv *typednats.Invocation) {
		inv.Request = note{"second"}
		if inv.Side == typednats.ServerSide {
			inv.ReplyHeader.Set("Between", "1")
		}
	}, func(a, b any) { first, second = a, b })
	eachWay(t, []typednats.BoundEndpoint{
		e.HandleWith(handle), e.InSubject("service").HandleWith(handle, before(func(inv *typednats.Invocation) {
			inv.ReplyHeader.Set("Ran", "nothing")
		}), again),
	}, func(t way) {
		var back nats.Header
		got, err := typednats.RequestService(within(t), t.r, e, note{"first"}, again, typednats.WithReplyHeader(&back))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "replies on the client", [3]any{replies["second"], replies["first"], replies["second"]}, [3]any{got, first, second})
		compare(t, "headers on the client", headerOf("Ran", "second", "From-second", "1"), back)
		got, err = typednats.RequestService(within(t), t.r, e.InSubject("service"), note{"first"}, typednats.WithReplyHeader(&back))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "replies on the service", [3]any{replies["second"], replies["first"], replies["second"]}, [3]any{got, first, second})
		want := nats.Header{"Ran": {"nothing", "second"}, "From-second": {"1"}, "Between": {"1"}}
		compare(t, "headers on the service", want, back)
	})
}

// A header of a reply that was followed by a failure is not that of the failure.
func TestFailureHasNoHeadersOfTheReplyBefore(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "echo", func(*nats.Msg) *nats.Msg {
		return &nats.Msg{Data: []byte(`{"text":"x"}`), Header: headerOf("Stale", "1")}
	})
	again := twice(func(inv *typednats.Invocation) { inv.Header = headerOf("a key", "") }, func(any, any) {})
	back := headerOf("Old", "1")
	_, err := typednats.RequestService(within(t), nc, echo, note{}, again, typednats.WithReplyHeader(&back))
	if !errors.Is(err, typednats.ErrInvalidConfig) || back != nil {
		t.Errorf("call = %v, headers %v", err, back)
	}
}

// What an interceptor puts in place of the request is sent by each attempt that the client makes for it.
func TestRetriesSendTheReplacedRequest(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var tries atomic.Int32
	e := echo.Idempotent()
	start(t, nc, config(), e.Handle(func(_ context.Context, in note) (note, error) {
		if tries.Add(1)%3 != 0 {
			return note{}, typednats.Errorf(503, "not now")
		}
		return in, nil
	}))
	client := typednats.NewClient(nc, before(shout), typednats.WithRetry(typednats.Retry{Attempts: 3}))
	t.Cleanup(func() { _ = client.Close() })
	for range 2 {
		got, err := typednats.RequestService(within(t), client, e, note{"x"})
		if err != nil || got.Text != "X" {
			t.Errorf("call = %v, %v, want X", got, err)
		}
	}
	if n := tries.Load(); n != 6 {
		t.Errorf("%d requests for two calls, want 6", n)
	}
}

// This one asks several instances at a time, and returns when the first has answered. The others go on, beside calls that
// have nothing to do with it.
func TestInterceptorMayCallNextConcurrently(t *testing.T) {
	t.Parallel()
	const calls = 4
	left := make(chan error, 100)
	hedge := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			if inv.Side == typednats.ClientSide {
				ctx = context.WithoutCancel(ctx)
			}
			type answer struct {
				inv   typednats.Invocation
				reply any
				err   error
			}
			answers := make(chan answer, calls)
			for n := range calls {
				own := *inv
				own.Header, own.ReplyHeader = maps.Clone(inv.Header), maps.Clone(inv.ReplyHeader)
				own.Request = note{fmt.Sprint(inv.Request.(note).Text, n)}
				go func() {
					reply, err := next(ctx, &own)
					answers <- answer{own, reply, err}
					left <- err
				}()
			}
			first := <-answers
			inv.ReplyHeader = first.inv.ReplyHeader
			return first.reply, first.err
		}
	})
	handle := func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		r.ReplyHeader().Set("Text", r.Value.Text)
		return r.Value, nil
	}
	eachWay(t, []typednats.BoundEndpoint{
		echo.HandleWith(handle), echo.InSubject("service").HandleWith(handle, hedge),
	}, func(t way) {
		for i := range 20 {
			for subject, opts := range map[string][]typednats.CallOption{"echo": {hedge}, "service": nil} {
				var back nats.Header
				got, err := typednats.RequestService(within(t), t.r, echo.InSubject(subject), note{fmt.Sprint(i, "-")},
					append(opts, typednats.WithReplyHeader(&back))...)
				if err != nil || back.Get("Text") != got.Text {
					t.Fatalf("%s: %v, header %v, %v", subject, got, back, err)
				}
				var plain nats.Header
				same, err := typednats.RequestService(within(t), t.r, echo, note{"plain"}, typednats.WithReplyHeader(&plain))
				if err != nil || same.Text != "plain" || plain.Get("Text") != "plain" {
					t.Fatalf("the call beside it: %v, header %v, %v", same, plain, err)
				}
				for range calls {
					if err := await(t, left, "the end of what was left"); err != nil {
						t.Errorf("%s: %v", subject, err)
					}
				}
			}
		}
	})
}
