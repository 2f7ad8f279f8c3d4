package typednatsotel_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // handlers fail on purpose
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test. No test waits that long unless something is broken.
const patience = 60 * time.Second

// note is the request and the reply of most endpoints here.
type note struct {
	Text string `json:"text"`
}

// missing is a declared error.
type missing struct {
	Item string `json:"item"`
}

func (e missing) Error() string { return "no " + e.Item }

func (missing) ErrorCode() int { return 404 }

// echo is the contract of most endpoints here.
var echo = typednats.NewEndpoint[note, note, missing]("echo")

// repeat is a handler that returns its request.
func repeat(_ context.Context, in note) (note, error) { return in, nil }

// telemetry is where an observer's spans and metrics go.
type telemetry struct {
	tb       testing.TB
	ended    chan sdktrace.ReadOnlySpan
	spans    *tracetest.SpanRecorder
	metrics  *metric.ManualReader
	observer typednats.Observer
}

// newTelemetry returns an observer with its own providers, and what they get. opts come after those.
func newTelemetry(tb testing.TB, opts ...typednatsotel.Option) *telemetry {
	tb.Helper()
	t := &telemetry{
		tb: tb, ended: make(chan sdktrace.ReadOnlySpan, 1<<16), spans: tracetest.NewSpanRecorder(), metrics: metric.NewManualReader(),
	}
	opts = append([]typednatsotel.Option{
		typednatsotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(t.spans), sdktrace.WithSpanProcessor(told{t.ended}))),
		typednatsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(t.metrics))),
		typednatsotel.WithPropagator(w3c()),
	}, opts...)
	var err error
	if t.observer, err = typednatsotel.Observer(opts...); err != nil {
		tb.Fatalf("Observer: %v", err)
	}
	return t
}

// w3c is what most programs propagate with.
func w3c() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// told tells of spans that have ended. Their metrics are recorded by then.
type told struct{ ended chan<- sdktrace.ReadOnlySpan }

func (told) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (t told) OnEnd(s sdktrace.ReadOnlySpan)                 { t.ended <- s }
func (told) Shutdown(context.Context) error                  { return nil }
func (told) ForceFlush(context.Context) error                { return nil }

// next returns the next span that ends.
func (t *telemetry) next() sdktrace.ReadOnlySpan {
	t.tb.Helper()
	return await(t.tb, t.ended, "the end of a span")
}

// both returns the spans of a call on both sides.
func (t *telemetry) both() (client, server sdktrace.ReadOnlySpan) {
	t.tb.Helper()
	for client == nil || server == nil {
		switch s := t.next(); s.SpanKind() {
		case trace.SpanKindClient:
			client = s
		case trace.SpanKindServer:
			server = s
		default:
			t.tb.Fatalf("span %q is a %v", s.Name(), s.SpanKind())
		}
	}
	return client, server
}

// collect returns the metrics so far, by name.
func (t *telemetry) collect() map[string]metricdata.Metrics {
	t.tb.Helper()
	var all metricdata.ResourceMetrics
	if err := t.metrics.Collect(context.Background(), &all); err != nil {
		t.tb.Fatalf("collect: %v", err)
	}
	byName := make(map[string]metricdata.Metrics)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// series returns the attributes of each series of a histogram of seconds, and how often each was measured.
func (t *telemetry) series(name string) map[string]uint64 {
	t.tb.Helper()
	m, ok := t.collect()[name]
	if !ok {
		return nil
	}
	series := make(map[string]uint64)
	for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		series[point.Attributes.Encoded(attribute.DefaultEncoder())] = point.Count
	}
	return series
}

// seconds is how long the spans of a kind took, together.
func (t *telemetry) seconds(kind trace.SpanKind) float64 {
	sum := 0.0
	for _, s := range t.spans.Ended() {
		if s.SpanKind() == kind {
			sum += s.EndTime().Sub(s.StartTime()).Seconds()
		}
	}
	return sum
}

// attributes are those of a span, but for those that differ from run to run.
func attributes(s sdktrace.ReadOnlySpan) map[string]any {
	values := make(map[string]any)
	for _, kv := range s.Attributes() {
		switch kv.Key {
		case "typednats.instance", "typednats.queue_wait":
		default:
			values[string(kv.Key)] = kv.Value.AsInterface()
		}
	}
	return values
}

// config is a valid configuration that keeps the test's output clean.
func config(changes ...func(*typednats.ServiceConfig)) typednats.ServiceConfig {
	cfg := typednats.ServiceConfig{
		Name: "test", Version: "1.2.3", Logger: slog.New(slog.DiscardHandler), AskNeighbours: typednats.AskNever,
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// start starts a service that is stopped when the test ends.
func start(
	tb testing.TB, nc *nats.Conn, cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint,
) *typednats.Service {
	tb.Helper()
	s, err := typednats.NewService(nc, cfg, endpoints...)
	if err != nil {
		tb.Fatalf("NewService: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil && !errors.Is(err, typednats.ErrAbandoned) {
			tb.Errorf("Stop: %v", err)
		}
	})
	return s
}

// newClient returns a client that is closed when the test ends.
func newClient(tb testing.TB, nc *nats.Conn, opts ...typednats.ClientOption) *typednats.Client {
	tb.Helper()
	c := typednats.NewClient(nc, opts...)
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return c
}

// within is a context that ends with patience or with the test.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// await returns what comes from a channel.
func await[T any](tb testing.TB, ch <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		tb.Fatalf("waited %v for %s", patience, what)
		panic("not reached")
	}
}

// eventually waits until condition holds, for what there is no event of.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// compare fails the test if two values differ.
func compare(tb testing.TB, what string, want, got any, opts ...cmp.Option) {
	tb.Helper()
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sumOf returns the sum of all that a histogram has measured.
func sumOf(tb testing.TB, t *telemetry, name string) float64 {
	tb.Helper()
	m, ok := t.collect()[name]
	if !ok {
		tb.Fatalf("there is no %s", name)
	}
	sum := 0.0
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		for _, point := range data.DataPoints {
			sum += point.Sum
		}
	case metricdata.Histogram[int64]:
		for _, point := range data.DataPoints {
			sum += float64(point.Sum)
		}
	default:
		tb.Fatalf("%s is a %T", name, data)
	}
	return sum
}
