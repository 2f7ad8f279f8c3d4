package typednats_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// down stops a server and waits until its clients have noticed. It returns where the server has listened.
func down(t *testing.T, srv *typednatstest.NATS, clients ...*nats.Conn) *net.TCPAddr {
	t.Helper()
	addr := srv.Addr().(*net.TCPAddr)
	srv.Shutdown()
	srv.WaitForShutdown()
	for _, nc := range clients {
		eventually(t, "the connection to break", nc.IsReconnecting)
	}
	return addr
}

// saysDisconnected fails the test unless an error of a call says both that time is up and that the connection was down.
func saysDisconnected(t *testing.T, name string, err error) {
	t.Helper()
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("%s: %v, want DeadlineExceeded and nats.ErrDisconnected", name, err)
	}
}

// eager tries often enough for each outage here.
func eager() typednats.Retry {
	return typednats.Retry{Attempts: 1 << 20, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond}
}

// Several callers wait when the server goes down. What may be sent again is, when there is a server, and then succeeds
// long before its deadline; what may not, is not.
func TestCallsAfterTheConnectionWasLost(t *testing.T) {
	t.Parallel()
	const callers = 8
	srv := typednatstest.RunSocket(t)
	arrived := make(chan struct{}, 8*callers)
	lost := make(chan struct{}) // what handlers do that are at work when the server goes down
	defer close(lost)
	var ran, onceRan atomic.Int64
	start(t, srv.Connect(t, reconnecting()...), config(),
		again.Handle(func(_ context.Context, in note) (note, error) {
			first := ran.Add(1) <= 2*callers
			arrived <- struct{}{}
			if first {
				<-lost
			}
			return in, nil
		}),
		echo.Handle(func(_ context.Context, in note) (note, error) {
			onceRan.Add(1)
			arrived <- struct{}{}
			<-lost
			return in, nil
		}))
	nc := srv.Connect(t, reconnecting()...)
	client := retrying(t, nc, eager())
	timely, cancel := context.WithTimeout(within(t), 2*time.Second)
	defer cancel()
	var calls, plain []<-chan ending
	for range callers {
		calls = append(calls, callAsync(within(t), client, again, note{"again"}), callAsync(within(t), client, again, note{"again"}))
		plain = append(plain, callAsync(timely, client, echo, note{"once"}))
	}
	for range 3 * callers {
		await(t, arrived, "a request")
	}
	restarted(t, down(t, srv, nc))
	for i, call := range calls {
		if got := await(t, call, "the call to end"); got.err != nil || got.out.Text != "again" {
			t.Errorf("call %d = %v, %v", i, got.out, got.err)
		}
	}
	for _, call := range plain {
		saysDisconnected(t, "call that may not be sent again", await(t, call, "the call to end").err)
	}
	compare(t, "how often the endpoint ran that may not run twice", int64(callers), onceRan.Load())
	compare(t, "how often the other one ran", int64(4*callers), ran.Load())
}

// A reply comes over the next connection if the handler is elsewhere. A call that can't be sent again waits for it.
func TestCallThatIsNotSentAgainOutlivesTheConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[note, note, missing]
		retry    typednats.Retry
	}{
		"plain":                        {once, eager()},
		"idempotent, without retries":  {again, typednats.Retry{}},
		"idempotent, the last attempt": {again, typednats.Retry{Attempts: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := typednatstest.RunCluster(t, 2)
			g := newGate()
			defer g.open()
			start(t, nodes[1].Connect(t), config(), once.Handle(g.handle))
			back, isBack := signal()
			nc := nodes[0].Connect(t, reconnecting(nats.ReconnectHandler(back))...)
			client := retrying(t, nc, test.retry)
			eventually(t, "the service to be known to the other node", func() bool {
				return nodes[0].NumSubscriptions() >= nodes[1].NumSubscriptions()
			})
			call := callAsync(within(t), client, test.endpoint, note{"waits"})
			await(t, g.entered, "the handler to run")
			nodes[0].Shutdown()
			await(t, isBack, "the client to be on the other node")
			if err := nc.FlushTimeout(patience); err != nil {
				t.Fatal(err)
			}
			g.open()
			if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "waits" {
				t.Errorf("call = %v, %v", got.out, got.err)
			}
			compare(t, "further requests", 0, len(g.entered))
		})
	}
}

