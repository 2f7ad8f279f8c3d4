package typednatstest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/typednatstest"
)

// echo answers requests on the subject "echo" with what they hold.
func echo(tb testing.TB, nc *nats.Conn) {
	tb.Helper()
	if _, err := nc.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		tb.Fatal(err)
	}
	if err := nc.FlushTimeout(patience); err != nil { // requests come on another connection
		tb.Fatal(err)
	}
}

// askEcho fails the test if nobody echoes.
func askEcho(tb testing.TB, nc *nats.Conn) {
	tb.Helper()
	reply, err := nc.Request("echo", []byte("hello"), patience)
	if err != nil {
		tb.Fatal(err)
	}
	if got := string(reply.Data); got != "hello" {
		tb.Errorf("reply %q, want %q", got, "hello")
	}
}

func TestServersAnswer(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(testing.TB, ...func(*server.Options)) *typednatstest.NATS{
		"in process": typednatstest.Run,
		"socket":     typednatstest.RunSocket,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := run(t, func(o *server.Options) { o.MaxPayload = 2048 }, func(o *server.Options) { o.MaxPayload *= 2 })
			echo(t, srv.Connect(t))
			nc := srv.Connect(t, nats.Name("asker"))
			askEcho(t, nc)
			if nc.Opts.Name != "asker" || nc.MaxPayload() != 4096 {
				t.Errorf("connection %q with max_payload %d, want asker with 4096", nc.Opts.Name, nc.MaxPayload())
			}
			if listens := srv.Addr() != nil; listens != (name == "socket") {
				t.Errorf("listens: %v", listens)
			}
		})
	}
}

func TestServerConnects(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t, nats.Name("only"))
	echo(t, nc)
	askEcho(t, nc)
	if nc.Opts.Name != "only" {
		t.Errorf("name %q, want %q", nc.Opts.Name, "only")
	}
}

func TestServerAndConnectionsEndWithTheTest(t *testing.T) {
	t.Parallel()
	var srv *typednatstest.NATS
	var nc *nats.Conn
	f := newFakeTB(t)
	f.run(func() {
		srv = typednatstest.Run(f)
		nc = srv.Connect(f)
	})
	if srv.Running() || !nc.IsClosed() {
		t.Errorf("server runs: %v, connection closed: %v", srv.Running(), nc.IsClosed())
	}
}

func TestConnectionOfASubtestEndsBeforeTheServer(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	var nc *nats.Conn
	f := newFakeTB(t)
	f.run(func() { nc = srv.Connect(f) })
	if !srv.Running() || !nc.IsClosed() {
		t.Errorf("server runs: %v, connection closed: %v", srv.Running(), nc.IsClosed())
	}
}

// TestClusterCarriesRequests: a request that enters at any node reaches a service on any other one.
func TestClusterCarriesRequests(t *testing.T) {
	t.Parallel()
	const size = 3
	nodes := typednatstest.RunCluster(t, size, func(o *server.Options) { o.MaxPayload = 4096 })
	if len(nodes) != size {
		t.Fatalf("%d nodes, want %d", len(nodes), size)
	}
	conns := make([]*nats.Conn, size)
	for i, node := range nodes {
		if n := node.NumRoutes(); n != size-1 {
			t.Errorf("node %d has %d routes, want %d", i, n, size-1)
		}
		conns[i] = node.Connect(t)
		if got := conns[i].ConnectedServerId(); got != node.ID() || conns[i].MaxPayload() != 4096 {
			t.Errorf("connection %d is to %s with max_payload %d", i, got, conns[i].MaxPayload())
		}
	}
	for i, service := range conns {
		subject := fmt.Sprintf("from.%d", i)
		if _, err := service.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(m.Subject)) }); err != nil {
			t.Fatal(err)
		}
		if err := service.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
		for j, node := range nodes {
			eventually(t, "the subscription at node "+node.Name(), func() bool {
				return i == j || node.GlobalAccount().SubscriptionInterest(subject)
			})
			reply, err := conns[j].Request(subject, nil, patience)
			if err != nil {
				t.Fatalf("from node %d to node %d: %v", j, i, err)
			}
			if got := string(reply.Data); got != subject {
				t.Errorf("reply %q, want %q", got, subject)
			}
		}
	}
}

func TestClusterOfOne(t *testing.T) {
	t.Parallel()
	nodes := typednatstest.RunCluster(t, 1)
	nc := nodes[0].Connect(t)
	echo(t, nc)
	askEcho(t, nc)
}

// TestServerMistakesFailTheTest: none panics, none hangs, and nothing is left running.
func TestServerMistakesFailTheTest(t *testing.T) {
	t.Parallel()
	for want, mistake := range map[string]func(testing.TB){
		"change 2 of the server's options is nil": func(tb testing.TB) {
			tb.Helper()
			typednatstest.Run(tb, func(*server.Options) {}, nil)
		},
		"create nats server": func(tb testing.TB) {
			tb.Helper()
			typednatstest.RunSocket(tb, func(o *server.Options) { o.MaxPayload, o.MaxPending = 1<<20, 1<<10 })
		},
		"RunCluster(0): want at least 1":  func(tb testing.TB) { typednatstest.RunCluster(tb, 0) },
		"RunCluster(-1): want at least 1": func(tb testing.TB) { typednatstest.RunCluster(tb, -1) },
		"connect to nats server: ": func(tb testing.TB) {
			tb.Helper()
			typednatstest.Server(tb, nats.Name("x"), func(*nats.Options) error { return nats.ErrInvalidArg })
		},
	} {
		f := newFakeTB(t)
		f.run(func() { mistake(f) })
		if !strings.Contains(f.fatal, want) {
			t.Errorf("the test failed with %q, want %q", f.fatal, want)
		}
	}
}
