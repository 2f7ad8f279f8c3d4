package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// opaque cannot be encoded as JSON when it holds a channel.
type opaque struct {
	Any any `json:"any"`
}

// unsendable is a declared error that cannot be encoded.
type unsendable struct {
	Chan chan int `json:"chan"`
}

func (unsendable) Error() string { return "unsendable" }

// bulky is a declared error of any size.
type bulky struct {
	Text string `json:"text"`
}

func (bulky) Error() string { return "bulky" }

// opaqueReply is what a caller and the service's owner see of one request.
type opaqueReply struct {
	Failure  string // code and description
	Body     string
	Reported string // a part of what the ErrorHandler is told; "" for nothing
	Stack    bool
}

func TestEveryRequestGetsExactlyOneReply(t *testing.T) {
	t.Parallel()
	const internal = "500:internal error"
	big := strings.Repeat("x", 3000)
	bind := func(h func(context.Context, note) (opaque, error)) typednats.BoundEndpoint {
		return typednats.NewEndpoint[note, opaque, error]("any").
			FailsWith(missing{}, unsendable{}, bulky{}).Handle(h, typednats.WithMaxConcurrent(1))
	}
	bindWith := func(key, value string, err error) typednats.BoundEndpoint {
		return typednats.NewEndpoint[note, opaque, error]("any").FailsWith(missing{}).
			HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (opaque, error) {
				r.ReplyHeader().Set(key, value)
				return opaque{"fine"}, err
			}, typednats.WithMaxConcurrent(1))
	}
	returns := func(v any, err error) typednats.BoundEndpoint {
		return bind(func(context.Context, note) (opaque, error) { return opaque{v}, err })
	}
	for name, test := range map[string]struct {
		endpoint typednats.BoundEndpoint
		request  string
		want     opaqueReply
	}{
		"success":           {returns("fine", nil), `{}`, opaqueReply{Body: `{"any":"fine"}`}},
		"declared error":    {returns(nil, missing{"nut"}), `{}`, opaqueReply{Failure: "404:no nut", Body: `{"item":"nut"}`}},
		"service error":     {returns(nil, typednats.Errorf(403, "not you")), `{}`, opaqueReply{Failure: "403:not you"}},
		"undeclared error":  {returns(nil, errors.New("secret")), `{}`, opaqueReply{Failure: internal, Reported: "secret"}},
		"typed nil pointer": {returns(nil, (*missing)(nil)), `{}`, opaqueReply{Failure: internal, Reported: "<nil>"}},
		"undecodable request": {
			returns("fine", nil), `{"text":`, opaqueReply{Failure: "400:request cannot be decoded: unexpected end of JSON input"},
		},
		"reply that cannot be encoded": {
			returns(make(chan int), nil), `{}`, opaqueReply{Failure: "500:reply cannot be encoded", Reported: "typednats_test.opaque"},
		},
		"error that cannot be encoded": {
			returns(nil, unsendable{}), `{}`,
			opaqueReply{Failure: "500:reply cannot be encoded", Reported: "typednats_test.unsendable"},
		},
		"reply that is too large": {
			returns(big, nil), `{}`,
			opaqueReply{Failure: "500:reply of 3010 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"error that is too large": {
			returns(nil, bulky{big}), `{}`,
			opaqueReply{
				Failure:  "500:reply of 3112 bytes is larger than the server's max_payload of 2048",
				Reported: "maximum payload",
			},
		},
		"reply header that is too large": {
			bindWith("Note", big, nil), `{}`,
			opaqueReply{Failure: "500:reply of 3034 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply of the largest size": {
			returns(big[:2038], nil), `{}`, opaqueReply{Body: `{"any":"` + big[:2038] + `"}`},
		},
		"reply of one byte more": {
			returns(big[:2039], nil), `{}`,
			opaqueReply{Failure: "500:reply of 2049 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply and header of the largest size": {bindWith("Note", big[:2014], nil), `{}`, opaqueReply{Body: `{"any":"fine"}`}},
		"reply and header of one byte more": {
			bindWith("Note", big[:2015], nil), `{}`,
			opaqueReply{Failure: "500:reply of 2049 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply header NATS does not allow": {
			bindWith("a key", "x", nil), `{}`, opaqueReply{Failure: internal, Reported: `reply header "a key"`},
		},
		"reply header of the library": {
			bindWith("nats-service-error", "x", nil), `{}`, opaqueReply{Failure: internal, Reported: `reply header "nats-service-error"`},
		},
		"bad reply header beside an error": {
			bindWith("a:b", "x", missing{"nut"}), `{}`, opaqueReply{Failure: internal, Reported: `reply header "a:b"`},
		},
		"bad reply header beside an undeclared error": {
			bindWith("a:b", "x", errors.New("secret")), `{}`, opaqueReply{Failure: internal, Reported: "secret"},
		},
		"panic with text": {
			bind(func(context.Context, note) (opaque, error) { panic("boom") }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic: boom", Stack: true},
		},
		"panic with nil": {
			bind(func(context.Context, note) (opaque, error) { panic(nil) }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic called with nil", Stack: true},
		},
		"panic with a declared error": {
			bind(func(context.Context, note) (opaque, error) { panic(missing{"nut"}) }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic: no nut", Stack: true},
		},
		"end of the goroutine": {
			bind(func(context.Context, note) (opaque, error) {
				runtime.Goexit()
				return opaque{}, nil
			}), `{}`,
			opaqueReply{Failure: internal, Reported: "ended its goroutine", Stack: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 2048 })
			nc, ctx, subject := srv.Connect(t), within(t), test.endpoint.Subject()
			reports := make(reportLog, 10)
			s := start(t, nc, config(reports.config), test.endpoint)
			raw := newRawClient(t, srv.Connect(t))
			for _, request := range []string{"first", "second"} { // the slot is free again, the process alive
				raw.send(request, subject, test.request)
				replied, failure, msg := raw.next()
				if replied != request {
					t.Errorf("reply to %s, want to %s", replied, request)
				}
				got := opaqueReply{Failure: failure, Body: string(msg.Data)}
				if test.want.Reported != "" {
					report := await(t, reports, "a report")
					got.Stack = report.Stack != nil
					if report.Endpoint != "any" || report.Subject != subject {
						t.Errorf("reported about endpoint %q, subject %q", report.Endpoint, report.Subject)
					}
					got.Reported = fmt.Sprint(report.Err) // not Error: one of them is a nil pointer
					if strings.Contains(got.Reported, test.want.Reported) {
						got.Reported = test.want.Reported
					}
				}
				compare(t, "reply to "+request, test.want, got)
			}
			raw.silent()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if len(reports) > 0 {
				t.Errorf("reported, too: %v", (<-reports).Err)
			}
			failures := 0
			if test.want.Failure != "" {
				failures = 2
			}
			stats := s.Stats().Endpoints[0]
			compare(t, "last error", test.want.Failure, stats.LastError)
			compare(t, "requests and errors", [2]int{2, failures}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

func TestPanicWithAnErrorIsWrapped(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	cause := errors.New("cause")
	reports := make(reportLog, 10)
	start(t, nc, config(reports.config), echo.Handle(func(context.Context, note) (note, error) {
		panic(fmt.Errorf("wrapped: %w", cause))
	}))
	_, err := typednats.RequestService(within(t), nc, echo, note{})
	compare(t, "failure", "500:internal error", codeOf(err))
	report := await(t, reports, "a report")
	if !errors.Is(report.Err, cause) {
		t.Errorf("reported %v, want the cause in it", report.Err)
	}
	if !strings.Contains(string(report.Stack), "handler_test.go") {
		t.Errorf("the stack does not lead to the handler:\n%s", report.Stack)
	}
}

// A handler that ends its goroutine, as testing.T.FailNow does, once kept its slot.
func TestQueueGoesOnBehindAHandlerThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		out, err := g.handle(ctx, in)
		if in.Text == "end" {
			runtime.Goexit()
		}
		return out, err
	}, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, srv.Connect(t))
	for i := range 20 {
		raw.send(fmt.Sprint(i), "echo", [2]string{`{"text":"end"}`, `{}`}[i%2])
	}
	eventually(t, "all requests to arrive", func() bool { return requestsOf(s, "echo") == 20 })
	g.open()
	for i := range 20 {
		want := [2]string{"500:internal error", ""}[i%2]
		if name, failure, _ := raw.next(); name != fmt.Sprint(i) || failure != want {
			t.Errorf("reply %d is to %s: %q, want %q", i, name, failure, want)
		}
	}
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestErrorHandlerMayFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"panic":   func() { panic("boom") },
		"goexit":  runtime.Goexit,
		"nothing": func() {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, ctx := typednatstest.Server(t), within(t)
			s := start(t, nc, config(func(c *typednats.ServiceConfig) {
				c.ErrorHandler = func(typednats.ErrorReport) { fail() }
			}), echo.Handle(func(context.Context, note) (note, error) {
				return note{}, errors.New("undeclared")
			}, typednats.WithMaxConcurrent(1)))
			for range 3 {
				_, err := typednats.RequestService(ctx, nc, echo, note{})
				compare(t, "failure", "500:internal error", codeOf(err))
			}
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}

func TestRequestWithoutReplySubjectIsHandled(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	if err := nc.Publish("echo", []byte(`{"text":"event"}`)); err != nil {
		t.Fatal(err)
	}
	compare(t, "request", note{"event"}, await(t, g.entered, "the handler to run"))
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	compare(t, "requests", 1, requestsOf(s, "echo"))
}

func TestHandlerSeesSubjectAndHeaders(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	type seen struct {
		Subject, Value string
		Notes          []string
	}
	wild := typednats.NewEndpoint[note, seen, missing]("wild").InSubject("wild.*")
	start(t, nc, config(), wild.HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[note]) (seen, error) {
			r.ReplyHeader().Add("Answer", "one")
			r.ReplyHeader().Add("Answer", "two")
			if r.Value.Text == "fail" {
				return seen{}, missing{"nut"}
			}
			return seen{r.Subject, r.Value.Text, r.Header["Note"]}, nil
		}))
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		var header nats.Header
		got, err := typednats.RequestService(ctx, r, wild.At("wild.horse"), note{"run"},
			typednats.WithHeader("Note", "a"), typednats.WithHeader("Note", "b"), typednats.WithReplyHeader(&header))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		compare(t, name+": request", seen{"wild.horse", "run", []string{"a", "b"}}, got)
		compare(t, name+": reply header", nats.Header{"Answer": {"one", "two"}}, header)

		_, err = typednats.RequestService(ctx, r, wild.At("wild.horse"), note{"fail"}, typednats.WithReplyHeader(&header))
		if _, ok := errors.AsType[missing](err); !ok {
			t.Errorf("%s: %v, want missing", name, err)
		}
		compare(t, name+": header of the error reply", []string{"one", "two"}, header["Answer"])
	}
}

func TestEmptyTypesHaveEmptyBodies(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	type nothing struct{}
	empty := typednats.NewEndpoint[struct{}, nothing, typednats.Never]("empty")
	start(t, nc, config(), empty.Handle(func(context.Context, struct{}) (nothing, error) { return nothing{}, nil }))
	raw := newRawClient(t, nc)
	for _, body := range []string{"", "{}", "not json"} {
		raw.send("x", "empty", body)
		if _, failure, msg := raw.next(); failure != "" || len(msg.Data) > 0 || len(msg.Header) > 0 {
			t.Errorf("reply to %q: %q, body %q, header %v; want nothing", body, failure, msg.Data, msg.Header)
		}
	}
	for _, body := range []string{"", "null", "not json"} {
		requests := make(chan *nats.Msg, 1)
		sub, err := nc.Subscribe("peer", func(m *nats.Msg) {
			requests <- m
			_ = m.Respond([]byte(body))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := typednats.RequestService(ctx, nc, empty.InSubject("peer"), struct{}{}); err != nil {
			t.Errorf("call that is answered with %q: %v", body, err)
		}
		if m := await(t, requests, "the request"); len(m.Data) > 0 {
			t.Errorf("request body %q, want none", m.Data)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHandlerContextHasTheCallersDeadline(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	remaining := make(chan time.Duration, 1)
	start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			remaining <- 0
			return in, nil
		}
		remaining <- time.Until(deadline)
		return in, nil
	}))
	raw := newRawClient(t, nc)
	for timeout, want := range map[string]time.Duration{
		"60000": time.Minute, "0060000": time.Minute,
		"": 0, "0": 0, "-1": 0, "+60000": 0, "1.5": 0, "60000ms": 0, " 60000": time.Minute, "0x10": 0, "1_000": 0,
		"99999999999999999999": 0, "9223372036854775807": 0, "60000, 1": 0,
	} {
		raw.send("x", "echo", `{}`, typednats.TimeoutHeader, timeout)
		compare(t, "failure", "", failureOf(await(t, raw.replies, "a reply")))
		if got := <-remaining; got > want || want-got > want/2 {
			t.Errorf("timeout %q: %v remain, want %v", timeout, got, want)
		}
	}
	const longest = "9223372036854" // milliseconds, almost all that a time.Duration holds
	for start := time.Now(); time.Since(start) < 5*time.Millisecond; {
		raw.send("x", "echo", `{}`, typednats.TimeoutHeader, longest)
		compare(t, "failure", "", failureOf(await(t, raw.replies, "a reply")))
		if got := <-remaining; got < time.Hour {
			t.Fatalf("timeout %q: %v remain", longest, got)
		}
	}
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	headers := typednats.NewClient(nc, typednats.WithoutReplyToken())
	t.Cleanup(func() { _ = headers.Close() })
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client, "headers": headers} {
		for want, parent := range map[time.Duration]context.Context{
			typednats.DefaultTimeout: context.Background(), patience: ctx,
		} {
			if _, err := typednats.RequestService(parent, r, echo, note{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if got := <-remaining; got > want || got < want/10 {
				t.Errorf("%s: %v remain, want a little less than %v", name, got, want)
			}
		}
	}
}
