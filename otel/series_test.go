package typednatsotel_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

const okSeries = "rpc.method=%s,rpc.status_code=OK,rpc.system.name=typednats"

// A stranger chooses the subjects of an endpoint with wildcards. They are one series, on both sides.
func TestSubjectsAreOneSeries(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t, typednatsotel.WithDetailedMetrics()), typednatstest.Server(t)
	status := echo.InSubject("orders.*.status")
	start(t, nc, config(), status.Handle(repeat, typednats.WithObserver(tel.observer)))
	client := newClient(t, nc, typednats.WithObserver(tel.observer))
	const subjects = 10_000
	for i := range subjects {
		if _, err := typednats.RequestService(within(t), client, status.At(fmt.Sprintf("orders.%d.status", i)), note{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * subjects {
		s := tel.next()
		if s.Name() != "orders.*.status" {
			t.Fatalf("span %q", s.Name())
		}
		if i == 0 && !strings.HasPrefix(attributes(s)["typednats.subject"].(string), "orders.") {
			t.Errorf("the span has no subject: %v", attributes(s))
		}
	}
	want := map[string]uint64{fmt.Sprintf(okSeries, "orders.*.status"): subjects}
	for _, name := range []string{"rpc.server.call.duration", "rpc.client.call.duration", "typednats.server.queue.duration"} {
		compare(t, name, want, tel.series(name))
	}
}

// A program may make up subjects for calls, of what strangers say. They are one series, and the span has the subject.
func TestUntypedCallsAreOneSeries(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	start(t, nc, config(), echo.InSubject("orders.*.status").Handle(repeat))
	for i := range 3 {
		subject := fmt.Sprintf("orders.%d.status", i)
		if _, err := typednats.Request[note, note](within(t), nc, subject, note{}, typednats.WithObserver(tel.observer)); err != nil {
			t.Fatal(err)
		}
		s := tel.next()
		compare(t, "name", "typednats", s.Name())
		compare(t, "attributes", map[string]any{
			"rpc.system.name": "typednats", "rpc.method": "_OTHER", "rpc.method_original": subject, "rpc.status_code": "OK",
			"typednats.attempts": int64(1),
		}, attributes(s))
	}
	compare(t, "measured", map[string]uint64{fmt.Sprintf(okSeries, "_OTHER"): 3}, tel.series("rpc.client.call.duration"))
}

// The same with endpoints that it makes up: the first thousand have series of their own.
func TestMethodsAreBounded(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	to := typednats.Local(echo.InSubject("orders.>").Handle(repeat))
	const most, all = 1000, 1100
	for i := range all {
		made := echo.InSubject(fmt.Sprintf("orders.%d", i))
		if _, err := typednats.RequestService(within(t), to, made, note{}, typednats.WithObserver(tel.observer)); err != nil {
			t.Fatal(err)
		}
		if s := tel.next(); i == all-1 {
			compare(t, "name", "typednats", s.Name())
			compare(t, "method", []any{"_OTHER", "orders.1099"}, []any{attributes(s)["rpc.method"], attributes(s)["rpc.method_original"]})
		}
	}
	series := tel.series("rpc.client.call.duration")
	compare(t, "series", most+1, len(series))
	compare(t, "the rest", uint64(all-most), series[fmt.Sprintf(okSeries, "_OTHER")])
}

// A service in strange hands answers with what it likes. A client does not let it make up series.
func TestHostileServiceIsBounded(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	n := 0
	sub, err := nc.Subscribe("echo", func(m *nats.Msg) {
		n++
		tag := "tag" + strconv.Itoa(n)
		if n%2 == 0 {
			tag = "missing"
		}
		_ = m.RespondMsg(&nats.Msg{Data: []byte(`{}`), Header: nats.Header{
			micro.ErrorHeader: {"x"}, micro.ErrorCodeHeader: {strconv.Itoa(n)}, typednats.ErrorTypeHeader: {tag},
			typednats.RefusedHeader: {tag},
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	client := newClient(t, nc, typednats.WithObserver(tel.observer))
	refused := make(map[any]bool)
	const calls = 2000
	for range calls {
		_, _ = typednats.RequestService(within(t), client, echo, note{})
		refused[attributes(tel.next())["typednats.refused"]] = true
	}
	series := tel.series("rpc.client.call.duration")
	if len(series) > 102 {
		t.Errorf("there are %d series", len(series))
	}
	all, failed := uint64(0), uint64(0)
	for attributes, count := range series {
		all += count
		if strings.HasPrefix(attributes, "error.type=") {
			failed += count
		}
		if strings.Contains(attributes, "tag1") || strings.Contains(attributes, "code=99,") || strings.Contains(attributes, "code=600") {
			t.Errorf("there is a series %s", attributes)
		}
	}
	compare(t, "calls, and those that failed", [2]uint64{calls, calls / 2}, [2]uint64{all, failed})
	compare(t, "words for why it was refused", map[any]bool{nil: true, "_OTHER": true}, refused)
	_, _ = typednats.RequestService(within(t), client, echo.InSubject("nobody"), note{}) // others are not crowded out
	_, err = typednats.RequestService(within(t), typednats.Local(echo.Handle(repeat)), echo, note{}, typednats.WithObserver(tel.observer))
	if err != nil {
		t.Fatal(err)
	}
	series = tel.series("rpc.client.call.duration")
	compare(t, "success", uint64(1), series[fmt.Sprintf(okSeries, "echo")])
	_, _ = typednats.RequestService(within(t), typednatstest.Faults(nc, typednatstest.NoResponders()), echo, note{},
		typednats.WithObserver(tel.observer))
	series = tel.series("rpc.client.call.duration")
	compare(t, "no answer", uint64(1), series["error.type=no_responders,rpc.method=echo,rpc.system.name=typednats"])
}

// All of it is safe in many goroutines, and nothing is counted twice or lost.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	start(t, nc, config(), numeric.Handle(misbehave, typednats.WithObserver(tel.observer)))
	client := newClient(t, nc, typednats.WithObserver(tel.observer))
	const callers, calls = 16, 50
	done := make(chan struct{}, callers)
	for caller := range callers {
		go func() {
			for i := range calls {
				text := []string{"", "declared", "forbidden", "broken", "undeclared"}[(caller+i)%5]
				_, _ = typednats.RequestService(context.Background(), client, numeric, ask{text})
			}
			done <- struct{}{}
		}()
	}
	for range callers {
		await(t, done, "the callers")
	}
	for range 2 * callers * calls {
		tel.next()
	}
	for name, kind := range map[string]trace.SpanKind{
		"rpc.client.call.duration": trace.SpanKindClient, "rpc.server.call.duration": trace.SpanKindServer,
	} {
		compare(t, "seconds of "+name, tel.seconds(kind), sumOf(t, tel, name), cmpopts.EquateApprox(0, 1e-6))
		series := tel.series(name)
		compare(t, name, 5, len(series))
		for attributes, count := range series {
			if count != callers*calls/5 {
				t.Errorf("%s has %d of %s, want %d", name, count, attributes, callers*calls/5)
			}
		}
	}
}
