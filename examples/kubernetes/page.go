package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/typednats/typednats"
)

// servePage answers Kubernetes and Prometheus, until the page is closed. Alive is a program that answers at all: if
// NATS is away, another start does not help. Ready is a service that gets requests; while service has none, none does.
func servePage(
	ctx context.Context, addr string, service *atomic.Pointer[typednats.Service],
) (closePage func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("the page for probes and metrics: %w", err)
	}
	slog.Info("the page is there", "address", listener.Addr().String())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		err := errors.New("the service has not started")
		if svc := service.Load(); svc != nil {
			err = svc.Ready(ctx)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	page := &http.Server{
		Handler: mux, ReadHeaderTimeout: time.Second, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := page.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the page has failed", "error", err) // the probe for life has the program started again
		}
	}()
	return func() { _ = page.Close(); <-ended }, nil
}
