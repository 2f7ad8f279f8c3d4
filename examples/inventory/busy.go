package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/examples/inventory/stock"
)

// placeOrder reserves what is ordered. placeWithNote is its next version: an order may have a note.
var (
	placeOrder = typednats.NewEndpoint[order, placed, stock.Error]("place").
			InGroup(typednats.NewGroup("orders")).
			WithDescription("Reserves what is ordered.").
			WithExample(order{SKU: "chair", Quantity: 1}, placed{Number: 7}).
			FailsWith(stock.NotFound{}, stock.OutOfStock{})
	placeWithNote = typednats.NewEndpoint[orderWithNote, placed, stock.Error]("place").
			InGroup(typednats.NewGroup("orders")).
			WithDescription("Reserves what is ordered. A note goes along.").
			WithExample(orderWithNote{SKU: "chair", Quantity: 1, Note: "before noon"}, placed{Number: 7}).
			FailsWith(stock.NotFound{}, stock.OutOfStock{})
)

type order struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

type orderWithNote struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Note     string `json:"note,omitempty" doc:"for whoever delivers it"`
}

type placed struct {
	Number int64 `json:"number"`
}

// serveOrders runs an instance of a service that calls the inventory, until ctx ends.
func serveOrders(ctx context.Context, nc *nats.Conn, isNext bool) (err error) {
	client := typednats.NewClient(nc)
	defer func() { _ = client.Close() }() // the service has stopped by then
	var number atomic.Int64
	place := func(ctx context.Context, o order) (placed, error) {
		_, err := typednats.RequestService(ctx, client, stock.Reserve, stock.ReserveRequest{SKU: o.SKU, Quantity: o.Quantity})
		return placed{Number: number.Add(1)}, err
	}
	version, endpoint := "2.3.0", placeOrder.Handle(place)
	if isNext {
		version = "2.4.0"
		endpoint = placeWithNote.Handle(func(ctx context.Context, o orderWithNote) (placed, error) {
			return place(ctx, order{SKU: o.SKU, Quantity: o.Quantity})
		})
	}
	cfg := typednats.ServiceConfig{Name: "orders", Version: version, Description: "Orders of customers"}
	return typednats.Serve(ctx, nc, cfg, endpoint)
}

// keepBusy makes calls until ctx ends, some of which fail, and more at some times than at others.
func keepBusy(ctx context.Context, nc *nats.Conn) error {
	client := typednats.NewClient(nc)
	var callers sync.WaitGroup
	for _, caller := range []struct {
		every, wave time.Duration
		call        func(context.Context, string) error
	}{
		{20 * time.Millisecond, 90 * time.Second, func(ctx context.Context, sku string) error {
			_, err := typednats.RequestService(ctx, client, stock.Check, stock.CheckRequest{SKU: sku})
			return err
		}},
		{60 * time.Millisecond, 2 * time.Minute, func(ctx context.Context, sku string) error {
			_, err := typednats.RequestService(ctx, client, stock.CheckV2, stock.CheckRequest{SKU: sku})
			return err
		}},
		{500 * time.Millisecond, time.Minute, func(ctx context.Context, _ string) error {
			_, err := typednats.RequestService(ctx, client, stock.WarehouseAt("berlin"), struct{}{})
			return err
		}},
		{120 * time.Millisecond, 3 * time.Minute, func(ctx context.Context, sku string) error {
			_, err := typednats.RequestService(ctx, client, placeOrder, order{SKU: sku, Quantity: 1})
			return err
		}},
	} {
		callers.Go(func() {
			for pause(ctx, caller.every, caller.wave) {
				_ = caller.call(ctx, anItem()) // the page shows how many fail
			}
		})
	}
	callers.Wait()
	if err := client.Close(); err != nil {
		return fmt.Errorf("close the client: %w", err)
	}
	return nil
}

// anItem is in stock as a rule.
func anItem() string {
	switch n := rand.IntN(100); { //nolint:gosec // nobody gains anything by a guess
	case n < 2:
		return "lamp"
	case n < 6:
		return "sofa"
	default:
		return "chair"
	}
}

// pause waits for a while, which is longer at some times than at others. It is false if ctx ends.
func pause(ctx context.Context, mean, wave time.Duration) bool {
	swing := 1 + 0.6*math.Sin(2*math.Pi*float64(time.Now().UnixMilli())/float64(wave.Milliseconds()))
	jitter := 0.5 + rand.Float64() //nolint:gosec // nobody gains anything by a guess
	select {
	case <-time.After(time.Duration(float64(mean) * swing * jitter)):
		return true
	case <-ctx.Done():
		return false
	}
}
