package typednatsotel_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// What is filtered leaves nothing behind, and does not end the span that it is called in.
func TestFilterLeavesOut(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]func(*typednats.Observation) bool{
		"filters": func(o *typednats.Observation) bool { return o.Endpoint != "health" },
		"panics": func(o *typednats.Observation) bool {
			if o.Endpoint == "health" {
				panic("the filter fails")
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tel, nc := newTelemetry(t, typednatsotel.WithFilter(keep)), typednatstest.Server(t)
			health := typednats.NewEndpoint[note, note, missing]("health")
			client := newClient(t, nc, typednats.WithObserver(tel.observer))
			headers := make(chan nats.Header, 1)
			start(t, nc, config(),
				health.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
					headers <- r.Header
					return r.Value, nil
				}, typednats.WithObserver(tel.observer)),
				echo.Handle(func(ctx context.Context, in note) (note, error) {
					_, err := typednats.RequestService(ctx, client, health, in)
					if !trace.SpanFromContext(ctx).IsRecording() {
						err = errors.New("the span of the request has ended")
					}
					return in, err
				}, typednats.WithObserver(tel.observer)))
			if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
				t.Fatal(err)
			}
			if sent := await(t, headers, "the request"); sent["traceparent"] != nil {
				t.Errorf("what is left out sends %v", sent)
			}
			here, there := tel.both()
			compare(t, "spans", [2]string{"echo", "echo"}, [2]string{here.Name(), there.Name()})
			compare(t, "measured", map[string]uint64{"rpc.method=echo,rpc.status_code=OK,rpc.system.name=typednats": 1},
				tel.series("rpc.client.call.duration"))
			compare(t, "spans", 2, len(tel.spans.Ended()))
		})
	}
}

// Two observers do not end each other's spans.
func TestObserversAreApart(t *testing.T) {
	t.Parallel()
	nc, all := typednatstest.Server(t), newTelemetry(t)
	none := newTelemetry(t, typednatsotel.WithFilter(func(*typednats.Observation) bool { return false }))
	start(t, nc, config(), numeric.Handle(misbehave, typednats.WithObserver(all.observer), typednats.WithObserver(none.observer)))
	_, _ = typednats.RequestService(within(t), nc, numeric, ask{"broken"},
		typednats.WithObserver(all.observer), typednats.WithObserver(none.observer))
	want := spanEnd{Status: "502", ErrorType: "502", Failed: true, Says: "the store is broken"}
	for range 2 {
		compare(t, "end", want, endOf(all.next(), want))
	}
	compare(t, "what the other one has", [2]int{0, 0}, [2]int{len(none.spans.Started()), len(none.collect())})
}

// Headers are recorded if they are asked for, in whatever case, on spans alone.
func TestHeadersAreOptIn(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for name, test := range map[string]struct {
		opts []typednatsotel.Option
		want map[string]any
	}{
		"none": {nil, map[string]any{}},
		"two": {
			[]typednatsotel.Option{typednatsotel.WithRequestHeaders("tenant", "X-Absent"), typednatsotel.WithRequestHeaders("X-KIND", "x-kind")},
			map[string]any{"rpc.request.header.tenant": []string{"a"}, "rpc.request.header.x-kind": []string{"b"}},
		},
	} {
		tel := newTelemetry(t, test.opts...)
		svc := start(t, nc, config(), echo.Handle(repeat, typednats.WithObserver(tel.observer)))
		_, err := typednats.RequestService(within(t), nc, echo, note{}, typednats.WithObserver(tel.observer),
			typednats.WithHeader("Tenant", "a"), typednats.WithHeader("x-kind", "b"), typednats.WithHeader("Authorization", "secret"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got := make(map[string]any)
			for key, value := range attributes(tel.next()) {
				if strings.HasPrefix(key, "rpc.request.header.") {
					got[key] = value
				}
			}
			compare(t, name, test.want, got)
		}
		compare(t, name, map[string]uint64{"rpc.method=echo,rpc.status_code=OK,rpc.system.name=typednats": 1},
			tel.series("rpc.server.call.duration"))
		if err := svc.Stop(within(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// What is not given is global, and stays as it is.
func TestGlobalsAreRead(t *testing.T) { //nolint:paralleltest // it sets what is global
	nc, tel, reader := typednatstest.Server(t), newTelemetry(t), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(told{tel.ended}))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	propagator := propagation.TraceContext{}
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(meters)
	otel.SetTextMapPropagator(propagator)
	t.Cleanup(func() {
		otel.SetTracerProvider(nooptrace.NewTracerProvider())
		otel.SetMeterProvider(noop.NewMeterProvider())
		otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	})
	observer, err := typednatsotel.Observer()
	if err != nil {
		t.Fatal(err)
	}
	start(t, nc, config(), echo.Handle(repeat, typednats.WithObserver(observer)))
	if _, err := typednats.RequestService(within(t), nc, echo, note{}, typednats.WithObserver(observer)); err != nil {
		t.Fatal(err)
	}
	client, server := tel.both()
	compare(t, "parent", client.SpanContext().SpanID(), server.Parent().SpanID())
	global := &telemetry{tb: t, metrics: reader}
	compare(t, "measured", map[string]uint64{"rpc.method=echo,rpc.status_code=OK,rpc.system.name=typednats": 1},
		global.series("rpc.client.call.duration"))
	newTelemetry(t) // with providers of its own
	if otel.GetTracerProvider() != tracers || otel.GetMeterProvider() != meters || otel.GetTextMapPropagator() != propagator {
		t.Error("Observer has set something global")
	}
}

// All mistakes are reported at once.
func TestObserverSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := typednatsotel.Observer(nil, typednatsotel.WithTracerProvider((*sdktrace.TracerProvider)(nil)),
		typednatsotel.WithMeterProvider(nil), typednatsotel.WithPropagator(nil), typednatsotel.WithErrors(nil),
		typednatsotel.WithFilter(nil), typednatsotel.WithRequestHeaders("", "good", "no good"))
	if !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Fatalf("Observer = %v", err)
	}
	for _, want := range []string{
		"option 1: it is nil", "WithTracerProvider: it is nil", "WithMeterProvider: it is nil", "WithPropagator: it is nil",
		"WithErrors: it is nil", "WithFilter: it is nil", `WithRequestHeaders: "": want letters`, `WithRequestHeaders: "no good": want`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	compare(t, "mistakes", 8, len(strings.Split(err.Error(), "\n")))
	_, err = typednatsotel.Observer(typednatsotel.WithMeterProvider(refusing{}))
	if !errors.Is(err, errRefusing) {
		t.Errorf("Observer with a meter that refuses = %v", err)
	}
}

var errRefusing = errors.New("no more instruments")

// refusing is a meter provider that makes no instruments.
type refusing struct{ noop.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

type refusingMeter struct{ noop.Meter }

func (refusingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errRefusing
}
