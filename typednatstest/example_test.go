package typednatstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// Order asks for so many pieces of an item.
type Order struct {
	Item   string `json:"item"`
	Pieces int    `json:"pieces"`
}

// Receipt is the reply.
type Receipt struct {
	ID string `json:"id"`
}

// SoldOut is a declared error.
type SoldOut struct {
	Item string `json:"item"`
}

func (e SoldOut) Error() string { return "no more " + e.Item }

// Buy is the contract of the examples.
var Buy = typednats.NewEndpoint[Order, Receipt, SoldOut]("buy")

// buy is the handler of the service.
func buy(_ context.Context, o Order) (Receipt, error) {
	if o.Item == "sofa" {
		return Receipt{}, SoldOut{o.Item}
	}
	return Receipt{ID: fmt.Sprintf("%d-%s", o.Pieces, o.Item)}, nil
}

// furnish is a caller: it buys one of each, and asks again once if the shop is busy.
func furnish(ctx context.Context, shop typednats.Requester, items ...string) error {
	for _, item := range items {
		_, err := typednats.RequestService(ctx, shop, Buy, Order{Item: item, Pieces: 1})
		if busy, ok := errors.AsType[*typednats.ServiceError](err); ok && busy.Code == 503 {
			_, err = typednats.RequestService(ctx, shop, Buy, Order{Item: item, Pieces: 1})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exampleT stands for the *testing.T that an example does not have. Its end is the end of the test.
type exampleT struct {
	testing.TB

	cleanups []func()
}

func (t *exampleT) Helper() {}

func (t *exampleT) Context() context.Context { return context.Background() }

func (t *exampleT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

func (t *exampleT) end() {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		f()
	}
}

func ExampleServe() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	client := typednatstest.Serve(t, Buy.Handle(buy))
	receipt, err := typednats.RequestService(context.Background(), client, Buy, Order{Item: "chair", Pieces: 4})
	fmt.Println(receipt.ID, err)

	_, err = typednats.RequestService(context.Background(), client, Buy, Order{Item: "sofa", Pieces: 1})
	fmt.Println(err)
	// Output:
	// 4-chair <nil>
	// no more sofa
}

func ExampleServer() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	// A service with a configuration of its own, which the test stops.
	nc := typednatstest.Server(t)
	cfg := typednats.ServiceConfig{Name: "shop", Version: "1.0.0", MaxConcurrent: 1}
	svc, err := typednats.NewService(nc, cfg, Buy.Handle(buy))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(svc.Stop(context.Background()))

	_, err = typednats.RequestService(context.Background(), nc, Buy, Order{Item: "chair"})
	fmt.Println(errors.Is(err, nats.ErrNoResponders))
	// Output:
	// <nil>
	// true
}

func ExampleRun() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 2048 })
	service, client := srv.Connect(t), srv.Connect(t)
	fmt.Println(srv.NumClients(), service.MaxPayload(), client.MaxPayload())
	// Output: 2 2048 2048
}

func ExampleRunSocket() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	srv := typednatstest.RunSocket(t)
	closed := make(chan struct{})
	nc := srv.Connect(t, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	srv.Shutdown()
	<-closed
	fmt.Println("closed:", nc.IsClosed())
	// Output: closed: true
}

func ExampleRunCluster() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	for _, node := range typednatstest.RunCluster(t, 3) {
		fmt.Println(node.Name(), "has routes to", node.NumRoutes(), "others")
	}
	// Output:
	// node-0 has routes to 2 others
	// node-1 has routes to 2 others
	// node-2 has routes to 2 others
}

func ExampleRecord() {
	shop := typednatstest.Record(typednats.Local(Buy.Handle(buy)))
	fmt.Println(furnish(context.Background(), shop, "chair", "sofa", "lamp"))

	for _, call := range typednatstest.CallsTo(shop, Buy) {
		fmt.Println(call.Request.Item, call.Reply.ID, call.Err)
	}
	// Output:
	// no more sofa
	// chair 1-chair <nil>
	// sofa  no more sofa
}

func ExampleFaults() {
	shop := typednats.Local(Buy.Handle(buy))
	ctx := context.Background()

	// Busy once, then fine.
	fmt.Println(furnish(ctx, typednatstest.Faults(shop, typednatstest.Code(503).Times(1)), "chair"))
	// Fine until the third call.
	fmt.Println(furnish(ctx, typednatstest.Faults(shop, typednatstest.NoResponders().After(2)), "chair", "lamp", "bed"))
	// An answer that does not come in time.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	fmt.Println(furnish(ctx, typednatstest.Faults(shop, typednatstest.Timeout()), "chair"))
	// Output:
	// <nil>
	// call "buy" at "buy": nats: no responders available for request
	// call "buy" at "buy": context deadline exceeded
}

func ExampleFault_On() {
	shop := typednats.Local(Buy.Handle(buy), Buy.InSubject("outlet.buy").Handle(buy))
	faulty := typednatstest.Faults(shop, typednatstest.NoResponders().On("outlet.>"))

	_, err := typednats.RequestService(context.Background(), faulty, Buy, Order{Item: "chair"})
	fmt.Println(err)
	_, err = typednats.RequestService(context.Background(), faulty, Buy.InSubject("outlet.buy"), Order{Item: "chair"})
	fmt.Println(err)
	// Output:
	// <nil>
	// call "buy" at "outlet.buy": nats: no responders available for request
}
