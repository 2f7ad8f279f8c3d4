package typednats_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// allow changes what the user may do who may do less than all. It returns when that is so.
func (s guarded) allow(t *testing.T, p server.Permissions) {
	t.Helper()
	opts := s.opts.Clone()
	opts.Users = guardedUsers(p)
	if err := s.ReloadOptions(opts); err != nil {
		t.Fatalf("reload: %v", err)
	}
}

// briefly makes a call that has so little time.
func briefly(t *testing.T, r typednats.Requester, e typednats.Endpoint[note, note, missing], d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(within(t), d)
	defer cancel()
	_, err := typednats.RequestService(ctx, r, e, note{})
	return err
}

const brief = 100 * time.Millisecond

// Nobody tells a call that its request was refused; it knows when its time is up. Each of them is told, the second one
// as the first.
func TestForbiddenCallSaysSo(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denyPublish("echo"))
	var ran atomic.Int64
	other := echo.InSubject("other")
	start(t, srv.all(t), config(), echo.Idempotent().Handle(counting(&ran)), other.Handle(repeat))
	nc := srv.less(t)
	client := retrying(t, nc, typednats.Retry{Attempts: 1000, AttemptTimeout: brief})
	for i := range 3 {
		began := nc.Stats().OutMsgs
		err := briefly(t, client, echo.Idempotent(), patience)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("call %d: %v, want DeadlineExceeded and ErrPermissionViolation", i, err)
		}
		compare(t, "how many requests were sent", uint64(1), nc.Stats().OutMsgs-began)
	}
	if err := briefly(t, nc, echo, brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bare connection: %v, want DeadlineExceeded", err)
	}
	compare(t, "forbidden requests that ran", int64(0), ran.Load())
	if _, err := typednats.RequestService(within(t), client, other, note{}); err != nil {
		t.Errorf("call of an endpoint that is allowed: %v", err)
	}
}

// The connection keeps the last refusal for good. It is not blamed for what comes later, whoever ran into it.
func TestOldRefusalIsNotBlamed(t *testing.T) {
	t.Parallel()
	for name, ran := range map[string]func(t *testing.T, nc *nats.Conn, client *typednats.Client){
		"of this client": func(t *testing.T, _ *nats.Conn, client *typednats.Client) {
			t.Helper()
			_ = briefly(t, client, echo, brief)
		},
		"of another client": func(t *testing.T, nc *nats.Conn, _ *typednats.Client) {
			t.Helper()
			_ = briefly(t, typednats.NewClient(nc), echo, brief)
		},
		"of the connection": func(t *testing.T, nc *nats.Conn, client *typednats.Client) {
			t.Helper()
			_ = briefly(t, client, echo, brief)
			_ = briefly(t, nc, echo, brief)
		},
		"of a call that was cancelled": func(t *testing.T, nc *nats.Conn, client *typednats.Client) {
			t.Helper()
			ctx, cancel := context.WithCancel(within(t))
			call := callAsync(ctx, client, echo, note{})
			eventually(t, "the refusal", func() bool { return nc.LastError() != nil })
			cancel()
			await(t, call, "the call to end")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, denyPublish("echo", "_TYPEDNATS.>"))
			g := newGate()
			defer g.open()
			start(t, srv.all(t), config(), echo.Handle(g.handle), echo.InSubject("other").Handle(repeat))
			nc := srv.less(t)
			client := typednats.NewClient(nc)
			if err := briefly(t, client, echo.InSubject("other"), patience); err != nil {
				t.Fatal(err)
			}
			ran(t, nc, client)
			if !errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
				t.Fatalf("the connection keeps %v, want the refusal", nc.LastError())
			}
			srv.allow(t, server.Permissions{})
			for range 2 {
				err := briefly(t, client, echo, brief)
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("call that is allowed: %v, want DeadlineExceeded alone", err)
				}
				await(t, g.entered, "the handler to run")
			}
		})
	}
}

// The server refuses the inbox: calls say so at once. When it is allowed the same client works.
func TestClientRecoversWhenItsInboxIsAllowed(t *testing.T) {
	t.Parallel()
	for name, allow := range map[string]func(t *testing.T, srv guarded, nc *nats.Conn){
		"by a reload": func(t *testing.T, srv guarded, _ *nats.Conn) {
			t.Helper()
			srv.allow(t, server.Permissions{})
		},
		"and the connection made anew": func(t *testing.T, srv guarded, nc *nats.Conn) {
			t.Helper()
			srv.allow(t, server.Permissions{})
			reconnects := nc.Stats().Reconnects
			if err := nc.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the connection to be back", func() bool { return nc.Stats().Reconnects > reconnects && nc.IsConnected() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, denySubscribe("_INBOX.>"))
			start(t, srv.all(t), config(), echo.Handle(repeat))
			nc := srv.less(t)
			client := retrying(t, nc, typednats.Retry{Attempts: 3, AttemptTimeout: patience / 2})
			for i := range 3 {
				if err := briefly(t, client, echo.Idempotent(), patience); !errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("call %d: %v, want ErrPermissionViolation", i, err)
				}
			}
			before := nc.Stats().OutMsgs
			_ = briefly(t, client, echo, patience)
			compare(t, "requests whose replies cannot come", uint64(0), nc.Stats().OutMsgs-before)
			allow(t, srv, nc)
			for range 2 {
				if err := briefly(t, client, echo, patience); err != nil {
					t.Errorf("call that is allowed: %v", err)
				}
			}
			compare(t, "subscriptions", 1, nc.NumSubscriptions())
		})
	}
}

