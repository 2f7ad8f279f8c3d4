package typednats_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/natsserver"
)

// exampleAccounts starts a server with an account "backend", whose services the account "tools" can ask about
// themselves under the subject from.backend, and returns a connection to each.
func exampleAccounts() (backend, tools *nats.Conn, end func()) {
	provider, consumer := server.NewAccount("backend"), server.NewAccount("tools")
	if err := provider.AddServiceExportWithResponse("$SRV.>", server.Streamed, nil); err != nil {
		log.Fatal(err)
	}
	if err := consumer.AddServiceImport(provider, "from.backend.>", "$SRV.>"); err != nil {
		log.Fatal(err)
	}
	opts := natsserver.InProcess()
	opts.Accounts = []*server.Account{provider, consumer}
	opts.Users = []*server.User{
		{Username: "backend", Password: "b", Account: provider},
		{Username: "tools", Password: "t", Account: consumer},
	}
	srv, err := natsserver.Start(opts)
	if err != nil {
		log.Fatal(err)
	}
	backend, err = srv.Connect(nats.UserInfo("backend", "b"))
	if err != nil {
		log.Fatal(err)
	}
	tools, err = srv.Connect(nats.UserInfo("tools", "t"))
	if err != nil {
		log.Fatal(err)
	}
	return backend, tools, func() {
		tools.Close()
		backend.Close()
		srv.Stop()
	}
}

func Example_discoveryAcrossAccounts() {
	backend, nc, end := exampleAccounts()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(backend, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	client := discovery.New(nc, discovery.WithPrefix("from.backend"))
	pings, err := client.PingService(ctx, "warehouse")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pings {
		fmt.Println(p.Name, p.Version)
	}
	// Output: warehouse 1.0.0
}
