package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// exampleWarehouse runs a service with Reserve for the examples that call it.
func exampleWarehouse() (nc *nats.Conn, end func()) {
	nc, closeConn := exampleConn()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() {
		_ = svc.Stop(context.Background())
		closeConn()
	}
}

func ExampleRequestService() {
	nc, end := exampleWarehouse()
	defer end()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	reply, err := typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut", Quantity: 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("reserved:", reply.ID)
	// Output: reserved: r-1
}

func ExampleNewClient() {
	nc, end := exampleWarehouse()
	defer end()

	client := typednats.NewClient(nc, typednats.WithDefaultTimeout(time.Second))
	defer func() { _ = client.Close() }() // the connection stays open

	reply, err := typednats.RequestService(context.Background(), client, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(reply.ID, err)
	// Output: r-1 <nil>
}

func ExampleCallError() {
	nc, end := exampleWarehouse()
	defer end()
	ctx := context.Background()

	explain := func(err error) {
		var service *typednats.ServiceError
		switch {
		case errors.As(err, &service):
			fmt.Println("the service says", service.Code)
		case errors.Is(err, nats.ErrNoResponders):
			fmt.Println("nobody serves it; nothing was run")
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println("no reply in time; it may have been run")
		}
	}

	_, err := typednats.RequestService(ctx, nc, Reserve.InGroup(typednats.NewGroup("elsewhere")), ReserveRequest{})
	fmt.Println(err)
	explain(err)

	silent, err := nc.SubscribeSync("warehouse.silent")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = silent.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = typednats.RequestService(ctx, nc, Reserve.InSubject("silent"), ReserveRequest{})
	explain(err)
	// Output:
	// call "reserve" at "elsewhere.reserve": nats: no responders available for request
	// nobody serves it; nothing was run
	// no reply in time; it may have been run
}

func ExampleWithReplyHeader() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	traced := func(_ context.Context, r *typednats.ServiceRequest[ReserveRequest]) (Reservation, error) {
		r.ReplyHeader().Set("Trace", r.Header.Get("Trace")+"/warehouse")
		return Reservation{}, OutOfStockError{Item: r.Value.Item}
	}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.HandleWith(traced))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	var header nats.Header
	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "bolt"},
		typednats.WithHeader("Trace", "web"),
		typednats.WithReplyHeader(&header)) // filled in for errors, too
	fmt.Println(err)
	fmt.Println(header.Get("Trace"))
	// Output:
	// 0 pieces of "bolt" left
	// web/warehouse
}

func ExampleRequest() {
	nc, end := exampleWarehouse()
	defer end()
	ctx := context.Background()

	reply, err := typednats.Request[map[string]any, map[string]any](ctx, nc, "warehouse.reserve",
		map[string]any{"item": "nut", "quantity": 3})
	fmt.Println(reply, err)

	// Without the descriptor a declared error keeps its tag and its encoded value.
	_, err = typednats.Request[map[string]any, map[string]any](ctx, nc, "warehouse.reserve",
		map[string]any{"item": "gear"})
	if e, ok := errors.AsType[*typednats.ServiceError](err); ok {
		fmt.Println(e.Code, e.Type, string(e.Data))
	}
	// Output:
	// map[id:r-1] <nil>
	// 404 UnknownItemError {"item":"gear"}
}

func ExampleWasRun() {
	nc, end := exampleWarehouse()
	defer end()
	elsewhere := Reserve.InGroup(typednats.NewGroup("elsewhere"))

	_, err := typednats.RequestService(context.Background(), nc, elsewhere, ReserveRequest{Item: "nut"})
	switch run, known := typednats.WasRun(err); {
	case !known:
		fmt.Println("look what became of it before you ask again")
	case run:
		fmt.Println("that is the answer")
	default:
		fmt.Println("nothing was reserved: ask again")
	}
	// Output: nothing was reserved: ask again
}

// PickRequest asks for one piece of an item.
type PickRequest struct {
	Item string `json:"item"`
}

// Pick is an endpoint whose handler calls another one.
var Pick = typednats.NewEndpoint[PickRequest, Reservation, typednats.Never]("pick")

func ExamplePropagate() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	pick := Pick.Handle(func(ctx context.Context, r PickRequest) (Reservation, error) {
		// The call has the headers Tenant and Request-Id of the request.
		return typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: r.Item, Quantity: 1})
	}, typednats.Propagate("Tenant", "Request-Id"))
	reserve := Reserve.HandleWith(func(ctx context.Context, r *typednats.ServiceRequest[ReserveRequest]) (Reservation, error) {
		fmt.Println("reserve for", r.Header.Get("Tenant"))
		return reserve(ctx, r.Value)
	})
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "shop", Version: "1.0.0"}, pick, reserve)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, Pick, PickRequest{Item: "nut"}, typednats.WithHeader("Tenant", "acme"))
	fmt.Println(err)
	// Output:
	// reserve for acme
	// <nil>
}
