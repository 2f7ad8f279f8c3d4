package typednatsotel_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	typednatsotel "github.com/typednats/typednats/otel"
	"github.com/typednats/typednats/typednatstest"
)

// numeric is an endpoint with all ways to end.
var numeric = typednats.NewEndpoint[ask, float64, missing]("numeric")

// ask says how a request shall end.
type ask struct {
	Text string `json:"text"`
}

// Validate makes a request that says so invalid.
func (a ask) Validate() error {
	if a.Text == "invalid" {
		return errors.New("it says so")
	}
	return nil
}

func misbehave(ctx context.Context, in ask) (float64, error) {
	switch in.Text {
	case "declared":
		return 0, missing{"nut"}
	case "forbidden":
		return 0, typednats.Errorf(403, "no")
	case "broken":
		return 0, typednats.Errorf(502, "the store is broken")
	case "odd":
		return 0, typednats.Errorf(1001, "odd")
	case "undeclared":
		return 0, errors.New("the secret is 42")
	case "panic":
		panic("the secret is 42")
	case "goexit":
		runtime.Goexit()
	case "not encodable":
		return math.NaN(), nil
	case "late":
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return 1, nil
}

// spanEnd is what a span says of its end.
type spanEnd struct {
	Status, ErrorType, Tag, Refused string
	Failed                          bool
	Says                            string // a part of the status's description
}

// endOf returns what a span says of its end. Its Says is that of want if the description has it.
func endOf(s sdktrace.ReadOnlySpan, want spanEnd) spanEnd {
	values := attributes(s)
	text := func(key string) string {
		v, _ := values[key].(string)
		return v
	}
	got := spanEnd{
		Status: text("rpc.status_code"), ErrorType: text("error.type"), Tag: text("typednats.error.tag"),
		Refused: text("typednats.refused"), Failed: s.Status().Code == codes.Error, Says: s.Status().Description,
	}
	if want.Says != "" && strings.Contains(got.Says, want.Says) {
		got.Says = want.Says
	}
	return got
}

// Both sides see each ending, and differ in what they call a failure.
func TestEndings(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.Observers = []typednats.Observer{tel.observer}
		c.Interceptors = []typednats.Interceptor{typednats.Validation()}
		c.Guards = []typednats.Guard{func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
			switch inv.Header.Get("Stop") {
			case "closed":
				return nil, typednats.Errorf(401, "who are you?")
			case "broken":
				return nil, errors.New("no keys")
			}
			return ctx, nil
		}}
	}), numeric.Handle(misbehave))
	client := newClient(t, nc, typednats.WithObserver(tel.observer))
	for text, test := range map[string]struct {
		server spanEnd
		client spanEnd
		opts   []typednats.CallOption
	}{
		"": {server: spanEnd{Status: "OK"}, client: spanEnd{Status: "OK"}},
		"declared": {
			server: spanEnd{Status: "404", Tag: "missing"},
			client: spanEnd{Status: "404", Tag: "missing"},
		},
		"forbidden": {
			server: spanEnd{Status: "403"},
			client: spanEnd{Status: "403", ErrorType: "403", Failed: true, Says: "no"},
		},
		"broken": {
			server: spanEnd{Status: "502", ErrorType: "502", Failed: true, Says: "the store is broken"},
			client: spanEnd{Status: "502", ErrorType: "502", Failed: true, Says: "the store is broken"},
		},
		"odd": {
			server: spanEnd{Status: "_OTHER", ErrorType: "_OTHER", Failed: true, Says: "1001"},
			client: spanEnd{Status: "_OTHER", ErrorType: "_OTHER", Failed: true, Says: "1001"},
		},
		"undeclared": {
			server: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "the secret is 42"},
			client: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "internal error"},
		},
		"panic": {
			server: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "panic: the secret is 42"},
			client: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "internal error"},
		},
		"goexit": {
			server: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "ended its goroutine"},
			client: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "internal error"},
		},
		"not encodable": {
			server: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "NaN"},
			client: spanEnd{Status: "500", ErrorType: "500", Failed: true, Says: "service error 500"},
		},
		"invalid": {
			server: spanEnd{Status: "400", Refused: "invalid"},
			client: spanEnd{Status: "400", ErrorType: "400", Refused: "invalid", Failed: true, Says: "it says so"},
		},
		"a closed guard": {
			server: spanEnd{Status: "401", Refused: "guard"},
			client: spanEnd{Status: "401", ErrorType: "401", Refused: "guard", Failed: true, Says: "who are you?"},
			opts:   []typednats.CallOption{typednats.WithHeader("Stop", "closed")},
		},
		"a broken guard": {
			server: spanEnd{Status: "500", ErrorType: "500", Refused: "guard", Failed: true, Says: "no keys"},
			client: spanEnd{Status: "500", ErrorType: "500", Refused: "guard", Failed: true, Says: "internal error"},
			opts:   []typednats.CallOption{typednats.WithHeader("Stop", "broken")},
		},
		"an unknown codec": {
			server: spanEnd{Status: "415", Refused: "codec"},
			client: spanEnd{Status: "415", ErrorType: "415", Refused: "codec", Failed: true, Says: "msgpack"},
			opts:   []typednats.CallOption{typednats.WithCallCodec(msgpack.Codec)},
		},
	} {
		_, _ = typednats.RequestService(within(t), client, numeric, ask{text}, test.opts...)
		here, there := tel.both()
		compare(t, "service, "+text, test.server, endOf(there, test.server))
		compare(t, "client, "+text, test.client, endOf(here, test.client))
		if id, ok := attributes(there)["typednats.error.id"].(string); ok && !strings.Contains(here.Status().Description, id) {
			t.Errorf("%s: the service's span has the id %s, the client's says %q", text, id, here.Status().Description)
		} else if ok != strings.Contains(here.Status().Description, ", id ") {
			t.Errorf("%s: the service's span has the id %q, the client's says %q", text, id, here.Status().Description)
		}
	}
}

