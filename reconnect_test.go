package typednats_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// restarted returns a server that listens where an earlier one has.
func restarted(t *testing.T, former *net.TCPAddr, opts ...func(*server.Options)) *typednatstest.NATS {
	t.Helper()
	return typednatstest.RunSocket(t, append(opts, func(o *server.Options) { o.Port = former.Port })...)
}

// disconnect makes the server close a connection.
func disconnect(t *testing.T, srv *typednatstest.NATS, nc *nats.Conn) {
	t.Helper()
	id, err := nc.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.DisconnectClientByID(id); err != nil {
		t.Fatal(err)
	}
}

func TestServiceAndClientSurviveARestartOfTheServer(t *testing.T) {
	t.Parallel()
	count := goroutines(t)
	srv := typednatstest.RunSocket(t)
	addr := srv.Addr().(*net.TCPAddr)

	var ran atomic.Int64
	toAll := echo.InSubject("all").WithoutQueueGroup()
	back1, serviceIsBack := signal()
	back2, clientIsBack := signal()
	gone, clientIsGone := signal()
	s := start(t, srv.Connect(t, reconnecting(nats.ReconnectHandler(back1))...), config(),
		echo.Handle(counting(&ran)), toAll.Handle(counting(&ran)))
	nc := srv.Connect(t, reconnecting(nats.ReconnectHandler(back2),
		nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) { gone(nc) }))...)
	client := typednats.NewClient(nc)

	load := newLoad(t)
	for range 4 {
		load.start(client, echo, 200*time.Millisecond)
		load.start(client, toAll, 200*time.Millisecond)
		load.start(nc, echo, 200*time.Millisecond)
	}
	load.more(500)
	subscriptions, before := srv.NumSubscriptions(), count()

	srv.Shutdown()
	srv.WaitForShutdown()
	await(t, clientIsGone, "the connection to break")
	failed := load.failures.Load()
	eventually(t, "each caller to fail", func() bool { return load.failures.Load() >= failed+3*12 })
	srv = restarted(t, addr)
	await(t, serviceIsBack, "the service to be back")
	await(t, clientIsBack, "the client to be back")
	load.more(500)
	eventually(t, "as many subscriptions as before", func() bool { return srv.NumSubscriptions() == subscriptions })
	eventually(t, "the end of the goroutines that the outage needed", func() bool { return count() <= before+10 })
	load.stop()

	stats, err := discovery.New(srv.Connect(t)).StatsInstance(within(t), "test", s.ID())
	if err != nil {
		t.Fatalf("the service does not answer $SRV.STATS: %v", err)
	}
	var requests, failures int64
	for _, e := range stats.Endpoints {
		if e.NumErrors > e.NumRequests {
			t.Errorf("endpoint at %q has %d errors of %d requests", e.Subject, e.NumErrors, e.NumRequests)
		}
		requests, failures = requests+int64(e.NumRequests), failures+int64(e.NumErrors)
	}
	// The handler never fails, so an error is a request that was refused.
	if got := ran.Load(); got != requests-failures {
		t.Errorf("the handler ran %d times, want %d requests less %d errors", got, requests, failures)
	}
	if got := load.replies.Load(); got > requests-failures {
		t.Errorf("%d replies came of %d requests", got, requests-failures)
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	eventually(t, "the end of the subscriptions", func() bool { return srv.NumSubscriptions() < subscriptions })
}

