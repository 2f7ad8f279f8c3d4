package typednatsotel_test

import (
	"context"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// nowhere is an exporter that drops all spans.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }

// The ways in which a program can be set up.
func noTracers(testing.TB) trace.TracerProvider { return nooptrace.NewTracerProvider() }
func noMeters() metric.MeterProvider            { return noopmetric.NewMeterProvider() }
func unsampled(testing.TB) trace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
}

func sampled(tb testing.TB) trace.TracerProvider {
	tb.Helper()
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(nowhere{}))
	tb.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			tb.Errorf("Shutdown: %v", err)
		}
	})
	return p
}

func meters() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

func newObserver(tb testing.TB, t trace.TracerProvider, m metric.MeterProvider, opts ...typednatsotel.Option) typednats.Observer {
	tb.Helper()
	o, err := typednatsotel.Observer(append([]typednatsotel.Option{
		typednatsotel.WithTracerProvider(t), typednatsotel.WithMeterProvider(m), typednatsotel.WithPropagator(propagation.TraceContext{}),
	}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// observations are what an observer sees of the sides of a call that has ended.
func observations() map[string]*typednats.Observation {
	return map[string]*typednats.Observation{
		"service": {
			Side: typednats.ServerSide, Service: "stock", Version: "1.0.0", Instance: "x", Endpoint: "check", Pattern: "stock.check",
			Subject: "stock.check", Received: time.Now(), Took: time.Millisecond, Outcome: typednats.OutcomeOK,
		},
		"client": {
			Side: typednats.ClientSide, Endpoint: "check", Pattern: "stock.*.check", Subject: "stock.1.check", Received: time.Now(),
			Took: time.Millisecond, Attempts: 1, Outcome: typednats.OutcomeDeclared, Code: 404, Tag: "NotFound",
		},
	}
}

// A metric costs no allocation, whatever is measured.
func TestMetricsDoNotAllocate(t *testing.T) { //nolint:paralleltest // it counts what the whole process allocates
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector allocates, too")
	}
	for side, ob := range observations() {
		allocs := func(m metric.MeterProvider, opts ...typednatsotel.Option) float64 {
			o := newObserver(t, noTracers(t), m, opts...)
			return testing.AllocsPerRun(1000, func() { o.End(o.Start(context.Background(), ob), ob) })
		}
		without := allocs(noMeters())
		if got := allocs(meters(), typednatsotel.WithDetailedMetrics()); got > without {
			t.Errorf("%s: %v allocations with metrics, %v without", side, got, without)
		}
	}
}

// BenchmarkCall measures calls, one after the other, with an observer on both sides.
func BenchmarkCall(b *testing.B) {
	for _, setup := range []struct {
		name    string
		tracers func(testing.TB) trace.TracerProvider // nil means no observer
		meters  func() metric.MeterProvider
	}{
		{"no observer", nil, nil},
		{"no-op providers", noTracers, noMeters},
		{"metrics", noTracers, meters},
		{"spans not sampled", unsampled, noMeters},
		{"spans sampled and metrics", sampled, meters},
	} {
		b.Run(setup.name, func(b *testing.B) {
			nc := typednatstest.Server(b)
			cfg, opts := config(), []typednats.ClientOption(nil)
			if setup.tracers != nil {
				o := newObserver(b, setup.tracers(b), setup.meters())
				cfg.Observers, opts = []typednats.Observer{o}, append(opts, typednats.WithObserver(o))
			}
			start(b, nc, cfg, echo.Handle(repeat))
			client, ctx := newClient(b, nc, opts...), b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := typednats.RequestService(ctx, client, echo, note{"x"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkObserver measures what the observer itself costs, without a call. What a client's header costs is not in it.
func BenchmarkObserver(b *testing.B) {
	for _, setup := range []struct {
		name    string
		tracers func(testing.TB) trace.TracerProvider
		meters  func() metric.MeterProvider
		opts    []typednatsotel.Option
	}{
		{"no-op providers", noTracers, noMeters, nil},
		{"metrics", noTracers, meters, nil},
		{"detailed metrics", noTracers, meters, []typednatsotel.Option{typednatsotel.WithDetailedMetrics()}},
		{"spans not sampled", unsampled, noMeters, nil},
		{"spans sampled", sampled, noMeters, nil},
		{"spans sampled and metrics", sampled, meters, nil},
	} {
		b.Run(setup.name, func(b *testing.B) {
			o, ob, ctx := newObserver(b, setup.tracers(b), setup.meters(), setup.opts...), observations()["service"], context.Background()
			b.ReportAllocs()
			for b.Loop() {
				o.End(o.Start(ctx, ob), ob)
			}
		})
	}
}
