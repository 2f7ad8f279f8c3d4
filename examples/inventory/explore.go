package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/examples/inventory/server"
	"github.com/typednats/typednats/examples/inventory/stock"
	"github.com/typednats/typednats/explorer"
)

// explore runs an instance on each connection and a client that keeps them busy, and shows them on a page, until ctx ends or
// one of them fails.
func explore(
	ctx context.Context, out *log.Logger, inventory server.Inventory, clientConn *nats.Conn, instanceConns []*nats.Conn,
) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the page: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(instanceConns)+2)
	var parts sync.WaitGroup
	run := func(i int, part func() error) {
		parts.Go(func() {
			defer cancel()
			errs[i] = part()
		})
	}
	inventory.Logger = slog.New(slog.DiscardHandler) // the client asks for a corrupt record again and again
	for i, nc := range instanceConns {
		instance := inventory
		instance.Version = fmt.Sprintf("1.%d.0", i) // as if a rollout were under way
		run(i, func() error { return instance.Serve(ctx, nc) })
	}
	run(len(instanceConns), func() error { return keepBusy(ctx, clientConn) })
	run(len(instanceConns)+1, func() error { return servePage(ctx, listener, clientConn) })
	out.Printf("http://%s/ shows what runs, until interrupted.", listener.Addr())
	parts.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	out.Print("Interrupted: both instances have answered what they had accepted.")
	return nil
}

// servePage serves the page until ctx ends.
func servePage(ctx context.Context, listener net.Listener, nc *nats.Conn) error {
	host := listener.Addr().String()
	page := explorer.Handler(nc, explorer.WithCalls(func(r *http.Request) error {
		// A name that somebody else has pointed to this address is not ours.
		if r.Host != host {
			return errors.New("calls are for " + host)
		}
		return nil
	}))
	srv := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

// keepBusy makes calls until ctx ends, some of which fail.
func keepBusy(ctx context.Context, nc *nats.Conn) error {
	client := typednats.NewClient(nc)
	items := []string{"chair", "chair", "chair", "desk", "sofa", "lamp"}
	for ctx.Err() == nil {
		item := items[rand.IntN(len(items))] //nolint:gosec // nobody gains anything by a guess
		_, _ = typednats.RequestService(ctx, client, stock.Check, stock.CheckRequest{SKU: item})
		switch rand.IntN(8) { //nolint:gosec // nobody gains anything by a guess
		case 0, 1:
			_, _ = typednats.RequestService(ctx, client, stock.CheckV2, stock.CheckRequest{SKU: item})
		case 2:
			_, _ = typednats.RequestService(ctx, client, stock.WarehouseAt("berlin"), struct{}{})
		case 3:
			_, _ = typednats.RequestService(ctx, client, stock.Reserve, stock.ReserveRequest{SKU: "sofa", Quantity: 1})
		}
		// There is more to do at some times than at others.
		wave := 1 + 0.8*float64(time.Now().Unix()%60-30)/30
		pause := time.Duration(wave * float64(50*time.Millisecond))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return client.Close()
}