// Metrics have the attributes of the spans, but for those that have many values.
func TestMetricsTellEndingsApart(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	start(t, nc, config(), numeric.Handle(misbehave, typednats.WithObserver(tel.observer)))
	for _, text := range []string{"", "", "declared", "forbidden", "undeclared", "panic", "odd"} {
		_, _ = typednats.RequestService(within(t), nc, numeric, ask{text}, typednats.WithObserver(tel.observer))
		tel.both()
	}
	_, _ = typednats.RequestService(within(t), nc, numeric.InSubject("nobody"), ask{}, typednats.WithObserver(tel.observer))
	tel.next()
	compare(t, "service", map[string]uint64{
		"rpc.method=numeric,rpc.status_code=OK,rpc.system.name=typednats":                              2,
		"rpc.method=numeric,rpc.status_code=404,rpc.system.name=typednats,typednats.error.tag=missing": 1,
		"rpc.method=numeric,rpc.status_code=403,rpc.system.name=typednats":                             1,
		"error.type=500,rpc.method=numeric,rpc.status_code=500,rpc.system.name=typednats":              2,
		"error.type=_OTHER,rpc.method=numeric,rpc.status_code=_OTHER,rpc.system.name=typednats":        1,
	}, tel.series("rpc.server.call.duration"))
	compare(t, "client", map[string]uint64{
		"rpc.method=numeric,rpc.status_code=OK,rpc.system.name=typednats":                              2,
		"rpc.method=numeric,rpc.status_code=404,rpc.system.name=typednats,typednats.error.tag=missing": 1,
		"error.type=403,rpc.method=numeric,rpc.status_code=403,rpc.system.name=typednats":              1,
		"error.type=500,rpc.method=numeric,rpc.status_code=500,rpc.system.name=typednats":              2,
		"error.type=_OTHER,rpc.method=numeric,rpc.status_code=_OTHER,rpc.system.name=typednats":        1,
		"error.type=no_responders,rpc.method=nobody,rpc.system.name=typednats":                         1,
	}, tel.series("rpc.client.call.duration"))
}

