package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/internal/natsserver"
)

// The contract of a service of this library.

type ReserveRequest struct {
	Item     string `json:"item" doc:"what to reserve" example:"nut"`
	Quantity int    `json:"quantity" doc:"how many" example:"3"`
	Note     string `json:"note,omitempty"`
}

type Reservation struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

type stockError interface {
	error
	stockError()
}

type UnknownItemError struct {
	Item string `json:"item"`
}

func (e UnknownItemError) Error() string { return fmt.Sprintf("unknown item %q", e.Item) }
func (UnknownItemError) ErrorCode() int  { return 404 }
func (UnknownItemError) stockError()     {}

type OutOfStockError struct {
	Item      string `json:"item"`
	Available int    `json:"available"`
}

func (e OutOfStockError) Error() string { return fmt.Sprintf("only %d of %q", e.Available, e.Item) }
func (OutOfStockError) ErrorCode() int  { return 409 }
func (OutOfStockError) stockError()     {}

type Label struct {
	Item    string    `json:"item"`
	Picture []byte    `json:"picture"`
	Printed time.Time `json:"printed"`
	Weight  float64   `json:"weight"`
	Copies  uint8     `json:"copies"`
	Parent  *Label    `json:"parent,omitempty"`
}

type CountReply struct {
	Subject string `json:"subject"`
	Count   int    `json:"count"`
}

var (
	warehouse = typednats.NewGroup("warehouse")

	reserve = typednats.NewEndpoint[ReserveRequest, Reservation, stockError]("reserve").
		InGroup(warehouse).
		WithDescription("Keeps items for an hour.").
		WithExample(ReserveRequest{Item: "nut", Quantity: 3}, Reservation{ID: "r-1", Until: noon}).
		FailsWith(UnknownItemError{}, OutOfStockError{}).
		WithCodec(json.Codec, msgpack.Codec)

	// printLabel takes MessagePack alone.
	printLabel = typednats.NewEndpoint[Label, Label, stockError]("print").
			InGroup(warehouse).
			FailsWith(UnknownItemError{}).
			WithCodec(msgpack.Codec)

	count = typednats.NewEndpoint[struct{}, CountReply, typednats.Never]("count").
		InSubject("*.count").
		InGroup(warehouse).
		Idempotent()

	scan = typednats.NewEndpoint[[]byte, string, typednats.Never]("scan").
		InGroup(warehouse).
		WithCodec(raw.Codec)

	slow = typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("audit").
		InGroup(warehouse).
		Deprecated("it takes too long")

	// status has the name of an endpoint of another service.
	status = typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("status").InGroup(warehouse)
)

// NextReserveRequest is ReserveRequest as somebody changed it: one more member, which is needed, and smaller numbers.
type NextReserveRequest struct {
	Item      string `json:"item"`
	Quantity  int32  `json:"quantity"`
	Warehouse string `json:"warehouse"`
}

var nextReserve = typednats.NewEndpoint[NextReserveRequest, Reservation, stockError]("reserve").
	InGroup(warehouse).
	FailsWith(UnknownItemError{}).
	WithCodec(json.Codec, msgpack.Codec)

// noon is when everything happens.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// warehouseEndpoints returns the endpoints with their handlers.
func warehouseEndpoints() []typednats.BoundEndpoint {
	return []typednats.BoundEndpoint{
		reserve.Handle(func(_ context.Context, r ReserveRequest) (Reservation, error) {
			switch {
			case r.Item == "gear":
				return Reservation{}, UnknownItemError{Item: r.Item}
			case r.Quantity > 100:
				return Reservation{}, OutOfStockError{Item: r.Item, Available: 100}
			case r.Item == "fire":
				return Reservation{}, typednats.Errorf(418, "this is \x1b[31mno\x1b[0m fire")
			}
			return Reservation{ID: fmt.Sprintf("%s-%d", r.Item, r.Quantity), Until: noon}, nil
		}),
		printLabel.Handle(func(_ context.Context, l Label) (Label, error) {
			if l.Item == "gear" {
				return Label{}, UnknownItemError{Item: l.Item}
			}
			return l, nil
		}),
		count.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[struct{}]) (CountReply, error) {
			return CountReply{Subject: r.Subject, Count: 7}, nil
		}),
		scan.Handle(func(_ context.Context, data []byte) (string, error) {
			return fmt.Sprintf("%d bytes\n", len(data)), nil
		}),
		slow.Handle(func(ctx context.Context, _ struct{}) (struct{}, error) {
			<-ctx.Done()
			return struct{}{}, ctx.Err()
		}),
		status.Handle(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
	}
}

// The contract and the service of the README.

type CheckRequest struct {
	Item string `json:"item"`
}

type CheckReply struct {
	Available int `json:"available"`
}

type NotFound struct {
	Item string `json:"item"`
}

func (e NotFound) Error() string { return e.Item + " is not in the catalog" }
func (NotFound) ErrorCode() int  { return 404 }

var checkStock = typednats.NewEndpoint[CheckRequest, CheckReply, NotFound]("check").InGroup(typednats.NewGroup("stock"))

func startInventory(t *testing.T, nc *nats.Conn) {
	t.Helper()
	startService(t, nc, typednats.ServiceConfig{Name: "inventory", Version: "1.0.0"},
		checkStock.Handle(func(_ context.Context, r CheckRequest) (CheckReply, error) {
			if r.Item != "chair" {
				return CheckReply{}, NotFound(r)
			}
			return CheckReply{Available: 12}, nil
		}))
}

// startServer starts a server that ends with the test.
func startServer(t *testing.T) *natsserver.Server {
	t.Helper()
	server, err := natsserver.Start(natsserver.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func connectTo(t *testing.T, server *natsserver.Server) *nats.Conn {
	t.Helper()
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// startService starts a service that ends with the test.
func startService(t *testing.T, nc *nats.Conn, cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint) *typednats.Service {
	t.Helper()
	svc, err := typednats.NewService(nc, cfg, endpoints...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // no handler is waited for
		_ = svc.Stop(ctx)
	})
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return svc
}

// startMicro starts a service that nats.go's micro package makes.
func startMicro(t *testing.T, nc *nats.Conn) micro.Service {
	t.Helper()
	svc, err := micro.AddService(nc, micro.Config{Name: "legacy", Version: "0.9.0", Description: "An older service."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	handlers := map[string]micro.HandlerFunc{
		"greet": func(r micro.Request) { _ = r.Respond([]byte(`{"hello":` + string(r.Data()) + `}`)) },
		"fail": func(r micro.Request) {
			_ = r.Error("400", "bad request", []byte(`{"field":"name"}`))
		},
		"text":   func(r micro.Request) { _ = r.Respond([]byte("plain text")) },
		"status": func(r micro.Request) { _ = r.Respond([]byte(`"up"`)) },
		"headers": func(r micro.Request) {
			_ = r.RespondJSON(map[string][]string{"trace": r.Headers().Values("trace"), "timeout": r.Headers().Values("Typednats-Timeout")})
		},
	}
	for name, handler := range handlers {
		if err := svc.AddEndpoint(name, handler, micro.WithEndpointSubject("legacy."+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return svc
}
