package typednatsotel_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// gaugesOf returns the series of the gauges, by name.
func gaugesOf(tb testing.TB, reader *sdkmetric.ManualReader) map[string]map[string]int64 {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		tb.Fatalf("collect: %v", err)
	}
	gauges := make(map[string]map[string]int64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			series := make(map[string]int64)
			for _, point := range m.Data.(metricdata.Gauge[int64]).DataPoints {
				series[point.Attributes.Encoded(attribute.DefaultEncoder())] = point.Value
			}
			gauges[m.Name] = series
		}
	}
	return gauges
}

func TestGaugesTellWhatRunsAndWaits(t *testing.T) {
	t.Parallel()
	nc, reader := typednatstest.Server(t), sdkmetric.NewManualReader()
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	hold := func(_ context.Context, in note) (note, error) {
		entered <- struct{}{}
		<-leave
		return in, nil
	}
	busy, idle := echo.InSubject("busy.*"), echo.InSubject("idle")
	one := start(t, nc, config(), busy.Handle(hold, typednats.WithMaxConcurrent(2)), idle.Handle(hold))
	two := start(t, nc, config(), busy.WithQueueGroup("other").Handle(hold, typednats.WithMaxConcurrent(2)))
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	registration, err := typednatsotel.Gauges(meter, one, two)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // each goes to both
		if err := nc.PublishRequest("busy.x", nc.NewInbox(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		await(t, entered, "the handlers")
	}
	eventually(t, "what waits", func() bool { return one.Load()[0].Waiting == 1 && two.Load()[0].Waiting == 1 })
	const atBusy = "rpc.method=busy.*,rpc.system.name=typednats,typednats.service=test"
	const atIdle = "rpc.method=idle,rpc.system.name=typednats,typednats.service=test"
	compare(t, "busy", map[string]map[string]int64{
		"typednats.server.active_calls":  {atBusy: 4, atIdle: 0},
		"typednats.server.waiting_calls": {atBusy: 2, atIdle: 0},
		"typednats.server.max_calls":     {atBusy: 4, atIdle: 256},
	}, gaugesOf(t, reader))

	close(leave)
	if err := two.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the others", func() bool { return one.Load()[0].Running == 0 })
	compare(t, "one is stopped", map[string]map[string]int64{
		"typednats.server.active_calls":  {atBusy: 0, atIdle: 0},
		"typednats.server.waiting_calls": {atBusy: 0, atIdle: 0},
		"typednats.server.max_calls":     {atBusy: 2, atIdle: 256},
	}, gaugesOf(t, reader))
	if err := one.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	compare(t, "all are stopped", map[string]map[string]int64{}, gaugesOf(t, reader))
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
}

func TestGaugesEnd(t *testing.T) {
	t.Parallel()
	nc, reader := typednatstest.Server(t), sdkmetric.NewManualReader()
	registration, err := typednatsotel.Gauges(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"),
		start(t, nc, config(), echo.Handle(repeat)))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "gauges", 3, len(gaugesOf(t, reader)))
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
	compare(t, "gauges", 0, len(gaugesOf(t, reader)))
}

func TestGaugesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	meter := noop.NewMeterProvider().Meter("test")
	for want, call := range map[string]func() (metric.Registration, error){
		"meter: it is nil":         func() (metric.Registration, error) { return typednatsotel.Gauges(nil) },
		"services: there are none": func() (metric.Registration, error) { return typednatsotel.Gauges(meter) },
		"service 2: it is nil": func() (metric.Registration, error) {
			return typednatsotel.Gauges(meter, new(typednats.Service), nil)
		},
	} {
		if _, err := call(); !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("Gauges = %v, want %q", err, want)
		}
	}
}
