package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// fltCounting is a handler that counts how often it ran.
func fltCounting(ran *atomic.Int64) func(context.Context, fltMessage) (fltMessage, error) {
	return func(_ context.Context, m fltMessage) (fltMessage, error) {
		ran.Add(1)
		return m, nil
	}
}

func TestClusterLosesNode(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 3)
	back1, serviceIsBack := fltSignal()
	back2, clientIsBack := fltSignal()
	var ran1, ran2 atomic.Int64
	lost := fltServe(t, nodes[0].Connect(t, fltReconnecting(nats.ReconnectHandler(back1))...), fltConfig,
		fltEcho.Handle(fltCounting(&ran1)))
	kept := fltServe(t, nodes[1].Connect(t), fltConfig, fltEcho.Handle(fltCounting(&ran2)))

	retry := typednats.WithRetry(typednats.Retry{Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond})
	load := newFltLoad(t)
	var clients []*typednats.Client
	for i, node := range nodes {
		var opts []nats.Option
		if i == 0 {
			opts = append(opts, nats.ReconnectHandler(back2))
		}
		client := typednats.NewClient(node.Connect(t, fltReconnecting(opts...)...), retry)
		clients = append(clients, client)
		for range 2 {
			load.start(client, fltEcho, 500*time.Millisecond)
		}
	}
	load.more(300)
	fltUntil(t, "request at each instance", func() bool { return ran1.Load() > 0 && ran2.Load() > 0 })

	nodes[0].Shutdown()
	nodes[0].WaitForShutdown()
	fltReceive(t, "the service that lost its server", serviceIsBack)
	fltReceive(t, "the client that lost its server", clientIsBack)
	load.more(300)
	again := ran1.Load()
	fltUntil(t, "request at the instance that moved", func() bool { return ran1.Load() > again })
	load.stop()

	for i, client := range clients {
		for n := range 10 {
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{Number: n}); err != nil {
				t.Errorf("client %d, after the move: %v", i, err)
			}
		}
	}
	disco := discovery.New(nodes[2].Connect(t))
	for svc, ran := range map[*typednats.Service]*atomic.Int64{lost: &ran1, kept: &ran2} {
		if _, err := disco.PingInstance(t.Context(), "flt", svc.ID()); err != nil {
			t.Errorf("ping after the move: %v", err)
		}
		for _, e := range svc.Stats().Endpoints {
			if got := int(ran.Load()); got != e.NumRequests-e.NumErrors {
				t.Errorf("the handler ran %d times, want %d requests less %d that were refused", got, e.NumRequests, e.NumErrors)
			}
		}
	}
}

func TestLameDuckServerLosesNoCall(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 2, func(o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 50*time.Millisecond
	})
	var ran atomic.Int64
	fltServe(t, nodes[1].Connect(t), fltConfig, fltEcho.Handle(fltCounting(&ran)))
	lame, isLame := fltSignal()
	back, isBack := fltSignal()
	nc := nodes[0].Connect(t, fltReconnecting(nats.LameDuckModeHandler(lame), nats.ReconnectHandler(back))...)
	patient := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{
		Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond, AttemptTimeout: 200 * time.Millisecond,
	}))
	// One caller may not send twice, so the move can cost it a call; the other may, and must not notice.
	plain, idempotent := newFltLoad(t), newFltLoad(t)
	plain.start(typednats.NewClient(nc), fltEcho, 500*time.Millisecond)
	idempotent.start(patient, fltEcho.Idempotent(), fltTimeout)
	plain.more(50)
	idempotent.more(50)

	over := make(chan struct{})
	go func() {
		defer close(over)
		nodes[0].LameDuckShutdown()
	}()
	fltReceive(t, "the news of lame duck mode", isLame)
	fltReceive(t, "the client on another server", isBack)
	fltReceive(t, "the end of lame duck mode", over)
	plain.more(50)
	idempotent.more(50)
	plain.stop()
	idempotent.stop()
	if n := idempotent.failures.Load(); n > 0 {
		t.Errorf("%d calls of an idempotent endpoint failed", n)
	}
}