// A service answers these without running the handler, some without a request that waits.
func TestRefusalsHaveSpans(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	svc := start(t, nc, config(), echo.Handle(func(_ context.Context, in note) (note, error) {
		entered <- struct{}{}
		<-leave
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(1, 1<<20), typednats.WithObserver(tel.observer)))
	send := func(header nats.Header) {
		t.Helper()
		if err := nc.PublishMsg(&nats.Msg{Subject: "echo", Reply: nc.NewInbox(), Data: []byte(`{}`), Header: header}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want spanEnd) {
		t.Helper()
		compare(t, what, want, endOf(tel.next(), want))
	}
	send(nil)
	await(t, entered, "the handler")
	send(nats.Header{typednats.TimeoutHeader: {"50"}}) // waits, until its time is over
	check("expired", spanEnd{Status: "504", ErrorType: "504", Refused: "expired", Failed: true, Says: "504"})

	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	gone := make(chan error, 1)
	go func() { // waits, until its caller gives up
		_, err := typednats.RequestService(ctx, newClient(t, nc), echo, note{})
		gone <- err
	}()
	eventually(t, "the request in the queue", func() bool { return svc.Load()[0].Waiting == 1 })
	cancel()
	if err := await(t, gone, "the caller"); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v", err)
	}
	check("abandoned", spanEnd{Status: "499", Refused: "abandoned"})

	send(nil)
	send(nil) // one too many
	s := tel.next()
	want := spanEnd{Status: "503", ErrorType: "503", Refused: "overload", Failed: true, Says: "503"}
	compare(t, "overload", want, endOf(s, want))
	compare(t, "name", "echo", s.Name())

	stopping, cancel := context.WithCancel(context.Background())
	cancel() // what waits is refused at once
	if err := svc.Stop(stopping); !errors.Is(err, typednats.ErrAbandoned) {
		t.Errorf("Stop: %v", err)
	}
	check("stopping", spanEnd{Status: "503", ErrorType: "503", Refused: "stopping", Failed: true, Says: "503"})
	close(leave)
	check("the handler that was abandoned", spanEnd{Status: "OK"})
}

// A handler whose caller's time is up has failed, one whose caller gave up has not.
func TestHandlerOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	entered := make(chan struct{}, 1)
	start(t, nc, config(), numeric.Handle(func(ctx context.Context, in ask) (float64, error) {
		entered <- struct{}{}
		return misbehave(ctx, in)
	}, typednats.WithObserver(tel.observer)))
	client := newClient(t, nc)
	ctx, cancel := context.WithTimeout(within(t), 500*time.Millisecond) // enough to get there
	defer cancel()
	_, _ = typednats.RequestService(ctx, client, numeric, ask{"late"})
	await(t, entered, "the handler")
	want := spanEnd{Status: "504", ErrorType: "504", Failed: true, Says: "deadline"}
	compare(t, "late", want, endOf(tel.next(), want))

	ctx, cancel = context.WithCancel(within(t))
	go func() {
		<-entered
		cancel()
	}()
	_, _ = typednats.RequestService(ctx, client, numeric, ask{"late"})
	want = spanEnd{Status: "499"}
	compare(t, "given up", want, endOf(tel.next(), want))
}

// What gets no answer has a reason of a few.
func TestCallsWithoutAnswer(t *testing.T) {
	t.Parallel()
	tel, srv := newTelemetry(t), typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	nc := srv.Connect(t)
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	answer, err := nc.Subscribe("text", func(m *nats.Msg) { _ = m.Respond([]byte("no JSON")) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Unsubscribe() }()
	closed := typednats.NewClient(nc)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(within(t))
	cancel()
	late, cancel := context.WithDeadline(within(t), time.Now())
	defer cancel()
	gone := srv.Connect(t)
	gone.Close()
	failing := func(err error) typednats.Requester { return requester{err} }
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is what is tested
		to   typednats.Requester
		call typednats.Endpoint[note, note, missing]
		in   note
		opts []typednats.CallOption
		want spanEnd
	}{
		"nobody":       {call: echo.InSubject("nobody"), want: spanEnd{ErrorType: "no_responders", Says: "no responders"}},
		"late":         {ctx: late, want: spanEnd{ErrorType: "timeout", Says: "deadline"}},
		"their timer":  {to: failing(nats.ErrTimeout), want: spanEnd{ErrorType: "timeout", Says: "timeout"}},
		"given up":     {ctx: cancelled, want: spanEnd{ErrorType: "canceled", Says: "canceled"}},
		"closed":       {to: gone, want: spanEnd{ErrorType: "disconnected", Says: "closed"}},
		"client":       {to: closed, want: spanEnd{ErrorType: "disconnected", Says: "closed"}},
		"disconnected": {to: failing(nats.ErrDisconnected), want: spanEnd{ErrorType: "disconnected", Says: "disconnected"}},
		"draining":     {to: failing(nats.ErrConnectionDraining), want: spanEnd{ErrorType: "disconnected", Says: "draining"}},
		"not sent":     {to: failing(nats.ErrReconnectBufExceeded), want: spanEnd{ErrorType: "disconnected", Says: "buffer"}},
		"down, late": {
			to:   failing(errors.Join(context.DeadlineExceeded, nats.ErrDisconnected)),
			want: spanEnd{ErrorType: "disconnected", Says: "deadline"},
		},
		"encode": {
			opts: []typednats.CallOption{typednats.WithCallCodec(broken{})},
			want: spanEnd{ErrorType: "encode", Says: "it never works"},
		},
		"decode":    {call: echo.InSubject("text"), want: spanEnd{ErrorType: "decode", Says: "decode"}},
		"too large": {in: note{strings.Repeat("x", 5000)}, want: spanEnd{ErrorType: "_OTHER", Says: "maximum payload"}},
		"their own": {to: failing(errors.New("odd")), want: spanEnd{ErrorType: "_OTHER", Says: "odd"}},
		"interceptor": {
			opts: []typednats.CallOption{typednats.WithInterceptors(func(typednats.Handler) typednats.Handler {
				return func(context.Context, *typednats.Invocation) (any, error) { return nil, errors.New("not today") }
			})},
			want: spanEnd{ErrorType: "_OTHER", Says: "not today"},
		},
		"long": {
			to:   failing(errors.New(strings.Repeat("x", 5000) + "\xff")),
			want: spanEnd{ErrorType: "_OTHER", Says: "xxx"},
		},
	} {
		ctx, to, call := test.ctx, test.to, test.call
		if ctx == nil {
			ctx = within(t)
		}
		if to == nil {
			to = nc
		}
		if call.Name() == "" {
			call = echo
		}
		_, _ = typednats.RequestService(ctx, to, call, test.in, append(test.opts, typednats.WithObserver(tel.observer))...)
		test.want.Failed = true
		s := tel.next()
		compare(t, name, test.want, endOf(s, test.want))
		if n := len(s.Status().Description); n > 1024 {
			t.Errorf("%s: the description has %d bytes", name, n)
		}
	}
}

