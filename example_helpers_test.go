package typednats_test

import (
	"log"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

// exampleConn starts a NATS server in this process, without a port, and connects to it. An example has no testing.TB,
// which typednatstest needs.
func exampleConn() (nc *nats.Conn, end func()) {
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		log.Fatal(err)
	}
	nc, err = srv.Connect()
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() {
		nc.Close()
		srv.Stop()
	}
}
