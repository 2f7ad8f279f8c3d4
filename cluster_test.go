package typednats_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

func TestServiceAndClientsSurviveTheLossOfANode(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 3)
	back1, serviceIsBack := signal()
	back2, clientIsBack := signal()
	var ran1, ran2 atomic.Int64
	lost := start(t, nodes[0].Connect(t, reconnecting(nats.ReconnectHandler(back1))...), config(),
		echo.Handle(counting(&ran1)))
	kept := start(t, nodes[1].Connect(t), config(), echo.Handle(counting(&ran2)))

	retry := typednats.WithRetry(typednats.Retry{Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond})
	load := newLoad(t)
	var clients []*typednats.Client
	for i, node := range nodes {
		var opts []nats.Option
		if i == 0 {
			opts = append(opts, nats.ReconnectHandler(back2))
		}
		client := typednats.NewClient(node.Connect(t, reconnecting(opts...)...), retry)
		clients = append(clients, client)
		for range 2 {
			load.start(client, echo, 500*time.Millisecond)
		}
	}
	load.more(300)
	eventually(t, "a request at each instance", func() bool { return ran1.Load() > 0 && ran2.Load() > 0 })

	nodes[0].Shutdown()
	nodes[0].WaitForShutdown()
	await(t, serviceIsBack, "the service that lost its server to be back")
	await(t, clientIsBack, "the client that lost its server to be back")
	load.more(300)
	again := ran1.Load()
	eventually(t, "a request at the instance that moved", func() bool { return ran1.Load() > again })
	load.stop()

	ctx := within(t)
	for i, client := range clients {
		for range 10 {
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
				t.Errorf("client %d, after the move: %v", i, err)
			}
		}
	}
	disco := discovery.New(nodes[2].Connect(t))
	for s, ran := range map[*typednats.Service]*atomic.Int64{lost: &ran1, kept: &ran2} {
		if _, err := disco.PingInstance(ctx, "test", s.ID()); err != nil {
			t.Errorf("ping after the move: %v", err)
		}
		for _, e := range s.Stats().Endpoints {
			if got := int(ran.Load()); got != e.NumRequests-e.NumErrors {
				t.Errorf("the handler ran %d times, want %d requests less %d that were refused", got, e.NumRequests, e.NumErrors)
			}
		}
	}
}

func TestServerInLameDuckModeLosesNoCall(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 2, func(o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 50*time.Millisecond
	})
	var ran atomic.Int64
	start(t, nodes[1].Connect(t), config(), echo.Handle(counting(&ran)))
	lame, isLame := signal()
	back, isBack := signal()
	nc := nodes[0].Connect(t, reconnecting(nats.LameDuckModeHandler(lame), nats.ReconnectHandler(back))...)
	patient := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{
		Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond, AttemptTimeout: 200 * time.Millisecond,
	}))
	// One caller may not send twice, so the move can cost it a call; the other may, and must not notice.
	plain, idempotent := newLoad(t), newLoad(t)
	plain.start(typednats.NewClient(nc), echo, 500*time.Millisecond)
	idempotent.start(patient, echo.Idempotent(), patience)
	plain.more(50)
	idempotent.more(50)

	over := async(func() error {
		nodes[0].LameDuckShutdown()
		return nil
	})
	await(t, isLame, "the news of lame duck mode")
	await(t, isBack, "the client on another server")
	if err := await(t, over, "the end of lame duck mode"); err != nil {
		t.Error(err)
	}
	plain.more(50)
	idempotent.more(50)
	plain.stop()
	idempotent.stop()
	if n := idempotent.failures.Load(); n > 0 {
		t.Errorf("%d calls of an idempotent endpoint failed", n)
	}
}

func TestServiceMovesFromAServerInLameDuckMode(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 2, func(o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 50*time.Millisecond
	})
	ctx := within(t)
	back, isBack := signal()
	g := newGate()
	defer g.open()
	s := start(t, nodes[0].Connect(t, reconnecting(nats.ReconnectHandler(back))...), config(), echo.Handle(g.handle))
	client := typednats.NewClient(nodes[1].Connect(t),
		typednats.WithRetry(typednats.Retry{Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond}))
	call := callAsync(ctx, client, echo, note{"before"})
	await(t, g.entered, "the handler to run")
	nodes[0].LameDuckShutdown()
	await(t, isBack, "the service to be back on another server")
	g.open() // the reply to the request that came over the old server goes over the new one
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "before" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
	// Until the other node knows, it may send a request to the one that has gone.
	eventually(t, "the node's routes to be gone", func() bool { return nodes[1].NumRoutes() == 0 })
	if _, err := typednats.RequestService(ctx, client, echo, note{"after"}); err != nil {
		t.Errorf("call of the service that moved: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