// requester fails with an error.
type requester struct{ err error }

func (r requester) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return nil, r.err
}

// broken is a codec that never works.
type broken struct{}

func (broken) ContentType() string         { return "application/broken" }
func (broken) Marshal(any) ([]byte, error) { return nil, errors.New("it never works") }
func (broken) Unmarshal([]byte, any) error { return errors.New("it never works") }

// A request that waits when the connection is closed gets no answer, and has a span.
func TestServiceCannotAnswer(t *testing.T) {
	t.Parallel()
	tel, srv := newTelemetry(t), typednatstest.Run(t)
	nc, theirs := srv.Connect(t), srv.Connect(t)
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	svc := start(t, theirs, config(), echo.Handle(func(_ context.Context, in note) (note, error) {
		entered <- struct{}{}
		<-leave
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithObserver(tel.observer)))
	for range 2 {
		if err := nc.PublishRequest("echo", nc.NewInbox(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, entered, "the handler")
	eventually(t, "the request in the queue", func() bool { return svc.Load()[0].Waiting == 1 })
	theirs.Close()
	want := spanEnd{ErrorType: "disconnected", Failed: true, Says: "closed"}
	compare(t, "waited", want, endOf(tel.next(), want))
	close(leave)
	<-svc.Done()
}

// WithErrors decides on both sides, for spans and metrics alike.
func TestErrorsAreWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t, typednatsotel.WithErrors(func(o *typednats.Observation) bool {
		return o.Outcome == typednats.OutcomeDeclared || o.Outcome == typednats.OutcomeOK && o.Endpoint == "odd"
	})), typednatstest.Server(t)
	odd := typednats.NewEndpoint[ask, float64, missing]("odd")
	start(t, nc, config(), numeric.Handle(misbehave, typednats.WithObserver(tel.observer)),
		odd.Handle(misbehave, typednats.WithObserver(tel.observer)))
	for _, test := range []struct {
		call typednats.Endpoint[ask, float64, missing]
		text string
		want spanEnd
	}{
		{numeric, "", spanEnd{Status: "OK"}},
		{odd, "", spanEnd{Status: "OK", ErrorType: "_OTHER", Failed: true}},
		{numeric, "declared", spanEnd{Status: "404", ErrorType: "404", Tag: "missing", Failed: true, Says: "no nut"}},
		{numeric, "panic", spanEnd{Status: "500"}},
	} {
		_, _ = typednats.RequestService(within(t), nc, test.call, ask{test.text}, typednats.WithObserver(tel.observer))
		for range 2 {
			compare(t, test.text, test.want, endOf(tel.next(), test.want))
		}
	}
}

// What a service answers that is not ours counts like what ours do.
func TestUnknownTag(t *testing.T) {
	t.Parallel()
	tel, nc := newTelemetry(t), typednatstest.Server(t)
	sub, err := nc.Subscribe("echo", func(m *nats.Msg) {
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{
			micro.ErrorHeader: {"gone"}, micro.ErrorCodeHeader: {"410"}, typednats.ErrorTypeHeader: {"brand.new"},
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	_, _ = typednats.RequestService(within(t), nc, echo, note{}, typednats.WithObserver(tel.observer))
	want := spanEnd{Status: "410", ErrorType: "410", Tag: "_OTHER", Failed: true, Says: "gone"}
	compare(t, "unknown tag", want, endOf(tel.next(), want))
}
