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

// patience bounds what the kit waits for: nothing takes that long unless something is broken.
const patience = 30 * time.Second

// NATS is a NATS server that ends with the test for which it was started.
type NATS struct {
	*server.Server

	nats *natsserver.Server
}

// Server starts a NATS server as [Run] does and returns a connection to it. Both end with the test.
func Server(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return Run(tb).Connect(tb, opts...)
}

// Run starts a NATS server that opens no port: connections reach it inside the process, and there can be one for each
// test. Each change edits the options before the start.
func Run(tb testing.TB, changes ...func(*server.Options)) *NATS {
	tb.Helper()
	return run(tb, natsserver.InProcess(), changes)
}

// RunSocket starts a NATS server on a random loopback port, for a test that needs a connection which can break.
func RunSocket(tb testing.TB, changes ...func(*server.Options)) *NATS {
	tb.Helper()
	return run(tb, natsserver.Socket(), changes)
}

// RunCluster starts so many NATS servers, as [RunSocket] does, and returns once each has a route to each other one.
func RunCluster(tb testing.TB, size int, changes ...func(*server.Options)) []*NATS {
	tb.Helper()
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
				tb.Fatalf("node %d has %d routes after %v, want %d", i, node.NumRoutes(), patience, len(nodes)-1)
			}
		}
	}
}

func run(tb testing.TB, opts *server.Options, changes []func(*server.Options)) *NATS {
	tb.Helper()
	for _, change := range changes {
		change(opts)
	}
	s, err := natsserver.Start(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return &NATS{Server: s.Server, nats: s}
}

// Connect opens a connection to the server that is closed when the test ends.
func (s *NATS) Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := s.nats.Connect(opts...)
	if err != nil {
		tb.Fatalf("connect to nats server: %v", err)
	}
	tb.Cleanup(nc.Close)
	return nc
}
