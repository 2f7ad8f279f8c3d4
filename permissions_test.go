package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// guarded is a server with a user who may do less than all.
type guarded struct {
	*typednatstest.NATS

	opts *server.Options
}

func newGuarded(t *testing.T, p server.Permissions) guarded {
	t.Helper()
	var s guarded
	s.NATS = typednatstest.Run(t, func(o *server.Options) {
		o.Users = guardedUsers(p)
		s.opts = o.Clone()
	})
	return s
}

func guardedUsers(p server.Permissions) []*server.User {
	return []*server.User{
		{Username: "all", Password: "all"},
		{Username: "less", Password: "less", Permissions: &p},
	}
}

// all is a connection of the user who may do all.
func (s guarded) all(t *testing.T) *nats.Conn {
	t.Helper()
	return s.Connect(t, nats.UserInfo("all", "all"))
}

// less is a connection of the user who may do less.
func (s guarded) less(t *testing.T) *nats.Conn {
	t.Helper()
	return s.Connect(t, nats.UserInfo("less", "less"), quietly())
}

func denySubscribe(subjects ...string) server.Permissions {
	return server.Permissions{Subscribe: &server.SubjectPermission{Deny: subjects}}
}

func denyPublish(subjects ...string) server.Permissions {
	return server.Permissions{Publish: &server.SubjectPermission{Deny: subjects}}
}

