package typednatsotel_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// A call that causes another one is one trace: client, service, its client, the other service.
func TestTraceGoesOn(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	front, back := echo.InSubject("front"), echo.InSubject("back")
	client := newClient(t, nc, typednats.WithObserver(tel.observer))
	observed := config(func(c *typednats.ServiceConfig) { c.Observers = []typednats.Observer{tel.observer} })
	start(t, nc, observed, back.Handle(repeat))
	start(t, nc, observed, front.Handle(func(ctx context.Context, in note) (note, error) {
		return typednats.RequestService(ctx, client, back, in)
	}))
	if _, err := typednats.RequestService(within(t), client, front, note{"x"}); err != nil {
		t.Fatal(err)
	}
	ids, spans := make(map[trace.SpanID]string), make([]sdktrace.ReadOnlySpan, 4)
	for i := range spans {
		spans[i] = tel.next()
		ids[spans[i].SpanContext().SpanID()] = spans[i].SpanKind().String() + " " + spans[i].Name()
	}
	links := make(map[string]string)
	for _, s := range spans {
		links[ids[s.SpanContext().SpanID()]] = ids[s.Parent().SpanID()]
		compare(t, "trace", spans[0].SpanContext().TraceID().String(), s.SpanContext().TraceID().String())
		compare(t, "scope", "github.com/typednats/typednats/otel", s.InstrumentationScope().Name)
		compare(t, "schema", "https://opentelemetry.io/schemas/1.45.0", s.InstrumentationScope().SchemaURL)
	}
	compare(t, "parents", map[string]string{
		"client front": "", "server front": "client front", "client back": "server front", "server back": "client back",
	}, links)
}

// js is the trace context of a caller in another language, which has sampled it.
const (
	jsTrace  = "0af7651916cd43dd8448eb211c80319c"
	jsSpan   = "b7ad6b7169203331"
	jsParent = "00-" + jsTrace + "-" + jsSpan + "-01"
)

// askAsJS sends a request as any NATS client would.
func askAsJS(tb testing.TB, nc *nats.Conn, header nats.Header, subject, body string) *nats.Msg {
	tb.Helper()
	reply, err := nc.RequestMsgWithContext(within(tb), &nats.Msg{Subject: subject, Header: header, Data: []byte(body)})
	if err != nil {
		tb.Fatal(err)
	}
	return reply
}

// serveBaggage serves echo with a handler that replies with the baggage that it gets.
func serveBaggage(tb testing.TB, nc *nats.Conn, tel *telemetry) {
	tb.Helper()
	start(tb, nc, config(), echo.Handle(func(ctx context.Context, _ note) (note, error) {
		return note{baggage.FromContext(ctx).String()}, nil
	}, typednats.WithObserver(tel.observer)))
}

// The caller's span is the parent, in whatever case its header is.
func TestServiceReadsTraceOfOthers(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	serveBaggage(t, nc, tel)
	for _, header := range []nats.Header{
		{"traceparent": {jsParent}, "tracestate": {"vendor=1"}, "baggage": {"tenant=a", "user=b"}},
		{"Traceparent": {jsParent}, "Tracestate": {"vendor=1"}, "Baggage": {"tenant=a,user=b"}},
		{"TRACEPARENT": {jsParent}, "TraceState": {"vendor=1"}, "Baggage": {"tenant=a"}, "BAGGAGE": {"user=b"}},
	} {
		reply := askAsJS(t, nc, header, "echo", `{}`)
		if got := string(reply.Data); got != `{"text":"tenant=a,user=b"}` && got != `{"text":"user=b,tenant=a"}` {
			t.Errorf("with %v the handler gets the baggage %s", header, got)
		}
		s := tel.next()
		compare(t, "parent", [3]string{jsTrace, jsSpan, "vendor=1"}, [3]string{
			s.Parent().TraceID().String(), s.Parent().SpanID().String(), s.Parent().TraceState().String(),
		})
		compare(t, "remote parent", [2]bool{true, true}, [2]bool{s.Parent().IsRemote(), s.Parent().IsSampled()})
		compare(t, "links", 0, len(s.Links()))
	}
	askAsJS(t, nc, nil, "echo", `{}`)
	if s := tel.next(); s.Parent().IsValid() {
		t.Errorf("a request without a trace has the parent %v", s.Parent())
	}
}

