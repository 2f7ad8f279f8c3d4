package typednatsotel_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"text/tabwriter"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/natsserver"
	typednatsotel "github.com/typednats/typednats/otel"
)

type StockRequest struct {
	Item string `json:"item"`
}

type StockReply struct {
	Available int `json:"available"`
}

type NotFound struct {
	Item string `json:"item"`
}

func (e NotFound) Error() string { return e.Item + " is not in the catalog" }
func (NotFound) ErrorCode() int  { return 404 }

// Check listens on a subject for each warehouse.
var Check = typednats.NewEndpoint[StockRequest, StockReply, NotFound]("check").InSubject("stock.*.check")

func check(_ context.Context, r StockRequest) (StockReply, error) {
	if r.Item != "chair" {
		return StockReply{}, NotFound(r)
	}
	return StockReply{Available: 12}, nil
}

// exampleConn returns a connection to a NATS server.
func exampleConn() (nc *nats.Conn, end func()) {
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		log.Fatal(err)
	}
	nc, err = srv.Connect()
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() {
		nc.Close()
		srv.Stop()
	}
}

// A program that has set up OpenTelemetry needs no options.
func ExampleObserver() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	otel.SetTextMapPropagator(propagation.TraceContext{})
	observer, err := typednatsotel.Observer()
	if err != nil {
		log.Fatal(err)
	}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0", Observers: []typednats.Observer{observer},
	}, Check.Handle(check))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()
	client := typednats.NewClient(nc, typednats.WithObserver(observer))

	reply, err := typednats.RequestService(ctx, client, Check.At("stock.berlin.check"), StockRequest{Item: "chair"})
	fmt.Println(reply.Available, err)
	// Output:
	// 12 <nil>
}

// This program keeps what is recorded.
func Example() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()
	spans, metrics := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	tracers := trace.NewTracerProvider(trace.WithSyncer(spans))
	meters := metric.NewMeterProvider(metric.WithReader(metrics))

	observer, err := typednatsotel.Observer(
		typednatsotel.WithTracerProvider(tracers),
		typednatsotel.WithMeterProvider(meters),
		typednatsotel.WithPropagator(propagation.TraceContext{}),
	)
	if err != nil {
		log.Fatal(err)
	}
	cfg := typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0", Observers: []typednats.Observer{observer}}
	svc, err := typednats.NewService(nc, cfg, Check.Handle(check))
	if err != nil {
		log.Fatal(err)
	}
	client := typednats.NewClient(nc, typednats.WithObserver(observer))

	for _, item := range []string{"chair", "sofa", "chair"} {
		_, _ = typednats.RequestService(ctx, client, Check.At("stock.berlin.check"), StockRequest{Item: item})
	}
	_ = svc.Stop(ctx) // so that all spans have ended

	children := 0
	for _, span := range spans.GetSpans() {
		if span.Parent.IsRemote() {
			children++
		}
	}
	fmt.Println(len(spans.GetSpans()), "spans,", children, "of them of a service, each within that of its caller")
	var all metricdata.ResourceMetrics
	if err := metrics.Collect(ctx, &all); err != nil {
		log.Fatal(err)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, m := range all.ScopeMetrics[0].Metrics {
		for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
			method, _ := point.Attributes.Value("rpc.method")
			status, _ := point.Attributes.Value("rpc.status_code")
			_, _ = fmt.Fprintln(out, m.Name+"\t"+method.AsString()+"\t"+status.AsString()+"\t"+fmt.Sprint(point.Count))
		}
	}
	_ = out.Flush()
	// Unordered output:
	// 6 spans, 3 of them of a service, each within that of its caller
	// rpc.server.call.duration  stock.*.check  OK   2
	// rpc.server.call.duration  stock.*.check  404  1
	// rpc.client.call.duration  stock.*.check  OK   2
	// rpc.client.call.duration  stock.*.check  404  1
}

func ExampleGauges() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()
	metrics := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(metrics))

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"}, Check.Handle(check))
	if err != nil {
		log.Fatal(err)
	}
	registration, err := typednatsotel.Gauges(meters.Meter("example.com/shop"), svc)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = registration.Unregister() }()

	var all metricdata.ResourceMetrics
	if err := metrics.Collect(ctx, &all); err != nil {
		log.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		for _, point := range m.Data.(metricdata.Gauge[int64]).DataPoints {
			fmt.Println(m.Name, point.Value)
		}
	}
	_ = svc.Stop(ctx)
	// Unordered output:
	// typednats.server.active_calls 0
	// typednats.server.max_calls 256
	// typednats.server.waiting_calls 0
}
