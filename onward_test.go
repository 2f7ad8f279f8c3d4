package typednats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

type onwardKey struct{}

// onward is what becomes of a call that a handler makes with its own context.
type onward struct{ err, cause error }

// startOnward starts a service whose handlers call on, in each way in which they can, to one that does not answer. It
// tells what became of the calls.
func startOnward(t *testing.T) (s *typednats.Service, srv *typednatstest.NATS, subjects []string, calls chan onward, last *gate) {
	t.Helper()
	srv = typednatstest.Run(t)
	nc := srv.Connect(t)
	calls = make(chan onward, 64)
	last = newGate()
	start(t, srv.Connect(t), config(), echo.Handle(last.handle))
	t.Cleanup(last.open)
	nothing := before(func(*typednats.Invocation) {})
	plain, intercepted := typednats.NewClient(nc), typednats.NewClient(nc, nothing)
	retries := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{Attempts: 3}))
	t.Cleanup(func() { _ = errors.Join(plain.Close(), intercepted.Close(), retries.Close()) })
	var bound []typednats.BoundEndpoint
	for subject, call := range map[string]func(ctx context.Context) error{
		"plain": func(ctx context.Context) error {
			_, err := typednats.RequestService(ctx, plain, echo, note{})
			return err
		},
		"intercepted": func(ctx context.Context) error {
			_, err := typednats.RequestService(ctx, intercepted, echo, note{})
			return err
		},
		"retries": func(ctx context.Context) error {
			_, err := typednats.RequestService(ctx, retries, echo, note{})
			return err
		},
		"value": func(ctx context.Context) error {
			_, err := typednats.RequestService(context.WithValue(ctx, onwardKey{}, 1), plain, echo, note{})
			return err
		},
		"child": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			_, err := typednats.RequestService(ctx, plain, echo, note{})
			return err
		},
		"bare": func(ctx context.Context) error {
			_, err := typednats.RequestService(ctx, nc, echo, note{})
			return err
		},
	} {
		subjects = append(subjects, subject)
		bound = append(bound, echo.InSubject(subject).Handle(func(ctx context.Context, in note) (note, error) {
			err := call(ctx)
			calls <- onward{err, context.Cause(ctx)}
			return in, err
		}, nothing))
	}
	return start(t, nc, config(), bound...), srv, subjects, calls, last
}

// A call that a handler makes with its context ends with the caller's deadline.
func TestOnwardCallEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	_, srv, subjects, calls, _ := startOnward(t)
	client := typednats.NewClient(srv.Connect(t))
	t.Cleanup(func() { _ = client.Close() })
	for _, subject := range subjects {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := typednats.RequestService(ctx, client, echo.InSubject(subject), note{})
		cancel()
		if err == nil {
			t.Errorf("%s: the call succeeded", subject)
		}
		got := await(t, calls, "the end of the call from "+subject)
		if !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%s: the call onward ended with %v", subject, got.err)
		}
	}
}

// It ends when the caller gives up, and so does the handler that it has reached.
func TestOnwardCallEndsWithTheCall(t *testing.T) {
	t.Parallel()
	_, srv, subjects, calls, last := startOnward(t)
	client := typednats.NewClient(srv.Connect(t))
	t.Cleanup(func() { _ = client.Close() })
	for _, subject := range subjects {
		ctx, cancel := context.WithCancel(within(t))
		result := async(func() error {
			_, err := typednats.RequestService(ctx, client, echo.InSubject(subject), note{})
			return err
		})
		reached := await(t, last.ctxs, "the last handler")
		cancel()
		if err := await(t, result, "the end of the call"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", subject, err)
		}
		got := await(t, calls, "the end of the call from "+subject)
		if !errors.Is(got.err, context.Canceled) || !errors.Is(got.cause, typednats.ErrCallerGone) {
			t.Errorf("%s: the call onward ended with %v, because of %v", subject, got.err, got.cause)
		}
		if subject != "bare" { // the connection tells nobody
			await(t, reached.Done(), "the end of the last handler")
		}
	}
}

// It ends when the service stops waiting for its handlers.
func TestOnwardCallEndsWithItsService(t *testing.T) {
	t.Parallel()
	s, srv, subjects, calls, _ := startOnward(t)
	caller := srv.Connect(t)
	for _, subject := range subjects {
		if err := caller.PublishRequest(subject, "nobody.waits", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range subjects {
		eventually(t, "the handler runs", func() bool { return requestsOf(s, subject) == 1 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, typednats.ErrAbandoned) {
		t.Errorf("Stop = %v, want ErrAbandoned", err)
	}
	for range subjects {
		if got := await(t, calls, "the end of a call"); !errors.Is(got.err, context.Canceled) {
			t.Errorf("a call onward ended with %v", got.err)
		}
	}
}

// Several calls that a handler makes at a time with one context all end with it.
func TestOnwardCallsShareAContext(t *testing.T) {
	t.Parallel()
	const calls = 3
	srv, last := typednatstest.Run(t), newGate()
	start(t, srv.Connect(t), config(), echo.Handle(last.handle))
	t.Cleanup(last.open)
	nc := srv.Connect(t)
	caller, client := typednats.NewClient(srv.Connect(t)), typednats.NewClient(nc)
	t.Cleanup(func() { _ = errors.Join(caller.Close(), client.Close()) })
	errs := make(chan error, calls)
	start(t, nc, config(), echo.InSubject("several").Handle(func(ctx context.Context, in note) (note, error) {
		for range calls {
			go func() {
				_, err := typednats.RequestService(ctx, client, echo, in)
				errs <- err
			}()
		}
		<-ctx.Done()
		return in, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(within(t))
	result := async(func() error {
		_, err := typednats.RequestService(ctx, caller, echo.InSubject("several"), note{})
		return err
	})
	for range calls {
		await(t, last.entered, "a call onward")
	}
	cancel()
	if err := await(t, result, "the end of the call"); !errors.Is(err, context.Canceled) {
		t.Errorf("call = %v", err)
	}
	for range calls {
		if err := await(t, errs, "the end of a call onward"); !errors.Is(err, context.Canceled) {
			t.Errorf("a call onward = %v", err)
		}
	}
}
