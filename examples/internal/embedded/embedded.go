// Package embedded runs a NATS server inside an example, so that the example needs nothing installed.
package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long the server may take until it accepts connections.
const startTimeout = 10 * time.Second

// Server is a NATS server that opens no port: only this process reaches it.
type Server struct {
	nats *server.Server
}

// Start starts a server. The caller stops it with [Server.Stop].
func Start() (*Server, error) {
	srv, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, fmt.Errorf("create nats server: %w", err)
	}
	s := &Server{nats: srv}
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		s.Stop()
		return nil, errors.New("nats server accepts no connections")
	}
	return s, nil
}

// Connect opens a connection to the server. The caller closes it.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(opts, nats.InProcessServer(s.nats))...)
}

// Stop ends the server and waits until it has ended.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}
