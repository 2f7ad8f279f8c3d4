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
	"github.com/typednats/typednats/internal/natstest"
)

// svcOpaque cannot be encoded as JSON when it holds a channel.
type svcOpaque struct {
	Any any `json:"any"`
}

// svcUnsendable is a declared error that cannot be encoded.
type svcUnsendable struct {
	Chan chan int `json:"chan"`
}

func (svcUnsendable) Error() string { return "unsendable" }

// svcBulky is a declared error of any size.
type svcBulky struct {
	Text string `json:"text"`
}

func (svcBulky) Error() string { return "bulky" }

// svcReply is what a caller and the service's owner see of one request.
type svcReply struct {
	Failure  string // code and description
	Body     string
	Reported string // a part of what the ErrorHandler is told; "" for nothing
	Stack    bool
}

func TestEveryRequestGetsExactlyOneReply(t *testing.T) {
	t.Parallel()
	const internal = "500:internal error"
	big := strings.Repeat("x", 3000)
	bind := func(h func(context.Context, svcText) (svcOpaque, error)) typednats.BoundEndpoint {
		return typednats.NewEndpoint[svcText, svcOpaque, error]("svc-any").
			FailsWith(svcMissing{}, svcUnsendable{}, svcBulky{}).Handle(h, typednats.WithMaxConcurrent(1))
	}
	bindWith := func(key, value string, err error) typednats.BoundEndpoint {
		return typednats.NewEndpoint[svcText, svcOpaque, error]("svc-any").FailsWith(svcMissing{}).
			HandleWith(func(_ context.Context, r *typednats.ServiceRequest[svcText]) (svcOpaque, error) {
				r.ReplyHeader().Set(key, value)
				return svcOpaque{"fine"}, err
			}, typednats.WithMaxConcurrent(1))
	}
	returns := func(v any, err error) typednats.BoundEndpoint {
		return bind(func(context.Context, svcText) (svcOpaque, error) { return svcOpaque{v}, err })
	}
	for name, test := range map[string]struct {
		endpoint typednats.BoundEndpoint
		request  string
		want     svcReply
	}{
		"success":           {returns("fine", nil), `{}`, svcReply{Body: `{"any":"fine"}`}},
		"declared error":    {returns(nil, svcMissing{"nut"}), `{}`, svcReply{Failure: "404:no nut", Body: `{"item":"nut"}`}},
		"service error":     {returns(nil, typednats.Errorf(403, "not you")), `{}`, svcReply{Failure: "403:not you"}},
		"undeclared error":  {returns(nil, errors.New("secret")), `{}`, svcReply{Failure: internal, Reported: "secret"}},
		"typed nil pointer": {returns(nil, (*svcMissing)(nil)), `{}`, svcReply{Failure: internal, Reported: "<nil>"}},
		"undecodable request": {
			returns("fine", nil), `{"text":`, svcReply{Failure: "400:request cannot be decoded: unexpected end of JSON input"},
		},
		"reply that cannot be encoded": {
			returns(make(chan int), nil), `{}`, svcReply{Failure: "500:reply cannot be encoded", Reported: "typednats_test.svcOpaque"},
		},
		"error that cannot be encoded": {
			returns(nil, svcUnsendable{}), `{}`,
			svcReply{Failure: "500:reply cannot be encoded", Reported: "typednats_test.svcUnsendable"},
		},
		"reply that is too large": {
			returns(big, nil), `{}`,
			svcReply{Failure: "500:reply of 3010 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"error that is too large": {
			returns(nil, svcBulky{big}), `{}`,
			svcReply{
				Failure:  "500:reply of 3115 bytes is larger than the server's max_payload of 2048",
				Reported: "maximum payload",
			},
		},
		"reply header that is too large": {
			bindWith("Note", big, nil), `{}`,
			svcReply{Failure: "500:reply of 3034 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply of the largest size": {
			returns(big[:2038], nil), `{}`, svcReply{Body: `{"any":"` + big[:2038] + `"}`},
		},
		"reply of one byte more": {
			returns(big[:2039], nil), `{}`,
			svcReply{Failure: "500:reply of 2049 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply and header of the largest size": {bindWith("Note", big[:2014], nil), `{}`, svcReply{Body: `{"any":"fine"}`}},
		"reply and header of one byte more": {
			bindWith("Note", big[:2015], nil), `{}`,
			svcReply{Failure: "500:reply of 2049 bytes is larger than the server's max_payload of 2048", Reported: "maximum payload"},
		},
		"reply header NATS does not allow": {
			bindWith("a key", "x", nil), `{}`, svcReply{Failure: internal, Reported: `reply header "a key"`},
		},
		"reply header of the library": {
			bindWith("nats-service-error", "x", nil), `{}`, svcReply{Failure: internal, Reported: `reply header "nats-service-error"`},
		},
		"bad reply header beside an error": {
			bindWith("a:b", "x", svcMissing{"nut"}), `{}`, svcReply{Failure: internal, Reported: `reply header "a:b"`},
		},
		"bad reply header beside an undeclared error": {
			bindWith("a:b", "x", errors.New("secret")), `{}`, svcReply{Failure: internal, Reported: "secret"},
		},
		"panic with text": {
			bind(func(context.Context, svcText) (svcOpaque, error) { panic("boom") }), `{}`,
			svcReply{Failure: internal, Reported: "panic: boom", Stack: true},
		},
		"panic with nil": {
			bind(func(context.Context, svcText) (svcOpaque, error) { panic(nil) }), `{}`,
			svcReply{Failure: internal, Reported: "panic called with nil", Stack: true},
		},
		"panic with a declared error": {
			bind(func(context.Context, svcText) (svcOpaque, error) { panic(svcMissing{"nut"}) }), `{}`,
			svcReply{Failure: internal, Reported: "panic: no nut", Stack: true},
		},
		"end of the goroutine": {
			bind(func(context.Context, svcText) (svcOpaque, error) {
				runtime.Goexit()
				return svcOpaque{}, nil
			}), `{}`,
			svcReply{Failure: internal, Reported: "ended its goroutine", Stack: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Run(t, func(o *server.Options) { o.MaxPayload = 2048 })
			nc, ctx, subject := srv.Connect(t), svcContext(t), test.endpoint.Subject()
			reports := make(svcReports, 10)
			s := svcStart(t, nc, svcConfig(reports.config), test.endpoint)
			raw := newSvcRaw(t, srv.Connect(t))
			for _, request := range []string{"first", "second"} { // the slot is free again, the process alive
				raw.send(request, subject, test.request)
				replied, failure, msg := raw.next()
				if replied != request {
					t.Errorf("reply to %s, want to %s", replied, request)
				}
				got := svcReply{Failure: failure, Body: string(msg.Data)}
				if test.want.Reported != "" {
					report := svcAwait(t, reports, "a report")
					got.Stack = report.Stack != nil
					if report.Endpoint != "svc-any" || report.Subject != subject {
						t.Errorf("reported about endpoint %q, subject %q", report.Endpoint, report.Subject)
					}
					got.Reported = fmt.Sprint(report.Err) // not Error: one of them is a nil pointer
					if strings.Contains(got.Reported, test.want.Reported) {
						got.Reported = test.want.Reported
					}
				}
				svcDiff(t, "reply to "+request, test.want, got)
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
			svcDiff(t, "last error", test.want.Failure, stats.LastError)
			svcDiff(t, "requests and errors", [2]int{2, failures}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

func TestPanicWithAnErrorIsWrapped(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	cause := errors.New("cause")
	reports := make(svcReports, 10)
	svcStart(t, nc, svcConfig(reports.config), svcEcho.Handle(func(context.Context, svcText) (svcText, error) {
		panic(fmt.Errorf("wrapped: %w", cause))
	}))
	_, err := typednats.RequestService(svcContext(t), nc, svcEcho, svcText{})
	svcDiff(t, "failure", "500:internal error", svcCode(err))
	report := svcAwait(t, reports, "a report")
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
	srv := natstest.Run(t)
	nc := srv.Connect(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		out, err := g.handle(ctx, in)
		if in.Text == "end" {
			runtime.Goexit()
		}
		return out, err
	}, typednats.WithMaxConcurrent(1)))
	raw := newSvcRaw(t, srv.Connect(t))
	for i := range 20 {
		raw.send(fmt.Sprint(i), "svc-echo", [2]string{`{"text":"end"}`, `{}`}[i%2])
	}
	svcEventually(t, "all requests to arrive", func() bool { return svcRequests(s, "svc-echo") == 20 })
	g.release()
	for i := range 20 {
		want := [2]string{"500:internal error", ""}[i%2]
		if name, failure, _ := raw.next(); name != fmt.Sprint(i) || failure != want {
			t.Errorf("reply %d is to %s: %q, want %q", i, name, failure, want)
		}
	}
	if err := s.Stop(svcContext(t)); err != nil {
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
			nc, ctx := natstest.Connect(t), svcContext(t)
			s := svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) {
				c.ErrorHandler = func(typednats.ErrorReport) { fail() }
			}), svcEcho.Handle(func(context.Context, svcText) (svcText, error) {
				return svcText{}, errors.New("undeclared")
			}, typednats.WithMaxConcurrent(1)))
			for range 3 {
				_, err := typednats.RequestService(ctx, nc, svcEcho, svcText{})
				svcDiff(t, "failure", "500:internal error", svcCode(err))
			}
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}

func TestRequestWithoutReplySubjectIsHandled(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
	if err := nc.Publish("svc-echo", []byte(`{"text":"event"}`)); err != nil {
		t.Fatal(err)
	}
	svcDiff(t, "request", svcText{"event"}, svcAwait(t, g.entered, "the handler to run"))
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	svcDiff(t, "requests", 1, svcRequests(s, "svc-echo"))
}

func TestHandlerSeesSubjectAndHeaders(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	type seen struct {
		Subject, Value string
		Notes          []string
	}
	wild := typednats.NewEndpoint[svcText, seen, svcMissing]("wild").InSubject("wild.*")
	svcStart(t, nc, svcConfig(), wild.HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[svcText]) (seen, error) {
			r.ReplyHeader().Add("Answer", "one")
			r.ReplyHeader().Add("Answer", "two")
			if r.Value.Text == "fail" {
				return seen{}, svcMissing{"nut"}
			}
			return seen{r.Subject, r.Value.Text, r.Header["Note"]}, nil
		}))
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		var header nats.Header
		got, err := typednats.RequestService(ctx, r, wild.At("wild.horse"), svcText{"run"},
			typednats.WithHeader("Note", "a"), typednats.WithHeader("Note", "b"), typednats.WithReplyHeader(&header))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		svcDiff(t, name+": request", seen{"wild.horse", "run", []string{"a", "b"}}, got)
		svcDiff(t, name+": reply header", nats.Header{"Answer": {"one", "two"}}, header)

		_, err = typednats.RequestService(ctx, r, wild.At("wild.horse"), svcText{"fail"}, typednats.WithReplyHeader(&header))
		if _, ok := errors.AsType[svcMissing](err); !ok {
			t.Errorf("%s: %v, want svcMissing", name, err)
		}
		svcDiff(t, name+": header of the error reply", []string{"one", "two"}, header["Answer"])
	}
}

func TestEmptyTypesHaveEmptyBodies(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	type nothing struct{}
	empty := typednats.NewEndpoint[struct{}, nothing, typednats.Never]("empty")
	svcStart(t, nc, svcConfig(), empty.Handle(func(context.Context, struct{}) (nothing, error) { return nothing{}, nil }))
	raw := newSvcRaw(t, nc)
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
		if m := svcAwait(t, requests, "the request"); len(m.Data) > 0 {
			t.Errorf("request body %q, want none", m.Data)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHandlerContextHasTheCallersDeadline(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	remaining := make(chan time.Duration, 1)
	svcStart(t, nc, svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			remaining <- 0
			return in, nil
		}
		remaining <- time.Until(deadline)
		return in, nil
	}))
	raw := newSvcRaw(t, nc)
	for timeout, want := range map[string]time.Duration{
		"60000": time.Minute, "0060000": time.Minute,
		"": 0, "0": 0, "-1": 0, "+60000": 0, "1.5": 0, "60000ms": 0, " 60000": time.Minute, "0x10": 0, "1_000": 0,
		"99999999999999999999": 0, "9223372036854775807": 0, "60000, 1": 0,
	} {
		raw.send("x", "svc-echo", `{}`, typednats.TimeoutHeader, timeout)
		svcDiff(t, "failure", "", svcFailure(svcAwait(t, raw.replies, "a reply")))
		if got := <-remaining; got > want || want-got > want/2 {
			t.Errorf("timeout %q: %v remain, want %v", timeout, got, want)
		}
	}
	const longest = "9223372036854" // milliseconds, almost all that a time.Duration holds
	for start := time.Now(); time.Since(start) < 5*time.Millisecond; {
		raw.send("x", "svc-echo", `{}`, typednats.TimeoutHeader, longest)
		svcDiff(t, "failure", "", svcFailure(svcAwait(t, raw.replies, "a reply")))
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
			typednats.DefaultTimeout: context.Background(), svcPatience: ctx,
		} {
			if _, err := typednats.RequestService(parent, r, svcEcho, svcText{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if got := <-remaining; got > want || got < want/10 {
				t.Errorf("%s: %v remain, want a little less than %v", name, got, want)
			}
		}
	}
}
