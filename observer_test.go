package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// watching is what an observer keeps of requests that have ended.
type watching struct {
	started chan typednats.Observation
	ended   chan typednats.Observation
}

type seenKey struct{}

func newWatching() *watching {
	return &watching{make(chan typednats.Observation, 1<<14), make(chan typednats.Observation, 1<<14)}
}

func (s *watching) Start(ctx context.Context, o *typednats.Observation) context.Context {
	s.started <- *o
	if o.Side == typednats.ClientSide {
		o.SetHeader("Trace", "t-1")
	}
	return context.WithValue(ctx, seenKey{}, o.Subject)
}

func (s *watching) End(ctx context.Context, o *typednats.Observation) {
	if ctx.Value(seenKey{}) != o.Subject {
		o.Err = errors.Join(o.Err, errors.New("the context is not that of Start"))
	}
	s.ended <- *o
}

// numeric is an endpoint with all ways to end.
var numeric = typednats.NewEndpoint[note, float64, missing]("numeric")

func misbehave(ctx context.Context, in note) (float64, error) {
	switch in.Text {
	case "declared":
		return 0, missing{"nut"}
	case "service":
		return 0, typednats.Errorf(403, "no")
	case "undeclared":
		return 0, errors.New("the secret is 42")
	case "panic":
		panic("the secret is 42")
	case "goexit":
		runtime.Goexit()
	case "not encodable":
		return math.NaN(), nil
	case "context":
		if ctx.Value(seenKey{}) != "numeric" {
			return 0, errors.New("the context is not the observer's")
		}
	case "late":
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return 1, nil
}

// Both sides see the same outcome; the service knows the real error.
func TestObserverSeesHowRequestsEnd(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	onService, onClient := newWatching(), newWatching()
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.Observers = []typednats.Observer{onService}
		c.Guards = []typednats.Guard{func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
			if inv.Header.Get("Stop") != "" {
				return nil, typednats.Errorf(401, "no")
			}
			return ctx, nil
		}}
	}), numeric.Handle(misbehave))
	client := newClient(t, nc, typednats.WithObserver(onClient))
	type row struct {
		Outcome      typednats.Outcome
		Code         int
		Tag, Refused string
	}
	for text, test := range map[string]struct {
		want   row
		client *row   // if that differs
		err    string // that of the service
		opts   []typednats.CallOption
	}{
		"":              {want: row{Outcome: typednats.OutcomeOK}},
		"context":       {want: row{Outcome: typednats.OutcomeOK}},
		"declared":      {want: row{typednats.OutcomeDeclared, 404, "missing", ""}, err: "no nut"},
		"service":       {want: row{typednats.OutcomeFailed, 403, "", ""}, err: "no"},
		"undeclared":    {want: row{typednats.OutcomeFailed, 500, "", ""}, err: "the secret is 42"},
		"panic":         {want: row{typednats.OutcomeFailed, 500, "", ""}, err: "panic: the secret is 42"},
		"goexit":        {want: row{typednats.OutcomeFailed, 500, "", ""}, err: "ended its goroutine"},
		"not encodable": {want: row{typednats.OutcomeFailed, 500, "", ""}, err: "NaN"},
		"late":          {want: row{typednats.OutcomeFailed, 504, "", ""}, client: &row{Outcome: typednats.OutcomeUnanswered}, err: "deadline"},
		"guard": {
			want: row{typednats.OutcomeRefused, 401, "", typednats.RefusedGuard}, err: "no",
			opts: []typednats.CallOption{typednats.WithHeader("Stop", "x")},
		},
	} {
		ctx, cancel := within(t), context.CancelFunc(func() {})
		if text == "late" {
			ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
		}
		_, err := typednats.RequestService(ctx, client, numeric, note{text}, test.opts...)
		cancel()
		there, here := await(t, onService.ended, "the service's end"), await(t, onClient.ended, "the client's end")
		got := row{there.Outcome, there.Code, there.Tag, there.Refused}
		compare(t, "service, "+text, test.want, got)
		want := test.want
		if test.client != nil {
			want = *test.client
		}
		got = row{here.Outcome, here.Code, here.Tag, here.Refused}
		if text == "late" && got.Code == 504 { // the service was faster
			want = row{typednats.OutcomeFailed, 504, "", ""}
		}
		compare(t, "client, "+text, want, got)
		if (there.Err == nil) != (test.err == "") || there.Err != nil && !strings.Contains(there.Err.Error(), test.err) {
			t.Errorf("%s: the service's error is %v, want %q", text, there.Err, test.err)
		}
		if (here.Err == nil) != (err == nil) || here.Err != nil && here.Err.Error() != err.Error() {
			t.Errorf("%s: the client's error is %v, want %v", text, here.Err, err)
		}
		compare(t, "names", []string{"test", "1.2.3", s.ID(), "numeric", "numeric", "numeric", "application/json", "t-1"}, []string{
			there.Service, there.Version, there.Instance, there.Endpoint, there.Pattern, there.Subject, there.ContentType, there.Header.Get("Trace"),
		})
		compare(t, "attempts", 1, here.Attempts)
		size := len(fmt.Sprintf(`{"text":%q}`, text))
		compare(t, "sizes of the request", [2]int{size, size}, [2]int{there.RequestSize, here.RequestSize})
		if text == "" || text == "declared" {
			compare(t, "sizes of the reply", map[string]int{"": 1, "declared": len(`{"item":"nut"}`)}[text], there.ReplySize)
			compare(t, "sizes of the reply", there.ReplySize, here.ReplySize)
		}
		if there.Took <= 0 || here.Took <= 0 || there.Received.IsZero() || here.Received.IsZero() {
			t.Errorf("%s: times %v, %v", text, there, here)
		}
	}
}

