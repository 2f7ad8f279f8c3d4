// Kubernetes is a service as it runs there: it waits for NATS instead of failing, has a page for probes and metrics,
// logs as JSON, and after a SIGTERM answers what it has accepted before it ends. docs/guides/kubernetes.md says why
// each part is as it is.
//
// It reads three variables of the environment: NATS_URL, which it needs, HTTP_ADDR, the address of the page, which is
// ":8080" by default, and LOG_LEVEL, which is "INFO" by default.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
)

// drainTimeout and what comes after it must be shorter than terminationGracePeriodSeconds.
const drainTimeout = 20 * time.Second

func main() {
	var level slog.Level
	err := level.UnmarshalText([]byte(cmp.Or(os.Getenv("LOG_LEVEL"), "INFO")))
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level})))
	if err != nil {
		err = fmt.Errorf("LOG_LEVEL: %w", err)
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
		err = run(ctx, os.Getenv("NATS_URL"), cmp.Or(os.Getenv("HTTP_ADDR"), ":8080"))
	}
	if err != nil {
		slog.Error("the program has failed", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, or until the connection is closed for good. What is begun first ends last: the page.
func run(ctx context.Context, url, pageAddr string) (err error) {
	if url == "" {
		return errors.New("NATS_URL is not set")
	}
	var service atomic.Pointer[typednats.Service]
	closePage, err := servePage(ctx, pageAddr, &service) // a service that nobody can watch gets no requests
	if err != nil {
		return err
	}
	defer closePage()
	meters, err := newMeters()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, meters.Shutdown(ctx))
	}()
	measured, err := typednatsotel.Observer(typednatsotel.WithMeterProvider(meters), typednatsotel.WithDetailedMetrics())
	if err != nil {
		return err
	}
	nc, err := connect(url)
	if err != nil {
		return err
	}
	defer nc.Close() // after the service has stopped
	cfg := typednats.ServiceConfig{
		Name: "pricing", Version: "1.0.0", MaxConcurrent: 64, DrainTimeout: drainTimeout,
		Logger:    slog.Default(),
		Observers: []typednats.Observer{measured, typednats.LogObserver(slog.Default())},
		OnStart: func(svc *typednats.Service) {
			if _, err := typednatsotel.Gauges(meters.Meter("pricing"), svc); err != nil {
				slog.Error("the gauges are missing", "error", err)
			}
			service.Store(svc)
		},
	}
	client := typednats.NewClient(nc, typednats.WithObserver(measured))
	return typednats.Serve(ctx, nc, cfg, Quote.Handle(quote(client)))
}

// connect returns a connection that waits for NATS as long as it takes, and logs what becomes of it.
func connect(url string) (*nats.Conn, error) {
	there := func(nc *nats.Conn) { slog.Info("NATS is there", "server", nc.ConnectedUrlRedacted()) }
	return nats.Connect(url,
		nats.RetryOnFailedConnect(true), // NATS may start later than this program
		nats.MaxReconnects(-1),          // and may be away for longer than two minutes
		nats.ConnectHandler(there),
		nats.ReconnectHandler(there),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { slog.Warn("NATS is lost", "error", err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { slog.Warn("NATS is away", "error", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { slog.Error("NATS complains", "error", err) }),
		nats.NoCallbacksAfterClientClose(), // the end of the program is no news
	)
}

// newMeters returns what metrics are recorded with. Prometheus reads them from the default registry, where those of the
// process are, too: memory, goroutines, garbage collection.
func newMeters() (*metric.MeterProvider, error) {
	reader, err := exporter.New(exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo()) // Prometheus knows whom it asks
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Error("OpenTelemetry complains", "error", err) }))
	return metric.NewMeterProvider(metric.WithReader(reader)), nil
}
