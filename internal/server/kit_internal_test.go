package server

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

// testServer is what typednatstest.NATS is: these tests cannot import that, because it imports the root, which imports this package.
type testServer struct {
	*natsserver.Server
}

// runServer starts a server that ends with the test.
func runServer(tb testing.TB, opts *server.Options) testServer {
	tb.Helper()
	srv, err := natsserver.Start(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(srv.Stop)
	return testServer{srv}
}

// connect opens a connection that ends with the test.
func (s testServer) connect(tb testing.TB) *nats.Conn {
	tb.Helper()
	nc, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}
