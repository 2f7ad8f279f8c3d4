package typednatstest

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

// patience bounds what the kit waits for. Nothing takes that long unless something is broken.
const patience = 30 * time.Second

// NATS is a NATS server that ends with the test for which it was started. It writes no log and handles no signals. It is
// safe for concurrent use.
type NATS struct {
	// Server is the server itself, which knows its address, its connections and what it has counted. A test may shut
	// it down.
	*server.Server

	started *natsserver.Server
}

// Server starts a NATS server as [Run] does and returns a connection to it. Both end with the test. Without options the
// connection has the defaults of nats.go.
func Server(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return Run(tb).Connect(tb, opts...)
}

// Run starts a NATS server that opens no port: connections reach it inside the process. It starts in some milliseconds,
// so each test can have one. Each change edits the options before the start, in order; without one they are the defaults
// of nats-server. The test fails at once if the server does not start.
func Run(tb testing.TB, changes ...func(*server.Options)) *NATS {
	tb.Helper()
	return run(tb, natsserver.InProcess(), changes)
}

// RunSocket is [Run] with a server on a random port of the loopback interface. It is for tests in which a connection
// breaks, or another process connects.
func RunSocket(tb testing.TB, changes ...func(*server.Options)) *NATS {
	tb.Helper()
	return run(tb, natsserver.Socket(), changes)
}

// RunCluster starts as many NATS servers as size says, at least one, each as [RunSocket] does, and returns once each has
// a route to every other one. The changes are made to each. A subscription on one server is known to the others a moment
// later: until then they answer a request for it with [nats.ErrNoResponders].
func RunCluster(tb testing.TB, size int, changes ...func(*server.Options)) []*NATS {
	tb.Helper()
	if size < 1 {
		tb.Fatalf("typednatstest: RunCluster(%d): want at least 1", size)
	}
	var nodes []*NATS
	for i := range size {
		join := func(o *server.Options) {
			o.ServerName = fmt.Sprintf("node-%d", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT, PoolSize: -1}
			if i > 0 {
				o.Routes = []*url.URL{{Scheme: "nats", Host: nodes[0].ClusterAddr().String()}}
			}
		}
		nodes = append(nodes, RunSocket(tb, append([]func(*server.Options){join}, changes...)...))
	}
	awaitRoutes(tb, nodes)
	return nodes
}

// awaitRoutes looks again and again, because a server tells nobody of a new route.
func awaitRoutes(tb testing.TB, nodes []*NATS) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for i, node := range nodes {
		for node.NumRoutes() < len(nodes)-1 {
			select {
			case <-look.C:
			case <-ctx.Done():
				tb.Fatalf("typednatstest: node %d has %d routes after %v, want %d",
					i, node.NumRoutes(), patience, len(nodes)-1)
			}
		}
	}
}

func run(tb testing.TB, opts *server.Options, changes []func(*server.Options)) *NATS {
	tb.Helper()
	for i, change := range changes {
		if change == nil {
			tb.Fatalf("typednatstest: change %d of the server's options is nil", i+1)
		}
		change(opts)
	}
	s, err := natsserver.Start(opts)
	if err != nil {
		tb.Fatalf("typednatstest: %v", err)
	}
	tb.Cleanup(s.Stop)
	return &NATS{Server: s.Server, started: s}
}

// Connect opens a connection to the server that is closed when tb ends. The test fails at once if the server refuses it.
func (s *NATS) Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := s.started.Connect(opts...)
	if err != nil {
		tb.Fatalf("typednatstest: connect to nats server: %v", err)
	}
	tb.Cleanup(nc.Close)
	return nc
}