// What the library answers by itself is seen, too, and what gets no answer.
func TestObserverSeesRefusals(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	nc, o := srv.Connect(t), newWatching()
	g := newGate()
	defer g.open()
	start(t, srv.Connect(t), config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(1, 1<<20),
		typednats.WithObserver(o)))
	raw := newRawClient(t, nc)
	raw.send("1", "echo", `{}`)
	await(t, g.entered, "the handler")
	raw.send("2", "echo", `{}`) // waits
	raw.send("3", "echo", `{"text":"x"}`)
	got := await(t, o.ended, "the refusal")
	compare(t, "overload", [3]any{typednats.OutcomeRefused, 503, typednats.RefusedOverload}, [3]any{got.Outcome, got.Code, got.Refused})
	compare(t, "size", len(`{"text":"x"}`), got.RequestSize)
	compare(t, "time in the queue of what was never there", time.Duration(0), got.Wait)
	g.open()
	for range 2 {
		got = await(t, o.ended, "a success")
		compare(t, "success", typednats.OutcomeOK, got.Outcome)
	}
	if got.Wait <= 0 || got.Took < got.Wait {
		t.Errorf("waited %v of %v", got.Wait, got.Took)
	}
	raw.send("4", "echo", `{`)
	got = await(t, o.ended, "the refusal")
	compare(t, "decode", [3]any{typednats.OutcomeRefused, 400, typednats.RefusedDecode}, [3]any{got.Outcome, got.Code, got.Refused})
	if got.Err == nil {
		t.Error("the refusal has no error")
	}
	raw.send("5", "echo", `{"text":"`+strings.Repeat("<", 2000)+`"}`)
	got = await(t, o.ended, "the end")
	compare(t, "too large", [2]any{typednats.OutcomeFailed, 500}, [2]any{got.Outcome, got.Code})
	if !errors.Is(got.Err, nats.ErrMaxPayload) {
		t.Errorf("too large: %v", got.Err)
	}
	_, err := typednats.RequestService(within(t), nc, echo.InSubject("nobody"), note{}, typednats.WithObserver(o))
	got = await(t, o.ended, "the end")
	compare(t, "no responders", [2]any{typednats.OutcomeUnanswered, 0}, [2]any{got.Outcome, got.Code})
	if !errors.Is(err, nats.ErrNoResponders) || !errors.Is(got.Err, nats.ErrNoResponders) {
		t.Errorf("no responders: %v, %v", err, got.Err)
	}
}

// The headers of what is refused at once are kept if they are small: many may wait for their answers in a flood.
func TestObserverSeesHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	nc, o, g := typednatstest.Server(t), newWatching(), newGate()
	defer g.open()
	start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(0, 0), typednats.WithObserver(o)))
	raw := newRawClient(t, nc)
	raw.send("runs", "echo", `{}`)
	await(t, g.entered, "the handler")
	for size, want := range map[int]int{10: 10, 900: 900, 2000: 0} {
		raw.send("refused", "echo", `{"text":"x"}`, "Token", strings.Repeat("x", size))
		end := await(t, o.ended, "the refusal")
		compare(t, "header and size of the body", [2]int{want, len(`{"text":"x"}`)}, [2]int{len(end.Header.Get("Token")), end.RequestSize})
	}
}

// tracing tells when it is called, and fails if it is to.
type tracing struct {
	name  string
	trail *[]string
	fails bool
}

func (o tracing) Start(ctx context.Context, _ *typednats.Observation) context.Context {
	*o.trail = append(*o.trail, o.name+" starts")
	if o.fails {
		panic("the observer fails")
	}
	return context.WithValue(ctx, seenKey{}, o.name)
}

