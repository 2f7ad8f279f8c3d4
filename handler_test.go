package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
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
	Chan any `json:"chan"`
}

func (unsendable) Error() string { return "unsendable" }

// bulky is a declared error of any size.
type bulky struct {
	Text string `json:"text"`
}

func (bulky) Error() string { return "bulky" }

// fragile is a declared error that panics when it is asked for its text.
type fragile struct{ Text string }

func (fragile) Error() string { panic("secret") }

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
	errSecret := errors.New("secret: password")
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
		"success":          {returns("fine", nil), `{}`, opaqueReply{Body: `{"any":"fine"}`}},
		"declared error":   {returns(nil, missing{"nut"}), `{}`, opaqueReply{Failure: "404:no nut", Body: `{"item":"nut"}`}},
		"service error":    {returns(nil, typednats.Errorf(403, "not you")), `{}`, opaqueReply{Failure: "403:not you"}},
		"undeclared error": {returns(nil, errSecret), `{}`, opaqueReply{Failure: internal, Reported: "secret: password"}},
		"undeclared type":  {returns(nil, reason("secret")), `{}`, opaqueReply{Failure: internal, Reported: "secret"}},
		"wrapped error": {
			returns(nil, fmt.Errorf("look up: %w", errSecret)), `{}`, opaqueReply{Failure: internal, Reported: "look up: secret: password"},
		},
		"typed nil pointer": {returns(nil, (*missing)(nil)), `{}`, opaqueReply{Failure: internal, Reported: "the handler returned a nil *"}},
		"nil ServiceError":  {returns(nil, (*typednats.ServiceError)(nil)), `{}`, opaqueReply{Failure: internal, Reported: "the handler returned a nil *"}},
		"undecodable request": {
			returns("fine", nil), `{"text":`, opaqueReply{Failure: "400:request cannot be decoded: unexpected end of JSON input"},
		},
		"reply that cannot be encoded": {
			returns(make(chan int), nil), `{}`, opaqueReply{Failure: "500:reply cannot be encoded", Reported: "typednats_test.opaque"},
		},
		"error that cannot be encoded": {
			returns(nil, unsendable{make(chan int)}), `{}`,
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
			bindWith("a:b", "x", errSecret), `{}`, opaqueReply{Failure: internal, Reported: "secret: password"},
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
		"panic with an error": {
			bind(func(context.Context, note) (opaque, error) { panic(fmt.Errorf("look up: %w", errSecret)) }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic: look up: secret: password", Stack: true},
		},
		"panic of the runtime": {
			bind(func(_ context.Context, in note) (opaque, error) { return opaque{in.Text[len(in.Text)]}, nil }), `{}`,
			opaqueReply{Failure: internal, Reported: "index out of range", Stack: true},
		},
		"panic of an error's text": {
			typednats.NewEndpoint[note, opaque, fragile]("any").
				Handle(func(context.Context, note) (opaque, error) { return opaque{}, fragile{} }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic: secret", Stack: true},
		},
		"panic of the error mapper": {
			typednats.NewEndpoint[note, opaque, missing]("any").
				WithErrorMapper(func(missing) (string, int) { panic("secret") }).
				Handle(func(context.Context, note) (opaque, error) { return opaque{}, missing{} }), `{}`,
			opaqueReply{Failure: internal, Reported: "panic: secret", Stack: true},
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
			nc, subject := srv.Connect(t), test.endpoint.Subject()
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
				if failure == internal && len(msg.Header) != 2 {
					t.Errorf("header %v, want code and description alone", msg.Header)
				}
				if test.want.Reported != "" {
					report := await(t, reports, "a report")
					got.Stack = report.Stack != nil
					if report.Endpoint != "any" || report.Subject != subject {
						t.Errorf("reported about endpoint %q, subject %q", report.Endpoint, report.Subject)
					}
					got.Reported = fmt.Sprint(report.Err) // not Error: some are nil pointers
					if strings.Contains(got.Reported, errSecret.Error()) != errors.Is(report.Err, errSecret) {
						t.Errorf("reported %v without the error itself", report.Err)
					}
					if strings.Contains(got.Reported, test.want.Reported) {
						got.Reported = test.want.Reported
					}
				}
				compare(t, "reply to "+request, test.want, got)
			}
			raw.silent()
			for _, question := range []string{"$SRV.STATS", "$SRV.INFO"} {
				if shown := exchange(t, nc, question, nil, ""); strings.Contains(string(shown.Data), "secret") {
					t.Errorf("%s shows what was reported: %s", question, shown.Data)
				}
			}
			mustStop(t, s)
			if len(reports) > 0 {
				t.Errorf("reported, too: %v", (<-reports).Err)
			}
			failures := 0
			if test.want.Failure != "" {
				failures = 2
			}
			stats := s.Stats().Endpoints[0]
			compare(t, "last error", test.want.Failure, withoutID(stats.LastError))
			compare(t, "requests and errors", [2]int{2, failures}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

func TestStackOfAPanicLeadsToTheHandler(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	reports := make(reportLog, 10)
	start(t, nc, config(reports.config), echo.Handle(func(context.Context, note) (note, error) { panic("boom") }))
	_, err := typednats.RequestService(within(t), nc, echo, note{})
	compare(t, "failure", "500:internal error", codeOf(err))
	if stack := await(t, reports, "a report").Stack; !strings.Contains(string(stack), "handler_test.go") {
		t.Errorf("the stack does not lead to the handler:\n%s", stack)
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
	mustStop(t, s)
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
			mustStop(t, s)
		})
	}
}

func TestHandlerSeesSubjectAndHeaders(t *testing.T) {
	t.Parallel()
	type seen struct {
		Subject, Value string
		Notes          []string
	}
	wild := typednats.NewEndpoint[note, seen, missing]("wild").InSubject("wild.*")
	bound := wild.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (seen, error) {
		r.ReplyHeader().Add("Answer", "one")
		r.ReplyHeader().Add("Answer", "two")
		if r.Value.Text == "fail" {
			return seen{}, missing{"nut"}
		}
		return seen{r.Subject, r.Value.Text, r.Header["Note"]}, nil
	})
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		var header nats.Header
		got, err := typednats.RequestService(within(t), t.r, wild.At("wild.horse"), note{"run"},
			typednats.WithHeader("Note", "a"), typednats.WithHeader("Note", "b"), typednats.WithReplyHeader(&header))
		if err != nil {
			t.Errorf("call: %v", err)
		}
		compare(t, "request", seen{"wild.horse", "run", []string{"a", "b"}}, got)
		compare(t, "reply header", nats.Header{"Answer": {"one", "two"}}, header)

		_, err = typednats.RequestService(within(t), t.r, wild.At("wild.horse"), note{"fail"}, typednats.WithReplyHeader(&header))
		compare(t, "error", error(missing{"nut"}), err)
		compare(t, "header of the error reply", []string{"one", "two"}, header["Answer"])
	})
}