func TestNewServiceFailsIfTheServerRefusesASubscription(t *testing.T) {
	t.Parallel()
	denied := typednats.NewEndpoint[note, note, typednats.Never]("forbidden").InSubject("denied")
	const ofEndpoint = `endpoint "forbidden" to "denied"`
	for name, test := range map[string]struct {
		deny []string
		want string // in the error
	}{
		"endpoint":                        {[]string{"denied"}, ofEndpoint},
		"endpoint in its queue group":     {[]string{"denied q"}, ofEndpoint},
		"endpoint, and cancellations":     {[]string{"denied", "_TYPEDNATS.CANCEL.>"}, ofEndpoint},
		"$SRV":                            {[]string{"$SRV.>"}, `"$SRV.`},
		"$SRV, and cancellations":         {[]string{"$SRV.>", "_TYPEDNATS.CANCEL.>"}, `"$SRV.`},
		"a verb for all services":         {[]string{"$SRV.PING"}, `"$SRV.PING"`},
		"a verb for all of the same name": {[]string{"$SRV.STATS.test"}, `"$SRV.STATS.test"`},
		"everything":                      {[]string{">"}, `"$SRV.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, denySubscribe(test.deny...))
			nc, peer := srv.less(t), srv.all(t)
			before, count := srv.NumSubscriptions(), goroutines(t)
			s, err := typednats.NewService(nc, config(),
				echo.Handle(repeat),
				denied.Handle(repeat, typednats.WithMaxConcurrent(1)),
				echo.InSubject("third").Handle(repeat),
			)
			if s != nil || !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("NewService = %v, %v, want ErrPermissionViolation about %s", s, err, test.want)
			}
			compare(t, "subscriptions that the connection has left", 0, nc.NumSubscriptions())
			eventually(t, "the end of the subscriptions", func() bool { return srv.NumSubscriptions() == before })
			eventually(t, "the end of the service's goroutines", func() bool { return count() == 1 })
			nobodyServes(t, peer, "echo")
		})
	}
}

func TestAddEndpointsAddsNoneIfTheServerRefusesOne(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("denied", "_TYPEDNATS.>"))
	nc, peer, ctx := srv.less(t), srv.all(t), within(t)
	s := start(t, nc, config(), echo.Handle(repeat))
	before := nc.NumSubscriptions()
	fine := echo.InSubject("fine")
	err := s.AddEndpoints(fine.Handle(repeat), echo.InSubject("denied").Handle(repeat))
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `endpoint "echo" to "denied"`) {
		t.Errorf("AddEndpoints = %v, want ErrPermissionViolation that names the endpoint", err)
	}
	compare(t, "subscriptions", before, nc.NumSubscriptions())
	if got := s.Info().Endpoints; len(got) != 1 || got[0].Subject != "echo" {
		t.Errorf("endpoints %v, want the first one alone", got)
	}
	nobodyServes(t, peer, "fine")
	if _, err := typednats.RequestService(ctx, peer, echo, note{}); err != nil {
		t.Errorf("call what was there before: %v", err)
	}
	if err := s.AddEndpoints(fine.Handle(repeat)); err != nil {
		t.Errorf("AddEndpoints after a refusal: %v", err)
	}
	if _, err := typednats.RequestService(ctx, peer, fine, note{}); err != nil {
		t.Errorf("call what was added: %v", err)
	}
}

func TestNewServiceFailsBeyondTheServersMaxSubscriptions(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxSubs = 4 })
	nc := srv.Connect(t, quietly())
	s, err := typednats.NewService(nc, config(), echo.Handle(repeat))
	if s != nil || !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
		t.Errorf("NewService = %v, %v, want ErrMaxSubscriptionsExceeded", s, err)
	}
	compare(t, "subscriptions that the connection has left", 0, nc.NumSubscriptions())
}

// The second service does not fit, nor does the third; nats.go's error is the same value each time.
func TestNewServiceFailsBeyondTheServersMaxSubscriptionsAgain(t *testing.T) {
	t.Parallel()
	probe := typednatstest.Server(t)
	start(t, probe, config(), echo.Handle(repeat))
	each := probe.NumSubscriptions()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxSubs = each + each/2 })
	nc := srv.Connect(t, quietly())
	first := start(t, nc, config(), echo.Handle(repeat))
	for range 3 {
		s, err := typednats.NewService(nc, config(), echo.InSubject("other").Handle(repeat))
		if s != nil || !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
			t.Errorf("NewService = %v, %v, want ErrMaxSubscriptionsExceeded", s, err)
		}
	}
	if err := first.AddEndpoints(echo.InSubject("a").Handle(repeat), echo.InSubject("b").Handle(repeat)); err == nil {
		t.Error("AddEndpoints adds what the server does not serve")
	}
	if err := first.Ready(within(t)); err != nil {
		t.Errorf("Ready = %v, though the first service is served", err)
	}
}

// A server that takes fewer subscriptions than the one before leaves a service in part unserved.
func TestReadyKnowsOfSubscriptionsThatWereNotTakenAgain(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	reports := make(reportLog, 10)
	nc := srv.Connect(t, append(reconnecting(), quietly())...)
	s := start(t, nc, config(reports.config), echo.Handle(repeat), echo.InSubject("other").Handle(repeat))
	addr := down(t, srv, nc)
	again := restarted(t, addr, func(o *server.Options) { o.MaxSubs = 5 })
	eventually(t, "Ready to know", func() bool { return errors.Is(s.Ready(within(t)), nats.ErrMaxSubscriptionsExceeded) })
	if r := await(t, reports, "a report"); !errors.Is(r.Err, nats.ErrMaxSubscriptionsExceeded) {
		t.Errorf("reported %+v", r)
	}
	again.Shutdown()
	again.WaitForShutdown()
	eventually(t, "the connection to break", nc.IsReconnecting)
	restarted(t, addr)
	eventually(t, "Ready", func() bool { return s.Ready(within(t)) == nil })
}

// Cancellations are a kindness: nothing but them may fail if they are forbidden.
func TestForbiddenCancellationsHarmNothingElse(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]server.Permissions{
		"to the service": denySubscribe("_TYPEDNATS.>"),
		"to the client":  denyPublish("_TYPEDNATS.>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, p)
			ctx := within(t)
			g := newGate()
			defer g.open()
			wait := echo.InSubject("wait")
			s := start(t, srv.less(t), config(), echo.Handle(repeat), wait.Handle(g.handle))
			client := typednats.NewClient(srv.less(t))
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
				t.Fatalf("call: %v", err)
			}
			givenUp, cancel := context.WithCancel(ctx)
			call := callAsync(givenUp, client, wait, note{})
			handlerCtx := await(t, g.ctxs, "the handler to run")
			cancel()
			if got := await(t, call, "the call to end"); !errors.Is(got.err, context.Canceled) {
				t.Errorf("call that is given up: %v, want Canceled", got.err)
			}
			// That the cancellation was refused says nothing about a later call.
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			_, err := typednats.RequestService(short, client, wait, note{})
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("call that nobody answers in time: %v, want DeadlineExceeded alone", err)
			}
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
				t.Errorf("call after a cancellation that was refused: %v", err)
			}
			if err := handlerCtx.Err(); err != nil {
				t.Errorf("the handler's context ended: %v", err)
			}
			g.open()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}

func TestServiceRunsWithoutDiscovery(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("$SRV.>"))
	nc, peer := srv.less(t), srv.all(t)
	s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.DiscoveryDisabled = true }), echo.Handle(repeat))
	if _, err := typednats.RequestService(within(t), peer, echo, note{}); err != nil {
		t.Errorf("call: %v", err)
	}
	nobodyServes(t, peer, "$SRV.PING")
	compare(t, "endpoints that the program itself sees", 1, len(s.Info().Endpoints))
	mustStop(t, s)
	compare(t, "subscriptions that are left", 0, nc.NumSubscriptions())
}

// A service needs no more than these.
func TestServiceRunsWithTheLeastPermissions(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"echo", "$SRV.>"}},
		Publish:   &server.SubjectPermission{Deny: []string{">"}},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	})
	ctx := within(t)
	s := start(t, srv.less(t), config(), echo.Handle(repeat))
	for name, r := range map[string]typednats.Requester{"client": typednats.NewClient(srv.all(t)), "connection": srv.all(t)} {
		for range 10 {
			if _, err := typednats.RequestService(ctx, r, echo, note{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
