// Package server answers for the inventory.
package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/examples/inventory/stock"
)

// Inventory is the service, of which any number of instances can run.
type Inventory struct {
	// Store is what the instances share.
	Store *Store

	// Version is that of the program. Without one it is 1.0.0.
	Version string

	// Logger and ErrorHandler are told of failures whose text no client sees.
	Logger       *slog.Logger
	ErrorHandler func(typednats.ErrorReport)
}

// Start starts an instance, for a caller that stops it itself.
func (inv Inventory) Start(nc *nats.Conn) (*typednats.Service, error) {
	return typednats.NewService(nc, inv.config(), inv.endpoints()...)
}

// Serve runs an instance until ctx ends, and then until what it had accepted is answered.
func (inv Inventory) Serve(ctx context.Context, nc *nats.Conn) error {
	return typednats.Serve(ctx, nc, inv.config(), inv.endpoints()...)
}

func (inv Inventory) config() typednats.ServiceConfig {
	return typednats.ServiceConfig{
		Name:         "inventory",
		Version:      cmp.Or(inv.Version, "1.0.0"),
		Description:  "How much there is of what, and where",
		Logger:       inv.Logger,
		ErrorHandler: inv.ErrorHandler,
	}
}

func (inv Inventory) endpoints() []typednats.BoundEndpoint {
	return []typednats.BoundEndpoint{
		// The contract says JSON. These instances take msgpack as well and answer each request in its own codec, so
		// clients can change over one by one.
		stock.Check.WithCodec(msgpack.Codec, json.Codec).Handle(inv.check),
		stock.CheckV2.Handle(inv.checkV2),
		stock.Reserve.HandleWith(inv.reserve),
		stock.Warehouse.HandleWith(inv.warehouse),
	}
}

func (inv Inventory) check(_ context.Context, r stock.CheckRequest) (stock.CheckReply, error) {
	item, err := inv.item(r.SKU)
	if err != nil {
		return stock.CheckReply{}, err
	}
	return stock.CheckReply{SKU: item.SKU, Available: item.Available}, nil
}

func (inv Inventory) checkV2(_ context.Context, r stock.CheckRequest) (stock.CheckReplyV2, error) {
	item, err := inv.item(r.SKU)
	if err != nil {
		return stock.CheckReplyV2{}, err
	}
	return stock.CheckReplyV2{
		SKU: item.SKU, Available: item.Available, Reserved: item.Reserved, Site: item.Site,
	}, nil
}

func (inv Inventory) item(sku string) (Item, error) {
	if sku == "" {
		return Item{}, stock.InvalidRequest{Field: "sku", Reason: "it is empty"}
	}
	item, err := inv.Store.Item(sku)
	if err != nil {
		// What is declared reaches the client as itself though it is wrapped. All else becomes code 500.
		return Item{}, fmt.Errorf("look up item: %w", err)
	}
	return item, nil
}

func (inv Inventory) reserve(
	_ context.Context, r *typednats.ServiceRequest[stock.ReserveRequest],
) (stock.ReserveReply, error) {
	if order := r.Header.Get(stock.OrderHeader); order != "" {
		r.ReplyHeader().Set(stock.OrderHeader, order)
	}
	if r.Value.Quantity < 1 {
		return stock.ReserveReply{}, stock.InvalidRequest{Field: "quantity", Reason: "want at least 1"}
	}
	item, err := inv.Store.Reserve(r.Value.SKU, r.Value.Quantity)
	if err != nil {
		return stock.ReserveReply{}, fmt.Errorf("reserve: %w", err)
	}
	return stock.ReserveReply{SKU: item.SKU, Available: item.Available}, nil
}

func (inv Inventory) warehouse(
	_ context.Context, r *typednats.ServiceRequest[struct{}],
) (stock.WarehouseReply, error) {
	site := stock.SiteOf(r.Subject)
	items := inv.Store.ItemsAt(site)
	if len(items) == 0 {
		return stock.WarehouseReply{}, stock.NotFound{What: "warehouse", ID: site}
	}
	reply := stock.WarehouseReply{Site: site, Items: len(items)}
	for _, item := range items {
		reply.Pieces += item.Available + item.Reserved
	}
	return reply, nil
}