func TestReplyHeadersAreSentOrRefused(t *testing.T) {
	t.Parallel()
	bound := stockCheck.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[stockIn]) (stockOut, error) {
		for _, escaped := range r.Header["Want"] {
			key, err := url.PathUnescape(escaped)
			if err != nil {
				return stockOut{}, err
			}
			r.ReplyHeader().Add(key, "v")
		}
		return stockOut{N: r.Value.N}, stockFailures[r.Value.Fail]
	})
	bad := []string{
		"Nats-Service-Error", "nats-service-error-code", "NATS-SERVICE-ERROR-TYPE", "Content-Type", "content-type",
		"Typednats-Timeout", "TYPEDNATS-FUTURE", "Status", "status", "a b", "größe", "tab\x0bx",
	}
	for _, c := range `"(),/:;<=>?@[\]{}` {
		bad = append(bad, "X"+string(c))
	}
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		call := func(fail string, keys ...string) (stockOut, nats.Header, error) {
			var header nats.Header
			opts := []typednats.CallOption{typednats.WithReplyHeader(&header)}
			for _, key := range keys {
				opts = append(opts, typednats.WithHeader("Want", url.PathEscape(key)))
			}
			out, err := typednats.RequestService(within(t), t.r, stockCheck, stockIn{Fail: fail, N: 7}, opts...)
			return out, header, err
		}
		for _, fail := range []string{"", "missing"} {
			plain, plainHeader, plainErr := call(fail)
			for _, keys := range [][]string{{"X-Trace"}, {"x-trace", "X-Trace"}, {"!#$%&'*+-.^_`|~09az"}, {"Nats-Other"}} {
				want := nats.Header{}
				maps.Copy(want, plainHeader)
				for _, key := range keys {
					want[key] = []string{"v"}
				}
				got, header, err := call(fail, keys...)
				compare(t, fmt.Sprintf("%q, %q: header", keys, fail), want, header)
				compare(t, fmt.Sprintf("%q, %q: reply", keys, fail), plain, got)
				compare(t, fmt.Sprintf("%q, %q: error", keys, fail), plainErr, err)
			}
			for _, key := range bad {
				_, header, err := call(fail, "X-Trace", key)
				compareFailure(t, key, typednats.ServiceError{Code: 500, Description: "internal error"}, err)
				compare(t, fmt.Sprintf("%q: header", key),
					headerOf("Nats-Service-Error", "internal error", "Nats-Service-Error-Code", "500"), headerWithoutID(header))
			}
		}
	})
}

func TestHandlerContextHasTheCallersDeadline(t *testing.T) {
	t.Parallel()
	left := make(chan time.Duration, 1)
	bound := echo.Handle(timeLeft(left))
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		hour, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for want, ctx := range map[time.Duration]context.Context{
			typednats.DefaultTimeout: context.Background(), patience: within(t), time.Hour: hour,
		} {
			if _, err := typednats.RequestService(ctx, t.r, echo, note{}); err != nil {
				t.Errorf("call: %v", err)
			}
			if got := await(t, left, "the handler"); got > want || got < want/10 {
				t.Errorf("%v remain, want a little less than %v", got, want)
			}
		}
	})
}