// The node of the caller dies, the service is on the other one and is still at work: the request is sent again at once,
// not when AttemptTimeout is over.
func TestIdempotentCallMovesToAnotherNode(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 2)
	g := newGate()
	defer g.open()
	start(t, nodes[1].Connect(t), config(), again.Handle(g.handle))
	policy := eager()
	policy.AttemptTimeout = time.Hour
	client := retrying(t, nodes[0].Connect(t, reconnecting()...), policy)
	call := callAsync(within(t), client, again, note{"moves"})
	await(t, g.entered, "the handler to run")
	nodes[0].Shutdown()
	await(t, g.entered, "the request to be sent again")
	g.open()
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "moves" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

// Each loss costs one attempt, however long the connection is down.
func TestAttemptsOutliveSeveralLosses(t *testing.T) {
	t.Parallel()
	const losses = 3
	srv := typednatstest.RunSocket(t)
	p := newProxy(t, srv)
	peer := newScripted(t, srv.Connect(t), "---o")
	nc := p.connect(t, reconnecting()...)
	client := retrying(t, nc, typednats.Retry{Attempts: losses + 1, Backoff: time.Microsecond, MaxBackoff: time.Microsecond})
	call := callAsync(within(t), client, again, note{})
	for i := range losses {
		eventually(t, "the request", func() bool { return len(peer.requests()) == i+1 })
		p.cut()
	}
	if got := await(t, call, "the call to end"); got.err != nil {
		t.Errorf("call = %v", got.err)
	}
	compare(t, "how many requests were sent", losses+1, len(peer.requests()))
}

// While the connection is down a call sends nothing: the connection's buffer would keep the request and send it when there
// is a server, however long the call has ended. Nor does it need the buffer.
func TestCallsMadeDuringAnOutage(t *testing.T) {
	t.Parallel()
	hasty := eager()
	hasty.AttemptTimeout = 5 * time.Millisecond
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[note, note, missing]
		opts     []nats.Option
	}{
		"idempotent":                {again, nil},
		"idempotent without buffer": {again, []nats.Option{nats.ReconnectBufSize(-1)}},
		"plain":                     {once, nil},
		"plain without buffer":      {once, []nats.Option{nats.ReconnectBufSize(-1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			start(t, srv.Connect(t, reconnecting()...), config(), once.Handle(repeat))
			nc := srv.Connect(t, reconnecting(test.opts...)...)
			client := retrying(t, nc, eager())
			hastyClient := retrying(t, nc, hasty)
			for _, r := range []typednats.Requester{client, hastyClient} {
				if _, err := typednats.RequestService(within(t), r, test.endpoint, note{}); err != nil {
					t.Fatal(err)
				}
			}
			addr := down(t, srv, nc)
			before := nc.Stats().OutMsgs
			short, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
			defer cancel()
			_, err := typednats.RequestService(short, hastyClient, test.endpoint, note{})
			saysDisconnected(t, "call that ends before the outage", err)
			compare(t, "requests in the buffer", before, nc.Stats().OutMsgs)
			call := callAsync(within(t), client, test.endpoint, note{"patient"})
			restarted(t, addr)
			if got := await(t, call, "the call to end"); got.err != nil || got.out.Text != "patient" {
				t.Errorf("call that outlives the outage = %v, %v", got.out, got.err)
			}
		})
	}
}

