package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// exampleCall runs a service with handler for one call of endpoint, and returns the call's error.
func exampleCall(
	served, called typednats.Endpoint[ReserveRequest, Reservation, ReserveError],
	handler func(context.Context, ReserveRequest) (Reservation, error),
) error {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		served.Handle(handler))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()
	_, err = typednats.RequestService(ctx, nc, called, ReserveRequest{Item: "gear", Quantity: 5})
	return err
}

func ExampleEndpoint_FailsWith() {
	handler := func(_ context.Context, r ReserveRequest) (Reservation, error) {
		// Wrapped or not, the declared error is what the client gets.
		return Reservation{}, fmt.Errorf("look up: %w", UnknownItemError{Item: r.Item})
	}
	err := exampleCall(Reserve, Reserve, handler)

	declared, ok := errors.AsType[ReserveError](err) // or one member: errors.AsType[UnknownItemError](err)
	if !ok {
		fmt.Println("something else:", err)
	}
	switch e := declared.(type) {
	case UnknownItemError:
		fmt.Println("unknown:", e.Item)
	case OutOfStockError:
		fmt.Println("left:", e.Left)
	}
	// Output: unknown: gear
}

func ExampleErrorf() {
	handler := func(_ context.Context, r ReserveRequest) (Reservation, error) {
		return Reservation{}, typednats.Errorf(429, "at most 3 pieces a day, not %d", r.Quantity)
	}
	err := exampleCall(Reserve, Reserve, handler)

	if e, ok := errors.AsType[*typednats.ServiceError](err); ok {
		fmt.Println(e.Code, e.Description)
	}
	// Output: 429 at most 3 pieces a day, not 5
}

func ExampleEndpoint_WithErrorMapper() {
	polite := Reserve.WithErrorMapper(func(err ReserveError) (description string, code int) {
		switch err.(type) {
		case UnknownItemError:
			return "we do not stock this", 404
		default:
			return "please try again tomorrow", 409
		}
	})

	nc, end := exampleConn()
	defer end()
	ctx := context.Background()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		polite.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	// A client in another language reads two headers.
	reply, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: polite.Subject(), Data: []byte(`{"item":"gear"}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Header.Get("Nats-Service-Error-Code"), reply.Header.Get("Nats-Service-Error"))
	// Output: 404 we do not stock this
}

func ExampleEndpoint_FailsWithTag() {
	base := typednats.NewEndpoint[ReserveRequest, Reservation, ReserveError]("reserve").InGroup(Warehouse)
	released := base.FailsWith(UnknownItemError{}, OutOfStockError{}) // the tag is the type's name
	// Step 1 reaches every peer before step 2 starts. The first tag is sent, the others are understood.
	step1 := released.FailsWithTag("UnknownItemError", UnknownItemError{}).FailsWithTag("unknown-item", UnknownItemError{})
	step2 := released.FailsWithTag("unknown-item", UnknownItemError{}).FailsWithTag("UnknownItemError", UnknownItemError{})

	handler := func(_ context.Context, r ReserveRequest) (Reservation, error) {
		return Reservation{}, UnknownItemError{Item: r.Item}
	}
	for _, server := range []typednats.Endpoint[ReserveRequest, Reservation, ReserveError]{released, step1, step2} {
		_, known := errors.AsType[UnknownItemError](exampleCall(server, step1, handler))
		fmt.Println("step 1 understands it:", known)
	}

	// A client that was left behind gets the tag as it came.
	fmt.Println(exampleCall(step2, released, handler))
	// Output:
	// step 1 understands it: true
	// step 1 understands it: true
	// step 1 understands it: true
	// call "reserve" at "warehouse.reserve": service error 404 (unknown-item): unknown item "gear"
}

// Orders calls Reserve. How Reserve failed is not its answer, unless it says so.
func Example_errorsOfOtherServices() {
	nc, end := exampleWarehouse()
	defer end()

	order := typednats.NewEndpoint[ReserveRequest, Reservation, UnknownItemError]("order")
	handler := func(ctx context.Context, r ReserveRequest) (Reservation, error) {
		reply, err := typednats.RequestService(ctx, nc, Reserve, r)
		var failed *typednats.ServiceError
		switch {
		case errors.As(err, &failed) && failed.Code == 429:
			return Reservation{}, typednats.Errorf(429, "too many orders") // pass the code on, in words of one's own
		case err != nil:
			return Reservation{}, fmt.Errorf("reserve: %w", err) // a declared error passes; all else is code 500
		}
		return reply, nil
	}

	client := typednats.Local(order.Handle(handler))
	_, err := typednats.RequestService(context.Background(), client, order, ReserveRequest{Item: "gear"})
	fmt.Println(err)
	// Output: unknown item "gear"
}
