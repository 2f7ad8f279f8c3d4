package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// startWarehouse runs the service against a server of the test's own, which opens no port.
func startWarehouse(t *testing.T) *nats.Conn {
	t.Helper()
	srv, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	cfg := typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"}
	if _, err := typednats.NewService(nc, cfg, Reserve.Handle(reserve)); err != nil {
		t.Fatal(err)
	}
	return nc
}

func TestReserveUnknownItem(t *testing.T) {
	t.Parallel()
	nc := startWarehouse(t)
	_, err := typednats.RequestService(t.Context(), nc, Reserve, ReserveRequest{Item: "gear", Quantity: 1})
	if unknown, ok := errors.AsType[UnknownItemError](err); !ok || unknown.Item != "gear" {
		t.Errorf("error %v, want an UnknownItemError for gear", err)
	}
}

func TestReserveIsValid(t *testing.T) {
	t.Parallel()
	if err := Reserve.Validate(); err != nil {
		t.Error(err)
	}
}

// describe is a handler that looks at headers.
func describe(_ context.Context, r *typednats.ServiceRequest[ReserveRequest]) (Reservation, error) {
	if r.Header.Get("Customer") == "" {
		return Reservation{}, typednats.Errorf(401, "who is asking?")
	}
	r.ReplyHeader().Set("Cache-Control", "no-store")
	return Reservation{ID: r.Header.Get("Customer") + "-1"}, nil
}

func ExampleServiceRequest() {
	// A handler is a function, and a test calls it: no server, no encoding.
	r := &typednats.ServiceRequest[ReserveRequest]{
		Value:  ReserveRequest{Item: "nut", Quantity: 3},
		Header: nats.Header{"Customer": {"acme"}},
	}
	reply, err := describe(context.Background(), r)
	fmt.Println(reply.ID, err, r.ReplyHeader().Get("Cache-Control"))

	_, err = describe(context.Background(), &typednats.ServiceRequest[ReserveRequest]{})
	fmt.Println(err)
	// Output:
	// acme-1 <nil> no-store
	// service error 401: who is asking?
}

// warehouse is a Requester that answers without a server.
type warehouse struct{ reply *nats.Msg }

// RequestMsgWithContext implements typednats.Requester.
func (w warehouse) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return w.reply, nil
}

func ExampleRequester() {
	full := warehouse{reply: &nats.Msg{
		Header: nats.Header{"Nats-Service-Error": {"too many requests"}, "Nats-Service-Error-Code": {"503"}},
	}}
	_, err := typednats.RequestService(context.Background(), full, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)
	// Output: call "reserve" at "warehouse.reserve": service error 503: too many requests
}
