package typednats_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// drain begins to drain a connection and waits until the server has no service on it any more. If the connection is to
// wait for services, it waits until nats.go has ended all subscriptions but as many as that.
func drain(t *testing.T, nc, caller *nats.Conn, waitsFor int) {
	t.Helper()
	if err := nc.Drain(); err != nil {
		t.Fatalf("Drain: %v", err)
	}
	awaitGone(t, caller, "$SRV.PING")
	if waitsFor > 0 {
		eventually(t, "the connection to wait for the service", func() bool { return nc.NumSubscriptions() == waitsFor })
	}
}

// Draining the connection once lost the replies of handlers in flight.
func TestDrainOfTheConnectionLosesNoReply(t *testing.T) {
	t.Parallel()
	login := func(o *server.Options) { o.Username, o.Password = "less", "less" }
	for name, test := range map[string]struct {
		run    func(testing.TB, ...func(*server.Options)) *typednatstest.NATS
		change func(*server.Options)
		before int                               // requests; with a login, some make it certain that the connection waits
		beside func(t *testing.T, nc *nats.Conn) // what else the connection is used for
	}{
		"in this process": {typednatstest.Run, func(*server.Options) {}, 0, nil},
		"over a socket":   {typednatstest.RunSocket, func(*server.Options) {}, 0, nil},
		"with a login":    {typednatstest.RunSocket, login, 20, nil},
		"without echo":    {typednatstest.Run, func(*server.Options) {}, 20, nil}, // a message to itself does not arrive
		"beside requests": {typednatstest.Run, func(*server.Options) {}, 0, func(t *testing.T, nc *nats.Conn) {
			t.Helper()
			awaitGone(t, nc, "nobody")
		}},
		"beside subscriptions": {typednatstest.Run, func(*server.Options) {}, 0, func(t *testing.T, nc *nats.Conn) {
			t.Helper()
			answer(t, nc, "beside", func(*nats.Msg) *nats.Msg { return &nats.Msg{} })
			if _, err := nc.SubscribeSync("sync"); err != nil {
				t.Fatal(err)
			}
		}},
		"beside a client": {typednatstest.Run, func(*server.Options) {}, 0, func(t *testing.T, nc *nats.Conn) {
			t.Helper()
			_, _ = typednats.RequestService(within(t), typednats.NewClient(nc), echo.InSubject("nobody"), note{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, as := test.run(t, test.change), nats.UserInfo("less", "less")
			closed, isClosed := signal()
			count := goroutines(t)
			opts := []nats.Option{as, nats.ClosedHandler(closed)}
			if name == "without echo" {
				opts = append(opts, nats.NoEcho())
			}
			nc, caller := srv.Connect(t, opts...), srv.Connect(t, as)
			if test.beside != nil {
				test.beside(t, nc)
			}
			g := newGate()
			defer g.open()
			open, other := echo.InSubject("open"), echo.InSubject("other")
			s := start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(2)), open.Handle(repeat))
			second := start(t, nc, config(), echo.InSubject("second").Handle(g.handle), other.Handle(repeat))
			raw := newRawClient(t, caller)
			for range test.before {
				for _, e := range []typednats.Endpoint[note, note, missing]{open, other} {
					if _, err := typednats.RequestService(within(t), caller, e, note{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i := range 4 {
				raw.send("a"+strconv.Itoa(i), "echo", `{}`)
				raw.send("b"+strconv.Itoa(i), "second", `{}`)
			}
			eventually(t, "the requests to arrive", func() bool { return requestsOf(s, "echo")+requestsOf(second, "second") == 8 })
			waitsFor := 2
			if name == "beside requests" { // nats.go keeps its own subscription for replies until the others are gone
				waitsFor++
			}
			drain(t, nc, caller, waitsFor)
			g.open()
			for range 8 {
				if name, failure, _ := raw.next(); failure != "" {
					t.Errorf("request %s failed: %s", name, failure)
				}
			}
			await(t, s.Done(), "Done")
			await(t, second.Done(), "Done of the second service")
			await(t, isClosed, "the connection to close")
			mustStop(t, s)
			mustStop(t, second)
			caller.Close()
			eventually(t, "the end of the service's goroutines", func() bool { return count() <= 2 })
		})
	}
}

// A service whose user may only answer makes the connection wait with nothing that the server would refuse.
func TestDrainOfAServiceThatMayOnlyAnswer(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"echo q", "$SRV.>", "_TYPEDNATS.>"}},
		Publish:   &server.SubjectPermission{Deny: []string{">"}},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	})
	refused := make(chan error, 100)
	closed, isClosed := signal()
	nc := srv.Connect(t, nats.UserInfo("less", "less"), nats.ClosedHandler(closed),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	caller, ctx := srv.all(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		if in.Text == "wait" {
			return g.handle(ctx, in)
		}
		return in, nil
	}))
	for range 20 {
		if _, err := typednats.RequestService(ctx, caller, echo, note{}); err != nil {
			t.Fatal(err)
		}
	}
	call := callAsync(ctx, caller, echo, note{"wait"})
	await(t, g.entered, "the handler to run")
	drain(t, nc, caller, 1)
	g.open()
	if got := await(t, call, "the reply"); got.err != nil {
		t.Errorf("call: %v", got.err)
	}
	await(t, s.Done(), "Done")
	await(t, isClosed, "the connection to close")
	select {
	case err := <-refused:
		t.Errorf("the connection's error handler was told: %v", err)
	default:
	}
}