// Without retries, too, a call says that the connection was down, and does not look slow.
func TestTimeoutOfAnOutageSaysSo(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	p := newProxy(t, srv)
	newScripted(t, srv.Connect(t), "-")
	back, isBack := signal()
	nc := p.connect(t, reconnecting(nats.ReconnectHandler(back))...)
	client := typednats.NewClient(nc, typednats.WithDefaultTimeout(2*time.Second))
	t.Cleanup(func() { _ = client.Close() })
	arrived := tap(t, srv.Connect(t), "again")
	call := func(name string, r typednats.Requester) {
		t.Helper()
		_, err := typednats.RequestService(context.Background(), r, once, note{})
		saysDisconnected(t, name, err)
		if !strings.Contains(err.Error(), "down") {
			t.Errorf("%s: %q does not say that the connection was down", name, err)
		}
	}
	over := async(func() error {
		if _, err := arrived.NextMsgWithContext(within(t)); err != nil {
			return err
		}
		p.cut()
		return nil
	})
	call("call during which the connection is made anew", client)
	if err := await(t, over, "the cut"); err != nil {
		t.Fatal(err)
	}
	await(t, isBack, "the connection to be back")
	if _, err := typednats.RequestService(context.Background(), client, once, note{}); errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("call after that: %v, which was long ago", err)
	}
	down(t, srv, nc)
	call("call that is made during the outage", client)
	short, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	_, err := typednats.RequestService(short, nc, once, note{})
	saysDisconnected(t, "call through the bare connection", err)
}

// Where nothing is buffered nothing was sent, and the call says so at once.
func TestCallWithoutABufferFailsAtOnce(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t, reconnecting(nats.ReconnectBufSize(-1))...)
	down(t, srv, nc)
	for name, r := range requesters(t, nc) {
		_, err := typednats.RequestService(within(t), r, echo, note{})
		if !errors.Is(err, nats.ErrDisconnected) || !errors.Is(err, nats.ErrReconnectBufExceeded) {
			t.Errorf("%s: %v, want nats.ErrDisconnected and nats.ErrReconnectBufExceeded", name, err)
		}
	}
}

// A call that waits for the connection ends when there will be none.
func TestCallsEndWhenTheConnectionDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(nc *nats.Conn, c *typednats.Client)
		want error
	}{
		"close client":     {func(_ *nats.Conn, c *typednats.Client) { _ = c.Close() }, typednats.ErrClientClosed},
		"close connection": {func(nc *nats.Conn, _ *typednats.Client) { nc.Close() }, nats.ErrConnectionClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			peer := newScripted(t, srv.Connect(t), "-")
			nc := srv.Connect(t, reconnecting()...)
			client := retrying(t, nc, eager())
			call := callAsync(within(t), client, again, note{})
			eventually(t, "the request", func() bool { return len(peer.requests()) > 0 })
			down(t, srv, nc)
			late := callAsync(within(t), client, again, note{})
			test.end(nc, client)
			for _, call := range []<-chan ending{call, late} {
				if got := await(t, call, "the call to end"); !errors.Is(got.err, test.want) {
					t.Errorf("call = %v, want %v", got.err, test.want)
				}
			}
		})
	}
}

