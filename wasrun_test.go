package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// answerOf is what WasRun says, as docs/reliability.md has it.
func answerOf(err error) string {
	run, known := typednats.WasRun(err)
	switch {
	case !known:
		return "perhaps"
	case run:
		return "yes"
	default:
		return "no"
	}
}

// TestWasRun holds what a program is told against whether the handler was run.
func TestWasRun(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	ran := make(chan struct{}, 1)
	failing := echo.FailsWith(missing{})
	start(t, srv.Connect(t), config(), failing.Handle(func(ctx context.Context, in note) (note, error) {
		ran <- struct{}{}
		switch in.Text {
		case "declared":
			return note{}, missing{"nut"}
		case "code":
			return note{}, typednats.Errorf(503, "busy")
		case "panic":
			panic("secret")
		case "late":
			<-ctx.Done()
			return note{}, ctx.Err()
		default:
			return in, nil
		}
	}))
	other := typednats.NewEndpoint[note, int, missing]("echo")
	brief := echo.WithTimeout(20 * time.Millisecond)
	for name, test := range map[string]struct {
		call func(r typednats.Requester) error
		want string
	}{
		"reply":     {callOf(failing, note{"x"}), "yes"},
		"declared":  {callOf(failing, note{"declared"}), "yes"},
		"code":      {callOf(failing, note{"code"}), "yes"},
		"panic":     {callOf(failing, note{"panic"}), "yes"},
		"no decode": {callOf(other, note{"x"}), "yes"},
		"late":      {callOf(brief, note{"late"}), "perhaps"},
		"codec":     {callOf(failing.WithCodec(msgpack.Codec), note{}), "no"},
		"decode":    {callOf(typednats.NewEndpoint[int, note, missing]("echo"), 7), "no"},
		"nobody":    {callOf(failing.InSubject("nobody"), note{}), "no"},
		"too large": {callOf(failing, note{strings.Repeat("x", 2<<20)}), "no"},
		"encode":    {callOf(typednats.NewEndpoint[note, note, missing]("echo").WithCodec(raw.Codec), note{}), "no"},
		"endpoint":  {callOf(typednats.NewEndpoint[note, note, missing](""), note{}), "no"},
		"option":    {callOf(failing, note{}, typednats.WithHeader("a b", "c")), "no"},
		"ended": {func(r typednats.Requester) error {
			ended, end := context.WithCancel(t.Context())
			end()
			_, err := typednats.RequestService(ended, r, failing, note{"x"})
			return err
		}, "no"},
	} {
		for kind, r := range requesters(t, nc) {
			err := test.call(r)
			if got := answerOf(err); got != test.want {
				// A call that the service has seen the end of was run for sure.
				if _, interrupted := errors.AsType[*typednats.ServiceError](err); name != "late" || got != "yes" || !interrupted {
					t.Errorf("%s, %s: %v: %q, want %q", kind, name, err, got, test.want)
				}
			}
			if test.want == "no" && len(ran) > 0 {
				t.Errorf("%s, %s: the handler was run", kind, name)
			}
			if test.want != "no" {
				await(t, ran, "the handler")
			}
		}
	}
}

// callOf returns a function that makes a call.
func callOf[In, Out any, Err error](
	e typednats.Endpoint[In, Out, Err], in In, opts ...typednats.CallOption,
) func(typednats.Requester) error {
	return func(r typednats.Requester) error {
		_, err := typednats.RequestService(context.Background(), r, e, in, opts...)
		return err
	}
}