// The first requests of a service that does not make its anchor itself may come just when it stops.
func TestStopLosesNoFirstRequest(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{})
	caller := srv.all(t)
	raw := newRawClient(t, caller)
	for range 20 {
		nc := srv.less(t)
		s := start(t, nc, config(), echo.Handle(repeat))
		for i := range 8 {
			raw.send(strconv.Itoa(i), "echo", `{}`)
		}
		raw.flush()
		mustStop(t, s)
		compare(t, "subscriptions that are left", 0, nc.NumSubscriptions())
		for range 8 {
			if name, failure, _ := raw.next(); failure != "" {
				t.Errorf("request %s failed: %s", name, failure)
			}
		}
	}
	raw.silent()
}

// A service that does not make its anchor itself subscribes to a few requests beside its endpoint. The server may have sent
// more before it learns how many, which once were lost.
func TestStartLosesNoFirstRequest(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.Username, o.Password = "less", "less" })
	p, as := newProxy(t, srv), nats.UserInfo("less", "less")
	nc, caller := p.connect(t, as), srv.Connect(t, as)
	stalled := p.stallAt("UNSUB")
	var s *typednats.Service
	started := async(func() (err error) {
		s, err = typednats.NewService(nc, config(), echo.Handle(repeat))
		return err
	})
	await(t, stalled, "the limit of a subscription to be set")
	raw := newRawClient(t, caller)
	const requests = 100
	for i := range requests {
		raw.send(strconv.Itoa(i), "echo", `{}`)
	}
	raw.flush()
	p.resume()
	if err := await(t, started, "the start"); err != nil {
		t.Fatal(err)
	}
	for range requests {
		if name, failure, _ := raw.next(); failure != "" {
			t.Errorf("request %s failed: %s", name, failure)
		}
	}
	raw.silent()
	mustStop(t, s)
}

func TestServeReturnsWhenTheConnectionDrains(t *testing.T) {
	t.Parallel()
	for name, called := range map[string]bool{"idle": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
			g := newGate()
			defer g.open()
			served := async(func() error { return typednats.Serve(ctx, nc, config(), echo.Handle(g.handle)) })
			awaitServed(t, caller)
			if called {
				newRawClient(t, caller).send("x", "echo", `{}`)
				await(t, g.entered, "the handler to run")
			}
			drain(t, nc, caller, 0)
			g.open()
			if err := await(t, served, "Serve"); err != nil {
				t.Errorf("Serve = %v, want nil after a complete drain", err)
			}
		})
	}
}

func TestDrainOfTheConnectionGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout time.Duration
		then    func(t *testing.T, srv *typednatstest.NATS, nc *nats.Conn)
	}{
		"after DrainTimeout":            {50 * time.Millisecond, func(*testing.T, *typednatstest.NATS, *nats.Conn) {}},
		"when the connection is lost":   {patience, disconnect},
		"when the connection is closed": {patience, func(_ *testing.T, _ *typednatstest.NATS, nc *nats.Conn) { nc.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			closed, isClosed := signal()
			nc, caller, ctx := srv.Connect(t, nats.ClosedHandler(closed)), srv.Connect(t), within(t)
			reports := make(reportLog, 10)
			g := newGate()
			defer g.open()
			cfg := config(reports.config, func(c *typednats.ServiceConfig) { c.DrainTimeout = test.timeout })
			served := async(func() error { return typednats.Serve(ctx, nc, cfg, echo.Handle(g.handle)) })
			awaitServed(t, caller)
			newRawClient(t, caller).send("x", "echo", `{}`)
			await(t, g.entered, "the handler to run")
			drain(t, nc, caller, 1)
			test.then(t, srv, nc)
			await(t, await(t, g.ctxs, "the handler's context").Done(), "the handler's context to end")
			await(t, isClosed, "the connection to close")
			if err := await(t, served, "Serve"); !errors.Is(err, typednats.ErrAbandoned) {
				t.Errorf("Serve = %v, want ErrAbandoned", err)
			}
			if r := await(t, reports, "a report"); r.Endpoint != "" || !errors.Is(r.Err, typednats.ErrAbandoned) {
				t.Errorf("report %+v, want ErrAbandoned about the service", r)
			}
		})
	}
}

// nats.go does not drain a connection that is being made again: it closes it.
func TestDrainOfAConnectionThatIsLost(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	lost, isLost := signal()
	nc := srv.Connect(t, nats.ReconnectWait(patience), nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) { lost(nc) }))
	served := async(func() error { return typednats.Serve(within(t), nc, config(), echo.Handle(repeat)) })
	awaitServed(t, srv.Connect(t))
	srv.Shutdown()
	await(t, isLost, "the connection to break")
	if err := nc.Drain(); !errors.Is(err, nats.ErrConnectionReconnecting) {
		t.Errorf("Drain = %v, want ErrConnectionReconnecting", err)
	}
	if err := await(t, served, "Serve"); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Serve = %v, want ErrConnectionClosed", err)
	}
}

// A service that reconnects keeps what makes the connection wait.
func TestDrainAfterAReconnect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"all", "less"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t, func(o *server.Options) {
				if name == "less" {
					o.Username, o.Password = name, name
				}
			})
			back, isBack := signal()
			as := nats.UserInfo(name, name)
			nc, caller := srv.Connect(t, reconnecting(as, nats.ReconnectHandler(back))...), srv.Connect(t, as)
			ctx := within(t)
			g := newGate()
			defer g.open()
			open := echo.InSubject("open")
			s := start(t, nc, config(), echo.Handle(g.handle), open.Handle(repeat))
			for range 20 {
				if _, err := typednats.RequestService(ctx, caller, open, note{}); err != nil {
					t.Fatal(err)
				}
			}
			disconnect(t, srv, nc)
			await(t, isBack, "the connection to be back")
			eventually(t, "the service to be back", func() bool {
				_, err := typednats.RequestService(ctx, caller, open, note{})
				return err == nil
			})
			call := callAsync(ctx, caller, echo, note{"last"})
			await(t, g.entered, "the handler to run")
			drain(t, nc, caller, 1)
			g.open()
			if got := await(t, call, "the reply"); got.err != nil {
				t.Errorf("call: %v", got.err)
			}
			await(t, s.Done(), "Done")
		})
	}
}
