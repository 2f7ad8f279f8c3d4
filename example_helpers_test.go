package typednats_test

import (
	"log"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// exampleConn starts a NATS server in this process, without a port, and connects to it. An example cannot use the
// test helpers, which need a testing.TB.
func exampleConn() (nc *nats.Conn, end func()) {
	srv, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		log.Fatal(err)
	}
	srv.Start()
	nc, err = nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() {
		nc.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}