// A stranger's trace is linked to, its baggage is nobody's.
func TestPublicEndpointLinks(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t, typednatsotel.WithPublicEndpoint()), typednatstest.Server(t)
	serveBaggage(t, nc, tel)
	reply := askAsJS(t, nc, nats.Header{"traceparent": {jsParent}, "baggage": {"admin=yes"}}, "echo", `{}`)
	compare(t, "baggage", `{"text":""}`, string(reply.Data))
	s := tel.next()
	if s.Parent().IsValid() || s.SpanContext().TraceID().String() == jsTrace {
		t.Errorf("the stranger's trace goes on: %v, %v", s.Parent(), s.SpanContext())
	}
	if links := s.Links(); len(links) != 1 || links[0].SpanContext.SpanID().String() != jsSpan {
		t.Errorf("links %v, want one to the stranger's span", links)
	}
	askAsJS(t, nc, nats.Header{"traceparent": {"nonsense"}}, "echo", `{}`)
	compare(t, "links", 0, len(tel.next().Links()))
}

// headersOf answers with what headers requests have.
func headersOf(tb testing.TB, nc *nats.Conn) <-chan nats.Header {
	tb.Helper()
	headers := make(chan nats.Header, 100)
	start(tb, nc, config(), echo.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		headers <- r.Header
		return r.Value, nil
	}))
	return headers
}

// A client sends the trace in lower case, with whatever the caller's context has, and sends its own span as the parent.
func TestClientSendsTrace(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	headers := headersOf(t, nc)
	member, _ := baggage.NewMember("tenant", "a")
	bag, _ := baggage.New(member)
	ctx := baggage.ContextWithBaggage(within(t), bag)
	if _, err := typednats.RequestService(ctx, nc, echo, note{}, typednats.WithObserver(tel.observer)); err != nil {
		t.Fatal(err)
	}
	sent, s := await(t, headers, "the request"), tel.next()
	want := "00-" + s.SpanContext().TraceID().String() + "-" + s.SpanContext().SpanID().String() + "-01"
	compare(t, "traceparent", []string{want}, sent["traceparent"])
	compare(t, "baggage", []string{"tenant=a"}, sent["baggage"])
}

// What writes no header sends none: a request without headers is cheaper.
func TestNothingIsSentWithoutTrace(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	headers := headersOf(t, nc)
	for name, propagator := range map[string]propagation.TextMapPropagator{
		"a propagator that does nothing": propagation.NewCompositeTextMapPropagator(),
		"baggage without any":            propagation.Baggage{},
	} {
		tel := newTelemetry(t, typednatsotel.WithPropagator(propagator))
		client := newClient(t, nc, typednats.WithObserver(tel.observer))
		for range 3 { // until the client knows that its reply subjects arrive
			if _, err := typednats.RequestService(within(t), client, echo, note{}); err != nil {
				t.Fatal(err)
			}
			tel.next()
		}
		for range 2 {
			await(t, headers, "a request")
		}
		if sent := await(t, headers, "the request"); len(sent) > 0 {
			t.Errorf("with %s the headers %v are sent", name, sent)
		}
	}
}

// A propagator that writes its keys otherwise is read, and written in lower case.
func TestOtherPropagators(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t, typednatsotel.WithPropagator(shouting{})), typednatstest.Server(t)
	headers := make(chan nats.Header, 2)
	start(t, nc, config(), echo.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		headers <- r.Header
		return r.Value, nil
	}, typednats.WithObserver(tel.observer)))
	if _, err := typednats.RequestService(within(t), nc, echo, note{}, typednats.WithObserver(tel.observer)); err != nil {
		t.Fatal(err)
	}
	if sent := await(t, headers, "the request"); len(sent["x-trace"]) != 1 {
		t.Errorf("sent %v, want x-trace", sent)
	}
	client, server := tel.both()
	compare(t, "parent", client.SpanContext().SpanID().String(), server.Parent().SpanID().String())
	askAsJS(t, nc, nats.Header{"X-Trace": {jsParent}}, "echo", `{}`)
	compare(t, "parent", jsSpan, tel.next().Parent().SpanID().String())
}

