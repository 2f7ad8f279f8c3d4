package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/natsserver"
)

// system starts a server with two instances of the service "inventory" and one of the service "pricing".
func system() (nc *nats.Conn, stop func()) {
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		log.Fatal(err)
	}
	nc, err = srv.Connect()
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"inventory", "inventory", "pricing"} {
		_, err := micro.AddService(nc, micro.Config{
			Name:    name,
			Version: "1.0.0",
			Endpoint: &micro.EndpointConfig{
				Subject: name + ".check",
				Handler: micro.HandlerFunc(func(r micro.Request) { _ = r.Respond(nil) }),
			},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	return nc, func() {
		nc.Close()
		srv.Stop()
	}
}

func Example() {
	nc, stop := system()
	defer stop()

	client := discovery.New(nc)
	pings, err := client.Ping(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	// Answers come in any order.
	slices.SortFunc(pings, func(a, b micro.Ping) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range pings {
		fmt.Println(p.Name, p.Version)
	}
	// Output:
	// inventory 1.0.0
	// inventory 1.0.0
	// pricing 1.0.0
}

func ExampleNew() {
	nc, stop := system()
	defer stop()

	client := discovery.New(nc,
		discovery.WithMaxWait(2*time.Second),
		discovery.WithMaxResults(2), // there are two, so there is no need to wait for a third
		discovery.WithReplyError(func(subject string, err error) {
			log.Printf("answer to %s: %v", subject, err)
		}),
	)
	pings, err := client.PingService(context.Background(), "inventory")
	fmt.Println(len(pings), err)
	// Output: 2 <nil>
}

func ExampleClient_InfoService() {
	nc, stop := system()
	defer stop()

	infos, err := discovery.New(nc).InfoService(context.Background(), "pricing")
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range infos {
		for _, endpoint := range info.Endpoints {
			fmt.Println(info.Name, "listens on", endpoint.Subject)
		}
	}
	// Output: pricing listens on pricing.check
}

func ExampleClient_StatsSeq() {
	nc, stop := system()
	defer stop()
	if _, err := nc.Request("pricing.check", nil, time.Second); err != nil {
		log.Fatal(err)
	}

	client := discovery.New(nc)
	for stats, err := range client.StatsSeq(context.Background(), "pricing") {
		if err != nil {
			log.Fatal(err) // comes last: what was yielded before it stays true
		}
		for _, endpoint := range stats.Endpoints {
			fmt.Printf("%s: %d requests, %d errors\n", endpoint.Subject, endpoint.NumRequests, endpoint.NumErrors)
		}
	}
	// Output: pricing.check: 1 requests, 0 errors
}

func ExampleClient_PingInstance() {
	nc, stop := system()
	defer stop()

	_, err := discovery.New(nc).PingInstance(context.Background(), "inventory", "no-such-id")
	fmt.Println(errors.Is(err, discovery.ErrNotFound))
	fmt.Println(err)
	// Output:
	// true
	// discovery: ping $SRV.PING.inventory.no-such-id: service instance not found
}
