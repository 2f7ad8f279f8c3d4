// Package natsserver starts NATS servers inside the process, for tests, examples and measurements. It is the one place
// that does.
package natsserver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long a server may take until it accepts connections.
const startTimeout = 20 * time.Second

// Server is a running NATS server. It is safe for concurrent use.
type Server struct {
	*server.Server
}

// InProcess returns the options of a server that opens no port: only this process reaches it.
func InProcess() *server.Options { return &server.Options{DontListen: true} }

// Socket returns the options of a server on a random loopback port.
func Socket() *server.Options { return &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT} }

// Start starts a server and returns once it accepts connections. It writes no log and handles no signals, whatever opts
// say. The caller ends it with [Server.Stop].
func Start(opts *server.Options) (*Server, error) {
	opts.NoLog, opts.NoSigs = true, true
	nats, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("create nats server: %w", err)
	}
	s := &Server{nats}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Stop()
		return nil, errors.New("nats server accepts no connections")
	}
	return s, nil
}

// Connect opens a connection, which the caller closes: inside the process, unless the server listens.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	if s.Addr() == nil { // it does not listen
		opts = slices.Concat(opts, []nats.Option{nats.InProcessServer(s)})
	}
	return nats.Connect(s.ClientURL(), opts...)
}

// Stop ends the server and waits until it has ended. It can be called any number of times.
func (s *Server) Stop() {
	s.Shutdown()
	s.WaitForShutdown()
}