// The server takes the inbox away while calls wait, and gives it back.
func TestClientRecoversWhenItsInboxWasRevoked(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]bool{"": false, "and the connection hears of something else after that": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"forbidden"}}})
			g := newGate()
			defer g.open()
			start(t, srv.all(t), config(), echo.Handle(repeat), again.Handle(g.handle))
			nc := srv.less(t)
			client := typednats.NewClient(nc)
			t.Cleanup(func() { _ = client.Close() })
			if err := briefly(t, client, echo, patience); err != nil {
				t.Fatal(err)
			}
			srv.allow(t, server.Permissions{
				Publish:   &server.SubjectPermission{Deny: []string{"forbidden"}},
				Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}},
			})
			eventually(t, "the revocation", func() bool { return errors.Is(nc.LastError(), nats.ErrPermissionViolation) })
			if hide {
				revoked := nc.LastError()
				if err := nc.Publish("forbidden", nil); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the refusal", func() bool { return nc.LastError() != revoked }) //nolint:errorlint // the very one
			}
			waiting := callAsync(within(t), client, again, note{})
			eventually(t, "a call that says so", func() bool {
				return errors.Is(briefly(t, client, echo, 20*time.Millisecond), nats.ErrPermissionViolation)
			})
			if got := await(t, waiting, "the call that waits to end"); !errors.Is(got.err, nats.ErrPermissionViolation) {
				t.Errorf("call that waited: %v, want ErrPermissionViolation", got.err)
			}
			srv.allow(t, server.Permissions{})
			if err := briefly(t, client, echo, patience); err != nil {
				t.Errorf("call that is allowed: %v", err)
			}
		})
	}
}

// It was revoked and given back before anybody called: the server has no subscription, and the first call that gets no
// reply finds out.
func TestClientRecoversFromARevocationThatIsOver(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{})
	start(t, srv.all(t), config(), echo.Handle(repeat))
	nc := srv.less(t)
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	if err := briefly(t, client, echo, patience); err != nil {
		t.Fatal(err)
	}
	srv.allow(t, denySubscribe("_INBOX.>"))
	srv.allow(t, server.Permissions{})
	eventually(t, "a call that succeeds", func() bool { return briefly(t, client, echo, brief) == nil })
}

// A service does not answer; that is no reason to lose replies, or to subscribe without end.
func TestTimeoutsDoNotHarmTheInbox(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	start(t, srv.Connect(t), config(), again.Handle(g.handle), echo.Handle(repeat))
	nc := srv.Connect(t)
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	waiting := callAsync(within(t), client, again, note{"waits"})
	await(t, g.entered, "the handler to run")
	for range 20 {
		if err := briefly(t, client, again, 2*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call of an endpoint that does not answer: %v, want DeadlineExceeded", err)
		}
	}
	g.open()
	if got := await(t, waiting, "the reply"); got.err != nil || got.out.Text != "waits" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
	eventually(t, "one subscription", func() bool { return nc.NumSubscriptions() == 1 })
}

// A call that gets no reply has the client subscribe again. It must not do so when the client is closed, and leaves
// nothing behind.
func TestTimeoutsLeaveNoSubscriptionBehind(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	answer(t, srv.Connect(t), "mute", silence)
	for range 20 {
		nc := srv.Connect(t)
		client := typednats.NewClient(nc)
		var calls []<-chan ending
		for range 8 {
			ctx, cancel := context.WithTimeout(within(t), time.Millisecond)
			defer cancel()
			calls = append(calls, callAsync(ctx, client, echo.InSubject("mute"), note{}))
		}
		first := await(t, calls[0], "a call to end")
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		// One that is being made anew meanwhile ends as soon as that is seen.
		eventually(t, "no subscriptions after Close", func() bool { return nc.NumSubscriptions() == 0 })
		for _, call := range calls[1:] {
			await(t, call, "a call to end")
		}
		eventually(t, "no subscriptions after the last call", func() bool { return nc.NumSubscriptions() == 0 })
		if !errors.Is(first.err, context.DeadlineExceeded) {
			t.Errorf("call = %v, want DeadlineExceeded", first.err)
		}
		nc.Close()
	}
}
