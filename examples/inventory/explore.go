package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/examples/inventory/server"
	"github.com/typednats/typednats/explorer"
)

// explore runs two services on two connections, and a client on a third one that keeps them busy. It shows them on a page
// until ctx ends or one of them fails.
func explore(
	ctx context.Context, out *log.Logger, inventory server.Inventory, clientConn *nats.Conn, instanceConns []*nats.Conn,
) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the page: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		parts sync.WaitGroup
		mu    sync.Mutex
		errs  []error
	)
	run := func(part func() error) {
		parts.Go(func() {
			defer cancel()
			err := part()
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	inventory.Store = server.NewStore(
		server.Item{SKU: "chair", Site: "berlin", Available: 1_000_000},
		server.Item{SKU: "lamp", Site: "oslo", Available: -3}, // corrupt, and asked for again and again
	)
	inventory.Logger = slog.New(slog.DiscardHandler)
	for i, nc := range instanceConns {
		instance := inventory
		instance.Version = fmt.Sprintf("1.%d.0", i) // as if a rollout were under way
		run(func() error { return instance.Serve(ctx, nc) })
		run(func() error { return serveOrders(ctx, nc, i > 0) })
	}
	run(func() error { return keepBusy(ctx, clientConn) })
	run(func() error { return servePage(ctx, listener, clientConn) })
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