func (o tracing) End(ctx context.Context, _ *typednats.Observation) {
	name, _ := ctx.Value(seenKey{}).(string)
	*o.trail = append(*o.trail, o.name+" ends with "+name)
	if o.fails {
		panic("the observer fails")
	}
}

func TestObserversHaveAnOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails bool
		want  []string
	}{
		"all work":  {false, []string{"A starts", "B starts", "C starts", "C ends with C", "B ends with B", "A ends with A"}},
		"one fails": {true, []string{"A starts", "B starts", "C starts", "C ends with C", "B ends with A", "A ends with A"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trail []string
			a, b, c := tracing{"A", &trail, false}, tracing{"B", &trail, test.fails}, tracing{"C", &trail, false}
			nc := typednatstest.Server(t)
			svc := start(t, nc, config(func(cfg *typednats.ServiceConfig) { cfg.Observers = []typednats.Observer{a} }),
				echo.Handle(repeat, typednats.WithObserver(b), typednats.WithObserver(c)))
			got, err := typednats.RequestService(within(t), nc, echo, note{"x"})
			if err != nil || got.Text != "x" {
				t.Errorf("call = %v, %v", got, err)
			}
			mustStop(t, svc)
			compare(t, "service", test.want, trail)
			svc = start(t, nc, config(), echo.Handle(repeat))
			trail = nil
			if _, err := typednats.RequestService(within(t), nc, echo, note{"x"},
				typednats.WithObserver(a), typednats.WithObserver(b), typednats.WithObserver(c)); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, trail); diff != "" {
				t.Errorf("client (-want +got):\n%s", diff)
			}
			mustStop(t, svc)
		})
	}
}

// heading is an observer that sets a header.
type heading struct{ key, value string }

func (h heading) Start(ctx context.Context, o *typednats.Observation) context.Context {
	o.SetHeader(h.key, h.value)
	return ctx
}

func (h heading) End(_ context.Context, o *typednats.Observation) { o.SetHeader(h.key, "too late") }

// A reader of another language would take either of two spellings.
func TestObserverSetsAHeaderInOneSpelling(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	headers := make(chan nats.Header, 1)
	start(t, nc, config(), echo.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		headers <- r.Header
		return r.Value, nil
	}, typednats.WithObserver(heading{"Trace", "of the service"})))
	given := typednats.WithHeader("TRACE", "of the call")
	for name, test := range map[string]struct {
		opts []typednats.CallOption
		want nats.Header
	}{
		"alone":             {[]typednats.CallOption{typednats.WithObserver(heading{"trace", "1"})}, nats.Header{"trace": {"1"}}},
		"beside the call's": {[]typednats.CallOption{given, typednats.WithObserver(heading{"trace", "1"})}, nats.Header{"trace": {"1"}}},
		"two observers": {
			[]typednats.CallOption{typednats.WithObserver(heading{"TraCe", "1"}), typednats.WithObserver(heading{"trace", "2"})},
			nats.Header{"trace": {"2"}},
		},
		"another one":    {[]typednats.CallOption{given, typednats.WithObserver(heading{"Other", "1"})}, headerOf("TRACE", "of the call", "Other", "1")},
		"a reserved one": {[]typednats.CallOption{typednats.WithObserver(heading{"Content-Type", "text/plain"})}, nats.Header{}},
	} {
		if _, err := typednats.RequestService(within(t), nc, echo, note{}, test.opts...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := nats.Header{}
		for key, values := range await(t, headers, "the request") {
			if key != typednats.TimeoutHeader {
				got[key] = values
			}
		}
		compare(t, name, test.want, got)
	}
}

func TestObserverThatFailsIsReported(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 10)
	var trail []string
	var out logged
	start(t, nc, config(reports.config, func(c *typednats.ServiceConfig) { c.Logger = out.logger() }),
		echo.Handle(repeat, typednats.WithObserver(tracing{"A", &trail, true})))
	if _, err := typednats.RequestService(within(t), nc, echo, note{"x"}); err != nil {
		t.Error(err)
	}
	for range 2 {
		if r := await(t, reports, "the report"); r.Endpoint != "echo" || !strings.Contains(r.Err.Error(), "observer: panic: the observer fails") {
			t.Errorf("reported %+v", r)
		}
	}
	for _, line := range out.taken() { // the request has not failed
		if !strings.Contains(line, `msg="typednats: endpoint in trouble"`) || !strings.Contains(line, "observer_test.go") {
			t.Errorf("logged %s", line)
		}
	}
	_, err := typednats.NewService(nc, config(func(c *typednats.ServiceConfig) { c.Observers = []typednats.Observer{nil} }))
	if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), "observer") {
		t.Errorf("NewService with a nil observer = %v", err)
	}
}
