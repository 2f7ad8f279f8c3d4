// Package client calls the inventory, as the programs of its users would.
package client

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/examples/inventory/stock"
)

// Client makes calls, prints what was asked and what came, and returns an error if that is not what was to come.
type Client struct {
	// NATS is how requests are sent: a *typednats.Client, or a bare *nats.Conn.
	NATS typednats.Requester

	// Out gets the story.
	Out *log.Logger
}

// Check makes a call that succeeds.
func (c *Client) Check(ctx context.Context) error {
	reply, err := typednats.RequestService(ctx, c.NATS, stock.Check, stock.CheckRequest{SKU: "chair"})
	if err != nil {
		return err
	}
	c.Out.Printf("   check chair: %+v", reply)
	return expect(stock.CheckReply{SKU: "chair", Available: 12}, reply)
}

// DeclaredFailures makes three calls that fail as the contract says they can.
func (c *Client) DeclaredFailures(ctx context.Context) error {
	_, err := typednats.RequestService(ctx, c.NATS, stock.Check, stock.CheckRequest{SKU: "sofa"})
	notFound, ok := errors.AsType[stock.NotFound](err) // for a caller that cares about one of them
	if !ok {
		return unexpected("a stock.NotFound", err)
	}
	c.Out.Printf("   check sofa: NotFound, what %s, id %s", notFound.What, notFound.ID)
	if err := expect(stock.NotFound{What: "item", ID: "sofa"}, notFound); err != nil {
		return err
	}

	for _, try := range []struct {
		ask  stock.ReserveRequest
		want stock.Error
	}{
		{stock.ReserveRequest{SKU: "desk", Quantity: 5}, stock.OutOfStock{SKU: "desk", Asked: 5, Available: 3}},
		{stock.ReserveRequest{SKU: "desk"}, stock.InvalidRequest{Field: "quantity", Reason: "want at least 1"}},
	} {
		_, err := typednats.RequestService(ctx, c.NATS, stock.Reserve, try.ask)
		declared, ok := errors.AsType[stock.Error](err) // for a caller that tells all of them apart
		if !ok {
			return unexpected("a stock.Error", err)
		}
		switch e := declared.(type) {
		case stock.NotFound:
			c.Out.Printf("   reserve %d %s: NotFound, id %s", try.ask.Quantity, try.ask.SKU, e.ID)
		case stock.InvalidRequest:
			c.Out.Printf("   reserve %d %s: InvalidRequest, %s: %s", try.ask.Quantity, try.ask.SKU, e.Field, e.Reason)
		case stock.OutOfStock:
			c.Out.Printf("   reserve %d %s: OutOfStock, available %d", try.ask.Quantity, try.ask.SKU, e.Available)
		}
		if err := expect(try.want, declared); err != nil {
			return err
		}
	}
	return nil
}

// UndeclaredFailure asks for an item whose record is corrupt. The contract does not speak of that, so all that comes
// is a code.
func (c *Client) UndeclaredFailure(ctx context.Context) error {
	_, err := typednats.RequestService(ctx, c.NATS, stock.Check, stock.CheckRequest{SKU: "lamp"})
	failure, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		return unexpected("a *typednats.ServiceError", err)
	}
	c.Out.Printf("   check lamp: code %d, %s", failure.Code, failure.Description)
	if strings.Contains(err.Error(), "corrupt") {
		return fmt.Errorf("the service's own error crossed the wire: %w", err)
	}
	return expect(500, failure.Code)
}

// Codecs calls one endpoint with JSON and with msgpack.
func (c *Client) Codecs(ctx context.Context) error {
	chair := stock.CheckRequest{SKU: "chair"}
	asJSON, err := typednats.RequestService(ctx, c.NATS, stock.Check, chair) // the contract's codec
	if err != nil {
		return err
	}
	asMsgpack, err := typednats.RequestService(ctx, c.NATS, stock.Check, chair, typednats.WithCallCodec(msgpack.Codec))
	if err != nil {
		return err
	}
	c.Out.Printf("   check chair in JSON:    %+v", asJSON)
	c.Out.Printf("   check chair in msgpack: %+v", asMsgpack)
	if err := expect(asJSON, asMsgpack); err != nil {
		return err
	}

	// A descriptor is a value: this one differs in its codec only. Declared errors come in it as well.
	check := stock.Check.WithCodec(msgpack.Codec)
	_, err = typednats.RequestService(ctx, c.NATS, check, stock.CheckRequest{SKU: "sofa"})
	notFound, ok := errors.AsType[stock.NotFound](err)
	if !ok {
		return unexpected("a stock.NotFound", err)
	}
	c.Out.Printf("   check sofa in msgpack:  NotFound, id %s", notFound.ID)

	_, err = typednats.RequestService(ctx, c.NATS, stock.CheckV2, chair, typednats.WithCallCodec(msgpack.Codec))
	failure, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		return unexpected("a *typednats.ServiceError", err)
	}
	c.Out.Printf("   check v2, JSON only, in msgpack: code %d, %s", failure.Code, failure.Description)
	return expect(415, failure.Code)
}