func TestServiceOnLameDuckServerMoves(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 2, func(o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 50*time.Millisecond
	})
	back, isBack := fltSignal()
	held := newFltHeld()
	svc := fltServe(t, nodes[0].Connect(t, fltReconnecting(nats.ReconnectHandler(back))...), fltConfig,
		fltEcho.Handle(held.handle))
	client := typednats.NewClient(nodes[1].Connect(t),
		typednats.WithRetry(typednats.Retry{Attempts: 1 << 20, MaxBackoff: 20 * time.Millisecond}))
	ended := make(chan error, 1)
	call := func() {
		ctx, cancel := context.WithTimeout(context.Background(), fltTimeout)
		defer cancel()
		_, err := typednats.RequestService(ctx, client, fltEcho, fltMessage{})
		ended <- err
	}
	go call()
	fltReceive(t, "the start of the handler", held.started)
	nodes[0].LameDuckShutdown()
	fltReceive(t, "the service on another server", isBack)
	close(held.release) // the reply to the request that came over the old server goes over the new one
	if err := fltReceive(t, "the end of the call", ended); err != nil {
		t.Errorf("call: %v", err)
	}
	go call()
	if err := fltReceive(t, "the end of the second call", ended); err != nil {
		t.Errorf("call of the service that moved: %v", err)
	}
	if err := svc.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// fltProxy stands between connections and their server, to cut and to stall them.
type fltProxy struct {
	listener net.Listener
	target   string
	copies   sync.WaitGroup

	mu      sync.Mutex
	open    []net.Conn
	stalled chan struct{} // nil while bytes pass; closed to let them pass again
}

func newFltProxy(t *testing.T, srv *typednatstest.NATS) *fltProxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fltProxy{listener: listener, target: srv.Addr().String()}
	p.copies.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.resume()
		p.cut()
		p.copies.Wait()
	})
	return p
}

func (p *fltProxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *fltProxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		to, err := (&net.Dialer{}).Dial("tcp", p.target)
		if err != nil {
			_ = from.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, from, to)
		p.mu.Unlock()
		p.copies.Go(func() { p.copy(from, to) })
		p.copies.Go(func() { p.copy(to, from) })
	}
}

func (p *fltProxy) copy(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		stalled := p.stalled
		p.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// cut closes what is open.
func (p *fltProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// stall keeps the connections open and lets nothing pass.
func (p *fltProxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
}

func (p *fltProxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

func TestServiceConnectionCutMidRequest(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*testing.T, *typednatstest.NATS, *fltProxy, *nats.Conn){
		"by the server": func(t *testing.T, srv *typednatstest.NATS, _ *fltProxy, nc *nats.Conn) {
			t.Helper()
			id, err := nc.GetClientID()
			if err != nil {
				t.Fatal(err)
			}
			if err := srv.DisconnectClientByID(id); err != nil {
				t.Fatal(err)
			}
		},
		"by the network": func(t *testing.T, _ *typednatstest.NATS, p *fltProxy, _ *nats.Conn) {
			t.Helper()
			p.cut()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			proxy := newFltProxy(t, srv)
			back, isBack := fltSignal()
			nc := fltConnect(t, proxy.url(), fltReconnecting(nats.ReconnectHandler(back))...)
			held := newFltHeld()
			svc := fltServe(t, nc, fltConfig, fltEcho.Handle(held.handle))
			client := typednats.NewClient(srv.Connect(t))
			ended := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_, err := typednats.RequestService(ctx, client, fltEcho, fltMessage{})
				ended <- err
			}()
			fltReceive(t, "the start of the handler", held.started)
			cut(t, srv, proxy, nc)
			fltReceive(t, "the service's connection", isBack)
			if err := nc.FlushTimeout(fltTimeout); err != nil {
				t.Fatal(err)
			}
			// Until the server has noticed the end of the former connection, it may send requests there.
			fltUntil(t, "end of the former connection", func() bool { return srv.NumClients() == 2 })
			close(held.release)
			if err := fltReceive(t, "the end of the handler", held.ended); err != nil {
				t.Errorf("the handler's context ended: %v", err)
			}
			if err := fltReceive(t, "the end of the call", ended); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call: %v, want a reply or context.DeadlineExceeded", err)
			}
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{}); err != nil {
				t.Errorf("call after the reconnect: %v", err)
			}
			stats, _ := svc.EndpointStats(fltEcho.Name())
			if stats.NumRequests != 2 || stats.NumErrors != 0 {
				t.Errorf("%d requests and %d errors, want 2 and 0", stats.NumRequests, stats.NumErrors)
			}
		})
	}
}

