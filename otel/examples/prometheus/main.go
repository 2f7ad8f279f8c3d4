// Prometheus runs a service, calls it, and has a page for Prometheus with what OpenTelemetry has measured of both
// sides. NATS runs inside the program. Without -serve it prints the names of what is on the page, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/natsserver"
	typednatsotel "github.com/typednats/typednats/otel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// run is the program.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("prometheus", flag.ContinueOnError)
	flags.SetOutput(out)
	address := flags.String("serve", "", "serve the page on `ADDRESS`, such as localhost:9464, until an interrupt")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		return err
	}
	defer srv.Stop()
	nc, err := srv.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()

	// OpenTelemetry hands what it measures to a registry of Prometheus, when Prometheus asks.
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		return fmt.Errorf("make the exporter: %w", err)
	}
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { err = errors.Join(err, meters.Shutdown(context.WithoutCancel(ctx))) }()

	end, err := work(ctx, nc, meters)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return show(ctx, *address, registry, out)
}

// work starts the service and makes some calls. The service runs until end is called.
func work(ctx context.Context, nc *nats.Conn, meters *metric.MeterProvider) (end func() error, err error) {
	observer, err := typednatsotel.Observer(typednatsotel.WithMeterProvider(meters), typednatsotel.WithDetailedMetrics())
	if err != nil {
		return nil, err
	}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0", Observers: []typednats.Observer{observer}, Logger: slog.New(slog.DiscardHandler),
	}, Check.Handle(check))
	if err != nil {
		return nil, err
	}
	stop := func() error { return svc.Stop(context.WithoutCancel(ctx)) }
	registration, err := typednatsotel.Gauges(meters.Meter("example.com/shop"), svc)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	client := typednats.NewClient(nc, typednats.WithObserver(observer))
	for _, item := range []string{"chair", "table", "sofa", "chair"} { // there, not there, a failure
		_, _ = typednats.RequestService(ctx, client, Check.At("stock.berlin.check"), StockRequest{Item: item})
	}
	return func() error { return errors.Join(client.Close(), registration.Unregister(), stop()) }, nil
}

// show serves the page. Without an address it reads the page itself, and prints the names.
func show(ctx context.Context, address string, registry *prometheus.Registry, out io.Writer) error {
	listen := address
	if address == "" {
		listen = "127.0.0.1:0"
	}
	url, end, err := servePage(ctx, listen, registry)
	if err != nil {
		return err
	}
	if address != "" {
		_, err = fmt.Fprintln(out, "serving", url)
		<-ctx.Done()
		return errors.Join(err, end())
	}
	page, err := readPage(ctx, url)
	if err == nil {
		err = printNames(out, page)
	}
	return errors.Join(err, end())
}