// shouting is a propagator with a header of its own.
type shouting struct{}

func (shouting) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	inner := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, inner)
	c.Set("X-TRACE", inner["traceparent"])
}

func (shouting) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if !slices.Contains(c.Keys(), "x-trace") {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": c.Get("X-Trace")})
}

func (shouting) Fields() []string { return []string{"X-TRACE"} }

// A call is one span, however often it is sent; each attempt that a service gets is one there.
func TestRetriesAreOneSpan(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	twice := echo.Idempotent()
	calls := 0
	start(t, nc, config(), twice.Handle(func(_ context.Context, in note) (note, error) {
		if calls++; calls < 3 {
			return in, typednats.Errorf(503, "later")
		}
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithObserver(tel.observer)))
	client := newClient(t, nc, typednats.WithObserver(tel.observer),
		typednats.WithRetry(typednats.Retry{Attempts: 5, Backoff: time.Millisecond}))
	if _, err := typednats.RequestService(within(t), client, twice, note{}); err != nil {
		t.Fatal(err)
	}
	var call sdktrace.ReadOnlySpan
	var parents []trace.SpanID
	for range 4 {
		if s := tel.next(); s.SpanKind() == trace.SpanKindClient {
			call = s
		} else {
			parents = append(parents, s.Parent().SpanID())
		}
	}
	compare(t, "attempts", any(int64(3)), attributes(call)["typednats.attempts"])
	compare(t, "status", codes.Unset, call.Status().Code)
	id := call.SpanContext().SpanID()
	compare(t, "parents", []trace.SpanID{id, id, id}, parents)
	compare(t, "measured", map[string]uint64{"rpc.method=echo,rpc.status_code=OK,rpc.system.name=typednats": 1},
		tel.series("rpc.client.call.duration"))
}

// A span has the time in the queue, and lasts as long as what is measured.
func TestSpanBeginsWhenReceived(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t, typednatsotel.WithDetailedMetrics()), typednatstest.Server(t)
	entered, leave := make(chan time.Time, 2), make(chan struct{}, 2)
	svc := start(t, nc, config(), echo.Handle(func(_ context.Context, in note) (note, error) {
		entered <- time.Now()
		<-leave
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithObserver(tel.observer)))
	replies := make(chan *nats.Msg, 2)
	inbox := nc.NewInbox()
	sub, err := nc.ChanSubscribe(inbox, replies)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for range 2 { // the second one waits
		if err := nc.PublishRequest("echo", inbox, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, entered, "the first handler")
	eventually(t, "the second request in the queue", func() bool { return svc.Load()[0].Waiting == 1 })
	leave <- struct{}{}
	tel.next()
	began := await(t, entered, "the second handler")
	leave <- struct{}{}
	s := tel.next()
	waited := waitOf(s)
	if waited <= 0 || s.StartTime().After(began.Add(-time.Duration(waited*1e9)).Add(time.Millisecond)) {
		t.Errorf("the span begins at %v, the handler at %v, after %v s", s.StartTime(), began, waited)
	}
	all := 0.0
	for _, s := range tel.spans.Ended() {
		all += waitOf(s)
	}
	nearly := cmpopts.EquateApprox(0, 1e-6)
	compare(t, "seconds", tel.seconds(trace.SpanKindServer), sumOf(t, tel, "rpc.server.call.duration"), nearly)
	compare(t, "seconds in the queue", all, sumOf(t, tel, "typednats.server.queue.duration"), nearly)
	compare(t, "sizes", [2]float64{2 * 2, 2 * 11},
		[2]float64{sumOf(t, tel, "typednats.server.request.size"), sumOf(t, tel, "typednats.server.reply.size")})
}

// waitOf is how long a request was in the queue, as its span says, in seconds.
func waitOf(s sdktrace.ReadOnlySpan) float64 {
	for _, kv := range s.Attributes() {
		if kv.Key == "typednats.queue_wait" {
			return kv.Value.AsFloat64()
		}
	}
	return 0
}