func TestStalledConnectionEndsCallsByTheirDeadline(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	proxy := newFltProxy(t, srv)
	fltServe(t, srv.Connect(t), fltConfig, fltEcho.Handle(func(_ context.Context, m fltMessage) (fltMessage, error) {
		return m, nil
	}))
	nc := fltConnect(t, proxy.url(), fltReconnecting()...)
	for name, r := range map[string]typednats.Requester{"Client": typednats.NewClient(nc), "Conn": nc} {
		if _, err := typednats.RequestService(t.Context(), r, fltEcho, fltMessage{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		proxy.stall()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := typednats.RequestService(ctx, r, fltEcho, fltMessage{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: call over a stalled connection: %v, want context.DeadlineExceeded", name, err)
		}
		cancel()
		proxy.resume()
		if _, err := typednats.RequestService(t.Context(), r, fltEcho, fltMessage{}); err != nil {
			t.Errorf("%s: call after the stall: %v", name, err)
		}
	}
}

// Ten instances are stopped and started again in turn while many clients call: each call gets its reply, and none runs
// twice.
func TestRollingRestartLosesNoCall(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	var ledger sync.Map // how often a request ran, by its caller and number
	const instances, rounds, clients, callsEach = 10, 5, 20, 200
	start := func(nc *nats.Conn) *typednats.Service {
		return fltServe(t, nc, fltConfig, fltEcho.Handle(func(_ context.Context, m fltMessage) (fltMessage, error) {
			ran, _ := ledger.LoadOrStore(m, new(atomic.Int64))
			ran.(*atomic.Int64).Add(1)
			return m, nil
		}))
	}
	var conns []*nats.Conn
	var services []*typednats.Service
	for range instances {
		nc := srv.Connect(t)
		conns, services = append(conns, nc), append(services, start(nc))
	}
	quit := make(chan struct{})
	var callers sync.WaitGroup
	var calls atomic.Int64
	for i := range clients {
		client := typednats.NewClient(srv.Connect(t), typednats.WithDefaultTimeout(fltTimeout),
			typednats.WithRetry(typednats.Retry{Attempts: 1000, Backoff: time.Millisecond}))
		callers.Go(func() {
			for n, over := 0, false; n < callsEach || !over; n++ {
				want := fltMessage{Caller: fmt.Sprint(i), Number: n}
				got, err := typednats.RequestService(context.Background(), client, fltEcho, want)
				if err != nil || got != want {
					t.Errorf("call %v: reply %v, %v", want, got, err)
				}
				calls.Add(1)
				select {
				case <-quit:
					over = true
				default:
				}
			}
		})
	}
	for range rounds {
		for i := range services {
			ctx, cancel := context.WithTimeout(t.Context(), fltTimeout)
			if err := services[i].Stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
			cancel()
			services[i] = start(conns[i])
			seen := calls.Load()
			fltUntil(t, "calls while all instances run", func() bool { return calls.Load() >= seen+20 })
		}
	}
	close(quit)
	callers.Wait()
	var requests int64
	ledger.Range(func(m, ran any) bool {
		requests++
		if n := ran.(*atomic.Int64).Load(); n != 1 {
			t.Errorf("request %v ran %d times", m, n)
		}
		return true
	})
	if got := calls.Load(); got != requests {
		t.Errorf("%d calls were made and %d requests ran", got, requests)
	}
	t.Logf("%d calls, %d restarts", requests, instances*rounds)
}
