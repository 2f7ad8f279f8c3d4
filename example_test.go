package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/typednats/typednats"
)

func Example() {
	nc, end := exampleConn() // a connection to a NATS server
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(func(_ context.Context, r ReserveRequest) (Reservation, error) {
			if r.Item != "nut" {
				return Reservation{}, UnknownItemError{Item: r.Item}
			}
			return Reservation{ID: "r-1"}, nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	reply, err := typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut", Quantity: 3})
	fmt.Println(reply.ID, err)

	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "gear"})
	if unknown, ok := errors.AsType[UnknownItemError](err); ok {
		fmt.Println("nobody knows", unknown.Item)
	}
	// Output:
	// r-1 <nil>
	// nobody knows gear
}
