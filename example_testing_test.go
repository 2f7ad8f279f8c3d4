package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestReserveIsValid(t *testing.T) {
	t.Parallel()
	if err := Reserve.Validate(); err != nil {
		t.Error(err)
	}
}

func TestReserveHandler(t *testing.T) {
	t.Parallel()
	_, err := reserve(t.Context(), ReserveRequest{Item: "gear", Quantity: 1})
	if !errors.Is(err, UnknownItemError{Item: "gear"}) {
		t.Errorf("error %v, want an UnknownItemError for gear", err)
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

// placeOrder is a caller. It takes what is left, and asks again once if the warehouse has too much to do.
func placeOrder(ctx context.Context, warehouse typednats.Requester, request ReserveRequest) (string, error) {
	reply, err := typednats.RequestService(ctx, warehouse, Reserve, request)
	if busy, ok := errors.AsType[*typednats.ServiceError](err); ok && busy.Code == 503 {
		reply, err = typednats.RequestService(ctx, warehouse, Reserve, request)
	}
	if short, ok := errors.AsType[OutOfStockError](err); ok && short.Left > 0 {
		request.Quantity = short.Left
		reply, err = typednats.RequestService(ctx, warehouse, Reserve, request)
	}
	return reply.ID, err
}

// emptyShelf is a warehouse in which two pieces are left of everything.
func emptyShelf(_ context.Context, r ReserveRequest) (Reservation, error) {
	if r.Quantity > 2 {
		return Reservation{}, OutOfStockError{Item: r.Item, Left: 2}
	}
	return Reservation{ID: fmt.Sprintf("%d %s", r.Quantity, r.Item)}, nil
}

func TestOrderTakesWhatIsLeft(t *testing.T) {
	t.Parallel()
	warehouse := typednats.Local(Reserve.Handle(emptyShelf))
	id, err := placeOrder(t.Context(), warehouse, ReserveRequest{Item: "nut", Quantity: 3})
	if id != "2 nut" || err != nil {
		t.Errorf("got %q and error %v, want 2 nut", id, err)
	}
}

func TestOrderAsksTwice(t *testing.T) {
	t.Parallel()
	warehouse := typednatstest.Record(typednats.Local(Reserve.Handle(emptyShelf)))
	if _, err := placeOrder(t.Context(), warehouse, ReserveRequest{Item: "nut", Quantity: 3}); err != nil {
		t.Fatal(err)
	}
	calls := typednatstest.CallsTo(warehouse, Reserve)
	if len(calls) != 2 {
		t.Fatalf("%d calls, want 2", len(calls))
	}
	if !errors.Is(calls[0].Err, OutOfStockError{Item: "nut", Left: 2}) {
		t.Errorf("first error %v, want an OutOfStockError", calls[0].Err)
	}
	if calls[1].Request.Quantity != 2 {
		t.Errorf("second request %v, want 2 pieces", calls[1].Request)
	}
}

func TestOrderWhenTheWarehouseIsBusy(t *testing.T) {
	t.Parallel()
	warehouse := typednats.Local(Reserve.Handle(emptyShelf))

	once := typednatstest.Faults(warehouse, typednatstest.Code(503).Times(1))
	if _, err := placeOrder(t.Context(), once, ReserveRequest{Item: "nut", Quantity: 1}); err != nil {
		t.Errorf("busy once: %v", err)
	}
	always := typednatstest.Faults(warehouse, typednatstest.Code(503))
	if _, err := placeOrder(t.Context(), always, ReserveRequest{Item: "nut", Quantity: 1}); err == nil {
		t.Error("always busy: no error")
	}
}

func TestOrderWhenNoReplyComes(t *testing.T) {
	t.Parallel()
	warehouse := typednats.Local(Reserve.Handle(emptyShelf))
	lost := typednatstest.Faults(warehouse, typednatstest.Timeout().After(1)) // the first call is fine
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := placeOrder(ctx, lost, ReserveRequest{Item: "nut", Quantity: 3})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestReserveUnknownItem(t *testing.T) {
	t.Parallel()
	client := typednatstest.Serve(t, Reserve.Handle(reserve))
	_, err := typednats.RequestService(t.Context(), client, Reserve, ReserveRequest{Item: "gear", Quantity: 1})
	if !errors.Is(err, UnknownItemError{Item: "gear"}) {
		t.Errorf("error %v, want an UnknownItemError for gear", err)
	}
}

func TestReserveIsLimited(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	cfg := typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0", MaxConcurrent: 1}
	svc, err := typednats.NewService(nc, cfg, Reserve.Handle(reserve))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop(context.Background()) })
	if _, err := typednats.RequestService(t.Context(), nc, Reserve, ReserveRequest{Item: "nut"}); err != nil {
		t.Error(err)
	}
}

// fixed is a Requester that gives one answer to everything.
type fixed struct{ reply *nats.Msg }

// RequestMsgWithContext implements typednats.Requester.
func (f fixed) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return f.reply, nil
}

func ExampleRequester() {
	full := fixed{&nats.Msg{
		Header: nats.Header{"Nats-Service-Error": {"too many requests"}, "Nats-Service-Error-Code": {"503"}},
	}}
	_, err := typednats.RequestService(context.Background(), full, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)
	// Output: call "reserve" at "warehouse.reserve": service error 503: too many requests
}