func TestRequestIsAnsweredAfterItsServiceReconnected(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(t *testing.T, srv *typednatstest.NATS, p *proxy, nc *nats.Conn){
		"by the server": func(t *testing.T, srv *typednatstest.NATS, _ *proxy, nc *nats.Conn) {
			t.Helper()
			disconnect(t, srv, nc)
		},
		"by the network": func(t *testing.T, _ *typednatstest.NATS, p *proxy, _ *nats.Conn) {
			t.Helper()
			p.cut()
		},
		"by the service's owner": func(t *testing.T, _ *typednatstest.NATS, _ *proxy, nc *nats.Conn) {
			t.Helper()
			if err := nc.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			p := newProxy(t, srv)
			back, isBack := signal()
			nc := p.connect(t, reconnecting(nats.ReconnectHandler(back))...)
			caller, ctx := srv.Connect(t), within(t)
			g := newGate()
			defer g.open()
			s := start(t, nc, config(), echo.Handle(g.handle))
			client := typednats.NewClient(caller)
			call := callAsync(ctx, client, echo, note{"across"})
			handlerCtx := await(t, g.ctxs, "the handler to run")
			cut(t, srv, p, nc)
			await(t, isBack, "the connection to be back")
			if err := nc.FlushTimeout(patience); err != nil {
				t.Fatal(err)
			}
			// Until the server has noticed the end of the former connection, it may send requests there.
			eventually(t, "the end of the former connection", func() bool { return srv.NumClients() == 2 })
			if err := handlerCtx.Err(); err != nil {
				t.Errorf("the handler's context ended: %v", err)
			}
			g.open()
			if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "across" {
				t.Errorf("call = %v, %v", got.out, got.err)
			}
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
				t.Errorf("call after the reconnect: %v", err)
			}
			stats, _ := s.EndpointStats("echo")
			compare(t, "requests and errors", [2]int{2, 0}, [2]int{stats.NumRequests, stats.NumErrors})
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
			nobodyServes(t, caller, "echo")
		})
	}
}

func TestCallerThatReconnectsGetsItsReply(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	g := newGate()
	defer g.open()
	start(t, srv.Connect(t), config(), echo.Handle(g.handle))
	back, isBack := signal()
	nc := srv.Connect(t, reconnecting(nats.ReconnectHandler(back))...)
	call := callAsync(within(t), typednats.NewClient(nc), echo, note{"waits"})
	handlerCtx := await(t, g.ctxs, "the handler to run")
	disconnect(t, srv, nc)
	await(t, isBack, "the caller's connection to be back")
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	if err := handlerCtx.Err(); err != nil {
		t.Errorf("the handler's context ended although the caller waits: %v", err)
	}
	g.open()
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "waits" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

func TestCallOverAStalledConnectionEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	p := newProxy(t, srv)
	ctx := within(t)
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	nc := p.connect(t, reconnecting()...)
	for name, r := range map[string]typednats.Requester{"client": typednats.NewClient(nc), "connection": nc} {
		if _, err := typednats.RequestService(ctx, r, echo, note{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p.stall()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		if _, err := typednats.RequestService(short, r, echo, note{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: call over a stalled connection: %v, want DeadlineExceeded", name, err)
		}
		cancel()
		p.resume()
		if _, err := typednats.RequestService(ctx, r, echo, note{}); err != nil {
			t.Errorf("%s: call after the stall: %v", name, err)
		}
	}
}

// nats.go subscribes again, after a reconnect, to what was being drained, and never unsubscribes then: the server went
// on to send requests that nobody received.
func TestEndpointRemovedWithoutConnectionGetsNoRequests(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	addr := srv.Addr().(*net.TCPAddr)
	ctx := within(t)
	gone, isGone := signal()
	back, isBack := signal()
	nc := srv.Connect(t, reconnecting(nats.ReconnectHandler(back),
		nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) { gone(nc) }))...)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	if err := srv.Connect(t).Publish("echo", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	await(t, g.entered, "the handler to run")
	srv.Shutdown()
	await(t, isGone, "the connection to break")
	removed := async(func() error { return s.RemoveEndpoint(ctx, "echo") })
	eventually(t, "the endpoint to be gone", func() bool { return len(s.Info().Endpoints) == 0 })
	srv = restarted(t, addr)
	await(t, isBack, "the connection to be back")
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	g.open()
	if err := await(t, removed, "RemoveEndpoint"); err != nil {
		t.Errorf("RemoveEndpoint: %v", err)
	}
	nobodyServes(t, srv.Connect(t), "echo")
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestStopWithoutConnectionDoesNotWaitForOne(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	gone, isGone := signal()
	nc := srv.Connect(t, nats.MaxReconnects(-1), nats.ReconnectWait(time.Hour),
		nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) { gone(nc) }))
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	newRawClient(t, nc).send("x", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	srv.Shutdown()
	await(t, isGone, "the connection to break")
	g.open()
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	await(t, s.Done(), "Done")
}
