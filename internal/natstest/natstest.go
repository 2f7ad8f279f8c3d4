// Package natstest runs a NATS server inside a test.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long a server may take until it accepts connections.
const startTimeout = 10 * time.Second

// Server is a NATS server that ends with the test it was started for.
type Server struct {
	*server.Server
}

// Run starts a server that opens no port: connections reach it in the process. Each change edits the options
// before the start.
func Run(tb testing.TB, changes ...func(*server.Options)) *Server {
	tb.Helper()
	return start(tb, &server.Options{DontListen: true}, changes)
}

// RunSocket starts a server on a random loopback port, for tests that need a real connection to break.
func RunSocket(tb testing.TB, changes ...func(*server.Options)) *Server {
	tb.Helper()
	return start(tb, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT}, changes)
}

func start(tb testing.TB, opts *server.Options, changes []func(*server.Options)) *Server {
	tb.Helper()
	opts.NoLog, opts.NoSigs = true, true
	for _, change := range changes {
		change(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		tb.Fatalf("create nats server: %v", err)
	}
	srv.Start()
	tb.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(startTimeout) {
		tb.Fatalf("nats server accepts no connections after %v", startTimeout)
	}
	return &Server{srv}
}

// Connect opens a connection to the server that is closed when the test ends.
func (s *Server) Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	url := s.ClientURL()
	if s.Addr() == nil {
		opts = append(opts, nats.InProcessServer(s))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		tb.Fatalf("connect to nats server: %v", err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

// Connect starts a server as [Run] does and returns a connection to it.
func Connect(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return Run(tb).Connect(tb, opts...)
}