// A connection that has not been made yet is one that is down.
func TestCallBeforeTheFirstConnection(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	addr := down(t, srv)
	nc, err := nats.Connect("nats://"+addr.String(), reconnecting(nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	calls := []<-chan ending{
		callAsync(within(t), retrying(t, nc, eager()), again, note{}), callAsync(within(t), retrying(t, nc, eager()), once, note{}),
	}
	start(t, restarted(t, addr).Connect(t), config(), once.Handle(repeat))
	for _, call := range calls {
		if got := await(t, call, "the call to end"); got.err != nil {
			t.Errorf("call = %v", got.err)
		}
	}
}

// The goroutine that follows the connection ends with the client or with the connection.
func TestClientLeavesNoGoroutineBehind(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	count := goroutines(t)
	nc := srv.Connect(t)
	before := count()
	client := typednats.NewClient(nc)
	if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the client's goroutines", func() bool { return count() <= before })
	if _, err := typednats.RequestService(within(t), typednats.NewClient(nc), echo, note{}); err != nil { // left open
		t.Fatal(err)
	}
	nc.Close()
	for _, retry := range []typednats.Retry{{}, eager()} {
		if _, err := typednats.RequestService(within(t), retrying(t, nc, retry), again, note{}); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("call over a closed connection: %v, want nats.ErrConnectionClosed", err)
		}
	}
	eventually(t, "the end of all goroutines but this one", func() bool { return count() == 1 })
}

// A server that had found the client's one subscription for a reply, and was told to end it before it delivered, dropped the
// reply: a call that was not answered cost another one its reply.
func TestInboxThatIsMadeAnewOverlaps(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	answer(t, srv.Connect(t), "silent", silence)
	answer(t, srv.Connect(t), "echo", func(m *nats.Msg) *nats.Msg { return &nats.Msg{Data: m.Data} })
	client := newClient(t, nc)
	warm(t, client)
	compare(t, "subscriptions", 1, nc.NumSubscriptions())
	short, cancel := context.WithTimeout(within(t), 20*time.Millisecond)
	defer cancel()
	if _, err := typednats.RequestService(short, client, echo.InSubject("silent"), note{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call = %v", err)
	}
	eventually(t, "another subscription after a call without a reply", func() bool { return nc.NumSubscriptions() == 2 })
	warm(t, client)
	eventually(t, "the former one to end", func() bool { return nc.NumSubscriptions() == 1 })
	warm(t, client)
}

// Calls that had ended during an outage were run when it was over.
func TestCallsThatEndedDuringAnOutageAreNotRun(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	var ran atomic.Int64
	start(t, srv.Connect(t, reconnecting()...), config(), once.Handle(counting(&ran)))
	nc := srv.Connect(t, reconnecting()...)
	client := newClient(t, nc, typednats.WithDefaultTimeout(50*time.Millisecond))
	eventually(t, "a first call", func() bool {
		_, err := typednats.RequestService(within(t), client, once, note{})
		return err == nil
	})
	before := ran.Load()
	addr := down(t, srv, nc)
	sent := nc.Stats().OutMsgs
	_, err := client.RequestMsgWithContext(context.Background(), nats.NewMsg(once.Subject())) // the first to see it
	saysDisconnected(t, "request", err)
	compare(t, "requests in the buffer", sent, nc.Stats().OutMsgs)
	const calls = 200
	ended := make(chan error, calls)
	for range calls {
		go func() {
			_, err := typednats.RequestService(context.Background(), client, once, note{})
			ended <- err
		}()
	}
	for range calls {
		err := await(t, ended, "the end of a call")
		saysDisconnected(t, "call", err)
		if run, known := typednats.WasRun(err); run || !known {
			t.Errorf("WasRun = %v, %v, want false, true", run, known)
		}
	}
	restarted(t, addr)
	eventually(t, "the service to be back", func() bool {
		_, err := typednats.RequestService(within(t), client, once, note{})
		return err == nil
	})
	compare(t, "calls that were run", before+1, ran.Load())
}

// A call that is made before there is a connection waits for the first one.
func TestCallWaitsForTheFirstConnection(t *testing.T) {
	t.Parallel()
	addr := down(t, typednatstest.RunSocket(t))
	nc, err := nats.Connect("nats://"+addr.String(), append(reconnecting(), nats.RetryOnFailedConnect(true))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	client := newClient(t, nc)
	short, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	_, err = typednats.RequestService(short, client, once, note{})
	saysDisconnected(t, "call that ends before", err)
	call := callAsync(within(t), client, once, note{"patient"})
	srv := restarted(t, addr)
	start(t, srv.Connect(t), config(), once.Handle(repeat))
	if got := await(t, call, "the call that waits"); got.err != nil && !errors.Is(got.err, nats.ErrNoResponders) {
		t.Errorf("call = %v, want that it was sent", got.err)
	}
}