// Groups calls both versions of one endpoint.
func (c *Client) Groups(ctx context.Context) error {
	desk := stock.CheckRequest{SKU: "desk"}
	old, err := typednats.RequestService(ctx, c.NATS, stock.Check, desk)
	if err != nil {
		return err
	}
	c.Out.Printf("   %s: %+v", stock.Check.Subject(), old)
	reply, err := typednats.RequestService(ctx, c.NATS, stock.CheckV2, desk)
	if err != nil {
		return err
	}
	c.Out.Printf("   %s: %+v", stock.CheckV2.Subject(), reply)
	if err := expect(stock.CheckReply{SKU: "desk", Available: 3}, old); err != nil {
		return err
	}
	return expect(stock.CheckReplyV2{SKU: "desk", Available: 3, Site: "berlin"}, reply)
}

// Wildcard calls an endpoint that listens on inventory.api.v2.warehouse.*.
func (c *Client) Wildcard(ctx context.Context) error {
	berlin := stock.WarehouseAt("berlin")
	reply, err := typednats.RequestService(ctx, c.NATS, berlin, struct{}{})
	if err != nil {
		return err
	}
	c.Out.Printf("   %s: %+v", berlin.Subject(), reply)
	if err := expect(stock.WarehouseReply{Site: "berlin", Items: 2, Pieces: 15}, reply); err != nil {
		return err
	}

	atlantis := stock.WarehouseAt("atlantis")
	_, err = typednats.RequestService(ctx, c.NATS, atlantis, struct{}{})
	notFound, ok := errors.AsType[stock.NotFound](err)
	if !ok {
		return unexpected("a stock.NotFound", err)
	}
	c.Out.Printf("   %s: NotFound, what %s, id %s", atlantis.Subject(), notFound.What, notFound.ID)
	return expect(stock.NotFound{What: "warehouse", ID: "atlantis"}, notFound)
}

// Headers sends a header and gets one back, with a reply and with a failure.
func (c *Client) Headers(ctx context.Context) error {
	var header nats.Header
	reply, err := typednats.RequestService(ctx, c.NATS, stock.Reserve, stock.ReserveRequest{SKU: "chair", Quantity: 2},
		typednats.WithHeader(stock.OrderHeader, "order-7"), typednats.WithReplyHeader(&header))
	if err != nil {
		return err
	}
	c.Out.Printf("   reserve 2 chair for order-7: %+v for %s", reply, header.Get(stock.OrderHeader))
	if err := expect(stock.ReserveReply{SKU: "chair", Available: 10}, reply); err != nil {
		return err
	}
	if err := expect("order-7", header.Get(stock.OrderHeader)); err != nil {
		return err
	}

	_, err = typednats.RequestService(ctx, c.NATS, stock.Reserve, stock.ReserveRequest{SKU: "chair", Quantity: 99},
		typednats.WithHeader(stock.OrderHeader, "order-8"), typednats.WithReplyHeader(&header))
	short, ok := errors.AsType[stock.OutOfStock](err)
	if !ok {
		return unexpected("a stock.OutOfStock", err)
	}
	c.Out.Printf("   reserve 99 chair for order-8: OutOfStock, available %d, for %s", short.Available,
		header.Get(stock.OrderHeader))
	return expect("order-8", header.Get(stock.OrderHeader))
}

// WithoutContract calls as a tool does that knows no more than a subject. A declared failure comes with its tag and
// its fields all the same.
func (c *Client) WithoutContract(ctx context.Context) error {
	_, err := typednats.Request[map[string]string, map[string]any](
		ctx, c.NATS, "inventory.api.v1.check", map[string]string{"sku": "sofa"})
	failure, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		return unexpected("a *typednats.ServiceError", err)
	}
	c.Out.Printf("   check sofa: code %d, type %s, data %s", failure.Code, failure.Type, failure.Data)
	if err := expect("NotFound", failure.Type); err != nil {
		return err
	}
	return expect(404, failure.Code)
}

// unexpected is the error of a call that was to fail otherwise.
func unexpected(want string, err error) error {
	if err == nil {
		return fmt.Errorf("the call succeeded, want %s", want)
	}
	return fmt.Errorf("want %s, got: %w", want, err)
}

// expect returns an error if a call brought something else than it was to bring.
func expect[T comparable](want, got T) error {
	if got != want {
		return fmt.Errorf("got %+v, want %+v", got, want)
	}
	return nil
}