// TestWasRunOfARefusal has the refusals of a service.
func TestWasRunOfARefusal(t *testing.T) {
	t.Parallel()
	for word, code := range map[string]string{
		typednats.RefusedOverload: "503", typednats.RefusedStopping: "503", typednats.RefusedExpired: "504",
		typednats.RefusedAbandoned: "499", typednats.RefusedCodec: "415", typednats.RefusedDecode: "400", "later": "403",
	} {
		nc := typednatstest.Server(t)
		answer(t, nc, "echo", func(*nats.Msg) *nats.Msg { return refusal(code, word) })
		_, err := typednats.RequestService(within(t), nc, echo, note{})
		se, ok := errors.AsType[*typednats.ServiceError](err)
		if !ok || se.Refused != word || answerOf(err) != "no" {
			t.Errorf("%s: %v, refused %+v, run: %q", word, err, se, answerOf(err))
		}
		if word == typednats.RefusedExpired != errors.Is(err, context.DeadlineExceeded) ||
			word == typednats.RefusedAbandoned != errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", word, err)
		}
		// One instance's refusal says nothing of the others.
		if _, err = typednats.RequestService(within(t), nc, echo.WithoutQueueGroup(), note{}); answerOf(err) != "perhaps" {
			t.Errorf("%s, without a queue group: run: %q", word, answerOf(err))
		}
	}
}

// TestWasRunOfSeveralAttempts has an attempt that may have been run before one that was refused.
func TestWasRunOfSeveralAttempts(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	attempts := 0
	answer(t, nc, "again", func(*nats.Msg) *nats.Msg {
		if attempts++; attempts == 1 {
			return nil
		}
		return refusal("503", typednats.RefusedOverload)
	})
	client := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{
		Attempts: 3, Backoff: time.Millisecond, AttemptTimeout: 20 * time.Millisecond,
	}))
	if _, err := typednats.RequestService(within(t), client, again, note{}); answerOf(err) != "perhaps" {
		t.Errorf("%v: run: %q, want perhaps", err, answerOf(err))
	}
	if _, err := typednats.RequestService(within(t), client, again, note{}); answerOf(err) != "no" {
		t.Errorf("%v: run: %q, want no: all were refused", err, answerOf(err))
	}
}

// TestWasRunBehindInterceptors has interceptors that make something else of what the service has answered, or not.
func TestWasRunBehindInterceptors(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	calls := 0
	answer(t, nc, "again", func(*nats.Msg) *nats.Msg {
		if calls++; calls%2 == 1 {
			return nil // which may have been run
		}
		return refusal("503", typednats.RefusedOverload)
	})
	start(t, nc, config(), echo.Handle(repeat))
	client := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{
		Attempts: 2, Backoff: time.Millisecond, AttemptTimeout: 20 * time.Millisecond, Budget: 2,
	}))
	for name, test := range map[string]struct {
		e    typednats.Endpoint[note, note, missing]
		want string
		by   func(ctx context.Context, inv *typednats.Invocation, next typednats.Handler) (any, error)
	}{
		"nil after a reply": {echo, "perhaps", func(ctx context.Context, inv *typednats.Invocation, next typednats.Handler) (any, error) {
			_, err := next(ctx, inv)
			return nil, err
		}},
		"another type in place of a call": {echo, "no", func(context.Context, *typednats.Invocation, typednats.Handler) (any, error) {
			return 5, nil
		}},
		"a strange Invocation": {echo, "no", func(ctx context.Context, _ *typednats.Invocation, next typednats.Handler) (any, error) {
			return next(ctx, &typednats.Invocation{Request: note{}})
		}},
		"a strange Invocation after a reply": {echo, "perhaps", func(ctx context.Context, inv *typednats.Invocation, next typednats.Handler) (any, error) {
			if _, err := next(ctx, inv); err != nil {
				return nil, err
			}
			return next(ctx, nil)
		}},
		"a mistake after attempts": {again, "perhaps", func(ctx context.Context, inv *typednats.Invocation, next typednats.Handler) (any, error) {
			_, _ = next(ctx, inv)
			inv.Request = 5
			return next(ctx, inv)
		}},
	} {
		around := func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) { return test.by(ctx, inv, next) }
		}
		_, err := typednats.RequestService(within(t), client, test.e, note{}, typednats.WithInterceptors(around))
		if failed, ok := errors.AsType[*typednats.CallError](err); !ok || failed.Endpoint == "" || !errors.Is(err, typednats.ErrInvalidConfig) {
			t.Errorf("%s: %v, want a CallError about a mistake", name, err)
		}
		if got := answerOf(err); got != test.want {
			t.Errorf("%s: %v: run: %q, want %s", name, err, got, test.want)
		}
	}
}
