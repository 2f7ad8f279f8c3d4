package typednats_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// fltGuarded is a server with a user who may do less than all.
type fltGuarded struct {
	*typednatstest.NATS
}

func newFltGuarded(t *testing.T, p server.Permissions) fltGuarded {
	t.Helper()
	return fltGuarded{typednatstest.RunSocket(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "all", Password: "all"},
			{Username: "less", Password: "less", Permissions: &p},
		}
	})}
}

func (s fltGuarded) all(t *testing.T) *nats.Conn {
	t.Helper()
	return s.Connect(t, nats.UserInfo("all", "all"))
}

// less is a connection of the user who may do less. Refusals would be printed without an error handler.
func (s fltGuarded) less(t *testing.T) *nats.Conn {
	t.Helper()
	return s.Connect(t, nats.UserInfo("less", "less"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

func fltDenySubscribe(subjects ...string) server.Permissions {
	return server.Permissions{Subscribe: &server.SubjectPermission{Deny: subjects}}
}

func fltDenyPublish(subjects ...string) server.Permissions {
	return server.Permissions{Publish: &server.SubjectPermission{Deny: subjects}}
}

func fltEchoes(_ context.Context, m fltMessage) (fltMessage, error) { return m, nil }

func TestServiceThatMayNotSubscribe(t *testing.T) {
	t.Parallel()
	allowed := fltEcho.InSubject("flt-allowed")
	for name, test := range map[string]struct {
		deny []string
		want string // in the error
	}{
		"its subject":                  {[]string{"flt-echo"}, `endpoint "flt-echo"`},
		"its subject in a queue group": {[]string{"flt-echo q"}, `endpoint "flt-echo"`},
		"its subject nor cancellations": {
			[]string{"flt-echo", "_TYPEDNATS.CANCEL.>"}, `endpoint "flt-echo"`,
		},
		"$SRV":                   {[]string{"$SRV.>"}, `"$SRV.`},
		"$SRV nor cancellations": {[]string{"$SRV.>", "_TYPEDNATS.CANCEL.>"}, `"$SRV.`},
		"one verb of $SRV":       {[]string{"$SRV.PING"}, `"$SRV.PING"`},
		"anything":               {[]string{">"}, `"$SRV.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goroutines := fltGoroutines(t)
			srv := newFltGuarded(t, fltDenySubscribe(test.deny...))
			nc := srv.less(t)
			before, subscriptions := goroutines(), srv.NumSubscriptions()
			svc, err := typednats.NewService(nc, fltConfig, allowed.Handle(fltEchoes), fltEcho.Handle(fltEchoes))
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want nats.ErrPermissionViolation about %s", err, test.want)
			}
			if svc != nil {
				t.Error("there is a service beside the error")
			}
			if n := nc.NumSubscriptions(); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
			fltUntil(t, "end of the subscriptions", func() bool { return srv.NumSubscriptions() == subscriptions })
			fltUntil(t, "end of the goroutines", func() bool { return goroutines() <= before })
		})
	}
}

func TestAddedEndpointThatMayNotSubscribe(t *testing.T) {
	t.Parallel()
	srv := newFltGuarded(t, fltDenySubscribe("flt-echo", "_TYPEDNATS.>"))
	svc := fltServe(t, srv.less(t), fltConfig, fltEcho.InSubject("flt-allowed").Handle(fltEchoes))
	err := svc.AddEndpoints(fltEcho.InSubject("flt-more").Handle(fltEchoes), fltEcho.Handle(fltEchoes))
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `endpoint "flt-echo" to "flt-echo"`) {
		t.Errorf("error %v, want nats.ErrPermissionViolation that names the endpoint", err)
	}
	if got := svc.Info().Endpoints; len(got) != 1 || got[0].Subject != "flt-allowed" {
		t.Errorf("endpoints %v, want the first one alone", got)
	}
	nc := srv.all(t)
	if _, err := typednats.RequestService(t.Context(), nc, fltEcho.InSubject("flt-allowed"), fltMessage{}); err != nil {
		t.Errorf("call of the first endpoint: %v", err)
	}
	_, err = typednats.RequestService(t.Context(), nc, fltEcho.InSubject("flt-more"), fltMessage{})
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("call of an endpoint that was not added: %v, want nats.ErrNoResponders", err)
	}
}

func TestServiceBeyondMaxSubscriptions(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.MaxSubs = 4 })
	nc := srv.Connect(t, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	svc, err := typednats.NewService(nc, fltConfig, fltEcho.Handle(fltEchoes))
	if svc != nil || !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
		t.Errorf("service %v, error %v, want nats.ErrMaxSubscriptionsExceeded", svc, err)
	}
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

// Cancellations are a kindness: nothing but them may fail where they are forbidden.
func TestCancellationForbidden(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]server.Permissions{
		"to the service": fltDenySubscribe("_TYPEDNATS.>"),
		"to the client":  fltDenyPublish("_TYPEDNATS.>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newFltGuarded(t, p)
			held, late := newFltHeld(), newFltHeld()
			wait, tooLong := fltEcho.InSubject("flt-wait"), fltEcho.InSubject("flt-too-long")
			svc := fltServe(t, srv.less(t), fltConfig,
				fltEcho.Handle(fltEchoes), wait.Handle(held.handle), tooLong.Handle(late.handle))
			client := typednats.NewClient(srv.less(t))
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{}); err != nil {
				t.Fatalf("call: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), fltTimeout)
			ended := make(chan error, 1)
			go func() {
				_, err := typednats.RequestService(ctx, client, wait, fltMessage{})
				ended <- err
			}()
			fltReceive(t, "the start of the handler", held.started)
			cancel()
			if err := fltReceive(t, "the end of the call", ended); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled call: %v, want context.Canceled", err)
			}
			// That the cancellation was refused says nothing about a later call.
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := typednats.RequestService(short, client, tooLong, fltMessage{})
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("call that nobody answers in time: %v, want context.DeadlineExceeded alone", err)
			}
			close(late.release)
			close(held.release)
			if err := fltReceive(t, "the end of the handler", held.ended); err != nil {
				t.Errorf("the handler's context ended: %v", err)
			}
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{}); err != nil {
				t.Errorf("call after a cancellation that was refused: %v", err)
			}
			if err := svc.Stop(t.Context()); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestCallThatIsForbidden(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]server.Permissions{
		"publish to the endpoint": fltDenyPublish("flt-echo"),
		"subscribe to the inbox":  fltDenySubscribe("_INBOX.>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newFltGuarded(t, p)
			var ran atomic.Int64
			fltServe(t, srv.all(t), fltConfig, fltEcho.Handle(fltCounting(&ran)), fltEcho.InSubject("flt-other").Handle(fltEchoes))
			nc := srv.less(t)
			client := typednats.NewClient(nc)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				_, err := typednats.RequestService(ctx, client, fltEcho, fltMessage{})
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("error %v, want context.DeadlineExceeded and nats.ErrPermissionViolation", err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := typednats.RequestService(ctx, nc, fltEcho, fltMessage{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("over the bare connection: %v, want context.DeadlineExceeded", err)
			}
			if p.Publish == nil {
				return // without an inbox no reply comes
			}
			if n := ran.Load(); n != 0 {
				t.Errorf("%d forbidden requests were run", n)
			}
			if _, err := typednats.RequestService(t.Context(), client, fltEcho.InSubject("flt-other"), fltMessage{}); err != nil {
				t.Errorf("call of an endpoint that is allowed: %v", err)
			}
		})
	}
}

// A service needs no more than these.
func TestLeastPermissions(t *testing.T) {
	t.Parallel()
	srv := newFltGuarded(t, server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"flt-echo", "$SRV.>"}},
		Publish:   &server.SubjectPermission{Deny: []string{">"}},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	})
	svc := fltServe(t, srv.less(t), fltConfig, fltEcho.Handle(fltEchoes))
	for name, r := range map[string]typednats.Requester{"Client": typednats.NewClient(srv.all(t)), "Conn": srv.all(t)} {
		for n := range 10 {
			if _, err := typednats.RequestService(t.Context(), r, fltEcho, fltMessage{Number: n}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := svc.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
}
