package typednatsotel_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// instrument is a metric without its values.
type instrument struct {
	Unit    string
	Kind    string
	Buckets []float64
}

// instrumentOf also returns the keys of the metric's attributes.
func instrumentOf(tb testing.TB, m metricdata.Metrics) (instrument, []attribute.Set) {
	tb.Helper()
	i, sets := instrument{Unit: m.Unit}, []attribute.Set(nil)
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		i.Kind, i.Buckets = "histogram of float64", data.DataPoints[0].Bounds
		for _, point := range data.DataPoints {
			sets = append(sets, point.Attributes)
		}
	case metricdata.Histogram[int64]:
		i.Kind, i.Buckets = "histogram of int64", data.DataPoints[0].Bounds
		for _, point := range data.DataPoints {
			sets = append(sets, point.Attributes)
		}
	case metricdata.Gauge[int64]:
		i.Kind = "gauge of int64"
		for _, point := range data.DataPoints {
			sets = append(sets, point.Attributes)
		}
	default:
		tb.Fatalf("%s is a %T", m.Name, data)
	}
	return i, sets
}

// Dashboards and alerts are made of these names: those of the RPC conventions, version 1.45.0, and ours. They are
// written out here, so that none of them changes unseen.
func TestNamesAreThoseOfTheConventions(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t, typednatsotel.WithDetailedMetrics(), typednatsotel.WithRequestHeaders("tenant"))
	nc := typednatstest.Server(t)
	orders := numeric.InSubject("orders.*")
	svc := start(t, nc, config(), orders.Handle(misbehave, typednats.WithObserver(tel.observer)))
	keys := map[trace.SpanKind]map[string]bool{trace.SpanKindClient: {}, trace.SpanKindServer: {}}
	add := func(n int) {
		for range n {
			s := tel.next()
			for _, kv := range s.Attributes() {
				keys[s.SpanKind()][string(kv.Key)] = true
			}
			compare(t, "scope", [2]string{"github.com/typednats/typednats/otel", "https://opentelemetry.io/schemas/1.45.0"},
				[2]string{s.InstrumentationScope().Name, s.InstrumentationScope().SchemaURL})
		}
	}
	observed := typednats.WithObserver(tel.observer)
	for _, text := range []string{"", "declared", "undeclared"} {
		_, _ = typednats.RequestService(within(t), nc, orders.At("orders.1"), ask{text}, observed, typednats.WithHeader("Tenant", "a"))
		add(2)
	}
	if reply := askAsJS(t, nc, nil, "orders.2", "no JSON"); reply.Header.Get(typednats.RefusedHeader) != "decode" {
		t.Errorf("the refusal has the headers %v", reply.Header)
	}
	add(1)
	_, _ = typednats.Request[ask, float64](within(t), nc, "orders.3", ask{}, observed)
	add(2)
	compare(t, "attributes of a client's spans", []string{
		"error.type", "rpc.method", "rpc.method_original", "rpc.request.header.tenant", "rpc.status_code", "rpc.system.name",
		"typednats.attempts", "typednats.error.tag", "typednats.subject",
	}, sorted(keys[trace.SpanKindClient]))
	compare(t, "attributes of a service's spans", []string{
		"error.type", "rpc.method", "rpc.request.header.tenant", "rpc.status_code", "rpc.system.name", "typednats.error.id",
		"typednats.error.tag", "typednats.instance", "typednats.queue_wait", "typednats.refused", "typednats.service", "typednats.subject",
	}, sorted(keys[trace.SpanKindServer]))

	reader := sdkmetric.NewManualReader()
	if _, err := typednatsotel.Gauges(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"), svc); err != nil {
		t.Fatal(err)
	}
	metrics := tel.collect()
	maps.Copy(metrics, (&telemetry{tb: t, metrics: reader}).collect())
	seconds := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	bytes := []float64{64, 256, 1024, 4096, 16384, 65536, 262144, 1048576}
	calls := []string{"error.type", "rpc.method", "rpc.status_code", "rpc.system.name", "typednats.error.tag"}
	places := []string{"rpc.method", "rpc.system.name", "typednats.service"}
	want := map[string]instrument{
		"rpc.client.call.duration":        {"s", "histogram of float64", seconds},
		"rpc.server.call.duration":        {"s", "histogram of float64", seconds},
		"typednats.server.queue.duration": {"s", "histogram of float64", seconds},
		"typednats.server.request.size":   {"By", "histogram of int64", bytes},
		"typednats.server.reply.size":     {"By", "histogram of int64", bytes},
		"typednats.server.active_calls":   {"{call}", "gauge of int64", nil},
		"typednats.server.waiting_calls":  {"{call}", "gauge of int64", nil},
		"typednats.server.max_calls":      {"{call}", "gauge of int64", nil},
	}
	got := make(map[string]instrument)
	for name, m := range metrics {
		i, sets := instrumentOf(t, m)
		got[name] = i
		if m.Description == "" {
			t.Errorf("%s has no description", name)
		}
		found := make(map[string]bool)
		for _, set := range sets {
			for _, kv := range set.ToSlice() {
				found[string(kv.Key)] = true
			}
		}
		attributes := calls
		if i.Buckets == nil {
			attributes = places
		}
		compare(t, "attributes of "+name, attributes, sorted(found))
	}
	compare(t, "metrics", want, got)

	var all metricdata.ResourceMetrics
	if err := tel.metrics.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	compare(t, "scopes of metrics", 1, len(all.ScopeMetrics))
	scope := all.ScopeMetrics[0].Scope
	compare(t, "scope", [2]string{"github.com/typednats/typednats/otel", "https://opentelemetry.io/schemas/1.45.0"},
		[2]string{scope.Name, scope.SchemaURL})
}

func sorted(set map[string]bool) []string {
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
