package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// scoped is echo with metadata for interceptors.
var scoped = echo.WithMetadata("scope", "public")

// trace records the order in which interceptors begin and end.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (tr *trace) add(line string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, line)
}

// taken returns the lines and forgets them.
func (tr *trace) taken() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	lines := tr.lines
	tr.lines = nil
	return strings.Join(lines, " ")
}

func (tr *trace) interceptor(name string) typednats.Interceptor {
	return func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			tr.add("+" + name)
			defer tr.add("-" + name)
			return next(ctx, inv)
		}
	}
}

// replaceWith is an interceptor that calls h in place of the next handler.
func replaceWith(h typednats.Handler) typednats.Interceptor {
	return func(typednats.Handler) typednats.Handler { return h }
}

// answerWith is an interceptor that answers without calling the next handler.
func answerWith(reply any, err error) typednats.Interceptor {
	return replaceWith(func(context.Context, *typednats.Invocation) (any, error) { return reply, err })
}

func TestInterceptorsWrapInOrder(t *testing.T) {
	t.Parallel()
	var service, client trace
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(func(c *typednats.ServiceConfig) {
		c.Interceptors = []typednats.Interceptor{service.interceptor("A"), service.interceptor("B")}
	}), echo.Handle(repeat,
		typednats.WithInterceptors(service.interceptor("C")),
		typednats.WithInterceptors(service.interceptor("D"), service.interceptor("E"))))
	c := typednats.NewClient(srv.Connect(t), typednats.WithInterceptors(client.interceptor("A")))
	t.Cleanup(func() { _ = c.Close() })
	_, err := typednats.RequestService(within(t), c, echo, note{"x"},
		typednats.WithInterceptors(client.interceptor("B"), client.interceptor("C")))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "service", "+A +B +C +D +E -E -D -C -B -A", service.taken())
	compare(t, "client", "+A +B +C -C -B -A", client.taken())
}

func TestInterceptorsOfEndpointAndCallWrapInOrder(t *testing.T) {
	t.Parallel()
	var endpoint, call trace
	bound := echo.Handle(repeat,
		typednats.WithInterceptors(endpoint.interceptor("A")),
		typednats.WithInterceptors(endpoint.interceptor("B"), endpoint.interceptor("C")))
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		_, err := typednats.RequestService(within(t), t.r, echo, note{"x"}, typednats.WithInterceptors(call.interceptor("D")),
			typednats.WithInterceptors(call.interceptor("E"), call.interceptor("F")))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "endpoint", "+A +B +C -C -B -A", endpoint.taken())
		compare(t, "call", "+D +E +F -F -E -D", call.taken())
	})
}

// An option keeps nothing of the slice that it is given.
func TestInterceptorsAreCopied(t *testing.T) {
	t.Parallel()
	var calls trace
	given := []typednats.Interceptor{calls.interceptor("A")}
	opt := typednats.WithInterceptors(given...)
	given[0] = nil
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat, opt)}, func(t way) {
		if _, err := typednats.RequestService(within(t), t.r, echo, note{}, opt); err != nil {
			t.Fatal(err)
		}
		compare(t, "call and endpoint", "+A +A -A -A", calls.taken())
	})
}

// seen is what an interceptor sees of one request.
type seen struct {
	Side                       typednats.Side
	Endpoint, Pattern, Subject string
	Scope, Other               string
	Idempotent                 bool
	Request, Reply             any
	Sent, Back                 string
	Code                       int
	Declared                   bool
}

// recordTo is an interceptor that adds a header to what its side sends, and records what it sees.
func recordTo(to *seen) typednats.Interceptor {
	return func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			if inv.Side == typednats.ClientSide {
				inv.Header.Set("Sent", "from client")
			} else {
				inv.ReplyHeader.Set("Back", "from service")
			}
			reply, err := next(ctx, inv)
			code, declared := inv.Outcome(err)
			*to = seen{
				inv.Side, inv.Endpoint, inv.Pattern, inv.Subject, inv.Metadata("scope"), inv.Metadata("other"),
				inv.Idempotent, inv.Request, reply, inv.Header.Get("Sent"), inv.ReplyHeader.Get("Back"), code, declared,
			}
			return reply, err
		}
	}
}

func TestInterceptorSeesInvocation(t *testing.T) {
	t.Parallel()
	var onService, onClient seen
	wild := scoped.InSubject("echo.*")
	handle := func(ctx context.Context, in note) (note, error) {
		if in.Text == "no code" {
			return note{}, typednats.Errorf(0, "x")
		}
		return mixed(ctx, in)
	}
	eachWay(t, []typednats.BoundEndpoint{
		wild.Handle(handle, typednats.WithInterceptors(recordTo(&onService))),
		wild.InSubject("again.*").Idempotent().Handle(handle, typednats.WithInterceptors(recordTo(&onService))),
	}, func(t way) {
		for _, e := range []typednats.Endpoint[note, note, missing]{
			wild.At("echo.one"), wild.InSubject("again.*").Idempotent().At("again.one"),
		} {
			for text, outcome := range map[string]seen{
				"hello":      {Reply: note{"hello"}},
				"declared":   {Code: 404, Declared: true},
				"service":    {Code: 403},
				"undeclared": {Code: 500},
				"no code":    {Code: 500},
			} {
				_, _ = typednats.RequestService(within(t), t.r, e, note{text}, typednats.WithInterceptors(recordTo(&onClient)))
				want := outcome
				want.Side, want.Endpoint, want.Subject = typednats.ServerSide, "echo", e.Subject()
				want.Pattern, want.Idempotent = strings.Replace(e.Subject(), "one", "*", 1), e.Subject() == "again.one"
				want.Scope, want.Request, want.Sent, want.Back = "public", note{text}, "from client", "from service"
				var opts []cmp.Option
				if want.Reply == nil { // without meaning beside an error
					opts = append(opts, cmpopts.IgnoreFields(seen{}, "Reply"))
				}
				compare(t, text+" on the service", want, onService, opts...)
				want.Side = typednats.ClientSide
				compare(t, text+" on the client", want, onClient, opts...)
			}
		}
	})
}

// A call that no service has answered has no code, one that was answered the code that came, and one without a
// descriptor no name.
func TestClientInterceptorSeesWhatFailed(t *testing.T) {
	t.Parallel()
	mapped := scoped.InSubject("mapped")
	eachWay(t, []typednats.BoundEndpoint{
		echo.Handle(repeat),
		mapped.WithErrorMapper(func(missing) (string, int) { return "mapped", 410 }).Handle(mixed),
	}, func(t way) {
		var got seen
		watch := typednats.WithInterceptors(recordTo(&got))
		_, err := typednats.RequestService(within(t), t.r, scoped.InSubject("nobody"), note{"x"}, watch)
		if !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("call = %v, want ErrNoResponders", err)
		}
		compare(t, "call of nobody", seen{
			Side: typednats.ClientSide, Endpoint: "echo", Pattern: "nobody", Subject: "nobody", Scope: "public",
			Request: note{"x"}, Sent: "from client",
		}, got, cmpopts.IgnoreFields(seen{}, "Reply"))
		_, _ = typednats.RequestService(within(t), t.r, mapped, note{"declared"}, watch)
		compare(t, "error that the service gives another code", [2]any{410, true}, [2]any{got.Code, got.Declared})
		if _, err := typednats.Request[note, note](within(t), t.r, "echo", note{"x"}, watch); err != nil {
			t.Errorf("Request: %v", err)
		}
		compare(t, "call without a descriptor", seen{
			Side: typednats.ClientSide, Pattern: "echo", Subject: "echo", Request: note{"x"}, Reply: note{"x"}, Sent: "from client",
		}, got)
	})
}

type ctxKey struct{}

func TestInterceptorChangesWhatItWraps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		intercept typednats.Interceptor
		want      note
		err       any // an error or a ServiceError
	}{
		"context": {intercept: func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				return next(context.WithValue(ctx, ctxKey{}, "from the interceptor"), inv)
			}
		}, want: note{"from the interceptor"}},
		"reply":            {intercept: answerWith(note{"short"}, nil), want: note{"short"}},
		"declared-error":   {intercept: answerWith(nil, missing{"by policy"}), err: missing{"by policy"}},
		"service-error":    {intercept: answerWith(nil, typednats.Errorf(403, "no")), err: serviceError(403, "no")},
		"undeclared-error": {intercept: answerWith(nil, errors.New("secret")), err: serviceError(500, "internal error")},
		"wrong-type":       {intercept: answerWith("text", nil), err: serviceError(500, "internal error")},
		"pointer":          {intercept: answerWith(&note{}, nil), err: serviceError(500, "internal error")},
		"no-reply":         {intercept: answerWith(nil, nil), err: serviceError(500, "internal error")},
		"panic": {intercept: replaceWith(func(context.Context, *typednats.Invocation) (any, error) {
			panic("oh")
		}), err: serviceError(500, "internal error")},
	}
	var bound []typednats.BoundEndpoint
	for name, test := range tests {
		bound = append(bound, echo.InSubject(name).Handle(func(ctx context.Context, _ note) (note, error) {
			text, _ := ctx.Value(ctxKey{}).(string)
			return note{text}, nil
		}, typednats.WithInterceptors(test.intercept)))
	}
	eachWay(t, bound, func(t way) {
		for name, test := range tests {
			got, err := typednats.RequestService(within(t), t.r, echo.InSubject(name), note{"x"})
			compare(t, name, test.want, got)
			compareFailure(t, name, test.err, err)
		}
	})
}

// serviceError is what arrives of a failure that has a code and a description alone.
func serviceError(code int, description string) typednats.ServiceError {
	return typednats.ServiceError{Code: code, Description: description}
}

func TestClientInterceptorReplacesOutcome(t *testing.T) {
	t.Parallel()
	replaced := errors.New("replaced")
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat)}, func(t way) {
		for name, test := range map[string]struct {
			reply any
			err   error
			want  note
			says  string // in the error
		}{
			"reply":      {reply: note{"cached"}, want: note{"cached"}},
			"error":      {err: replaced, says: "replaced"},
			"both":       {reply: note{"cached"}, err: replaced, says: "replaced"},
			"wrong type": {reply: "text", says: "reply of type string, want typednats_test.note"},
			"no reply":   {says: "reply of type <nil>, want typednats_test.note"},
		} {
			got, err := typednats.RequestService(within(t), t.r, echo, note{"x"}, typednats.WithInterceptors(answerWith(test.reply, test.err)))
			compare(t, name, test.want, got)
			if test.err != nil && !errors.Is(err, test.err) || (err != nil) != (test.says != "") ||
				!strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("%s: %v, want an error that says %q", name, err, test.says)
			}
		}
		// What an interceptor changes of a reply that came replaces it.
		got, err := typednats.RequestService(within(t), t.r, echo, note{"x"},
			typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
				return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
					reply, err := next(ctx, inv)
					return note{reply.(note).Text + "!"}, err
				}
			}))
		if err != nil || got != (note{"x!"}) {
			t.Errorf("call = %v, %v, want x!", got, err)
		}
	})
}

// What the library adds to a request must not show in the headers that an interceptor sees.
func TestClientInterceptorMayCallAgain(t *testing.T) {
	t.Parallel()
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat)}, func(t way) {
		twice := func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				inv.Header.Set("Try", "1")
				if _, err := next(ctx, inv); err != nil {
					return nil, err
				}
				compare(t, "header after the first call", headerOf("Try", "1"), inv.Header)
				return next(ctx, inv)
			}
		}
		got, err := typednats.RequestService(within(t), t.r, echo, note{"x"}, typednats.WithInterceptors(twice))
		if err != nil || got.Text != "x" {
			t.Errorf("call = %v, %v, want x", got, err)
		}
	})
}

func TestReplyMayBeNilForAnEmptyType(t *testing.T) {
	t.Parallel()
	empty := typednats.NewEndpoint[note, struct{}, typednats.Never]("empty")
	anything := typednats.NewEndpoint[note, any, typednats.Never]("anything")
	none := typednats.WithInterceptors(answerWith(nil, nil))
	eachWay(t, []typednats.BoundEndpoint{
		empty.Handle(func(context.Context, note) (struct{}, error) { return struct{}{}, nil }, none),
		anything.Handle(func(context.Context, note) (any, error) { return "something", nil }, none),
	}, func(t way) {
		for name, opts := range map[string][]typednats.CallOption{"service": nil, "client": {none}} {
			if _, err := typednats.RequestService(within(t), t.r, empty, note{}, opts...); err != nil {
				t.Errorf("%s: call = %v", name, err)
			}
			if got, err := typednats.RequestService(within(t), t.r, anything, note{}, opts...); err != nil || got != nil {
				t.Errorf("%s: call = %v, %v, want nil", name, got, err)
			}
		}
	})
}

func TestInterceptorMaySetNoReservedHeader(t *testing.T) {
	t.Parallel()
	set := func(key string) typednats.Option {
		return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				if inv.Side == typednats.ClientSide {
					inv.Header.Set(key, "application/msgpack")
				} else {
					inv.ReplyHeader.Set(key, "application/msgpack")
				}
				return next(ctx, inv)
			}
		})
	}
	eachWay(t, []typednats.BoundEndpoint{
		echo.Handle(repeat), echo.InSubject("reserved").Handle(repeat, set("Content-Type")),
	}, func(t way) {
		for _, key := range []string{"Content-Type", "a key"} {
			_, err := typednats.RequestService(within(t), t.r, echo, note{"x"}, set(key))
			if !errors.Is(err, typednats.ErrInvalidConfig) {
				t.Errorf("%q on the client: %v, want ErrInvalidConfig", key, err)
			}
		}
		_, err := typednats.RequestService(within(t), t.r, echo.InSubject("reserved"), note{"x"})
		compareFailure(t, "on the service", serviceError(500, "internal error"), err)
	})
}

func TestNilInterceptorIsReported(t *testing.T) {
	t.Parallel()
	nc, none := typednatstest.Server(t), typednats.WithInterceptors(nil)
	for where, test := range map[string]struct {
		use  func() error
		want error
	}{
		"call": {func() error {
			_, err := typednats.RequestService(within(t), nc, echo, note{}, none)
			return err
		}, typednats.ErrInvalidConfig},
		"client": {func() error {
			_, err := typednats.RequestService(within(t), typednats.NewClient(nc, none), echo, note{})
			return err
		}, typednats.ErrInvalidConfig},
		"service": {func() error {
			_, err := typednats.NewService(nc, config(func(c *typednats.ServiceConfig) {
				c.Interceptors = []typednats.Interceptor{nil}
			}))
			return err
		}, typednats.ErrInvalidConfig},
		"endpoint": {func() error {
			_, err := typednats.NewService(nc, config(), echo.Handle(repeat, none))
			return err
		}, typednats.ErrInvalidEndpoint},
	} {
		if err := test.use(); !errors.Is(err, test.want) || !strings.Contains(err.Error(), `interceptor "0"`) {
			t.Errorf("%s: %v, want %v about the interceptor", where, err, test.want)
		}
	}
}

// What a handler panics with is the owner's: interceptors see it as an error, and no declared error in it is an answer.
func TestPanicIsAnErrorToInterceptors(t *testing.T) {
	t.Parallel()
	nc, reports, seen := typednatstest.Server(t), make(reportLog, 1), make(chan error, 1)
	watch := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			reply, err := next(ctx, inv)
			if code, declared := inv.Outcome(err); code != 500 || declared || reply != nil {
				t.Errorf("outcome %d, %v, reply %v", code, declared, reply)
			}
			seen <- err
			if inv.Subject == "replaced" {
				return note{"rescued"}, nil
			}
			return reply, fmt.Errorf("watched: %w", err)
		}
	}
	panics := func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		r.ReplyHeader().Set("Half", "done")
		if r.Value.Text == "text" {
			panic("the text")
		}
		panic(fmt.Errorf("wrapped: %w", missing{"item"}))
	}
	inside := typednats.WithInterceptors(watch, replaceWith(func(ctx context.Context, inv *typednats.Invocation) (any, error) {
		return panics(ctx, &typednats.ServiceRequest[note]{Value: inv.Request.(note)})
	}))
	start(t, nc, config(reports.config),
		echo.InSubject("handler").HandleWith(panics, typednats.WithInterceptors(watch)),
		echo.InSubject("replaced").HandleWith(panics, typednats.WithInterceptors(watch)),
		echo.InSubject("interceptor").Handle(repeat, inside))
	for _, text := range []string{"text", "error"} {
		for _, subject := range []string{"handler", "replaced", "interceptor"} {
			var back nats.Header
			got, err := typednats.RequestService(within(t), nc, echo.InSubject(subject), note{text}, typednats.WithReplyHeader(&back))
			says := map[string]string{"text": "panic: the text", "error": "panic: wrapped: no item"}[text]
			failure := await(t, seen, "what the interceptor sees")
			panicked, ok := errors.AsType[*typednats.PanicError](failure)
			_, wrapped := errors.AsType[missing](failure)
			if !ok || failure.Error() != says || !strings.Contains(string(panicked.Stack), "TestPanicIsAnError") ||
				wrapped != (text == "error") {
				t.Errorf("%s: the interceptor sees %v, stack %t", subject, failure, ok)
			}
			if len(back["Half"]) > 0 {
				t.Errorf("%s: the headers of the handler that panicked were sent", subject)
			}
			if subject == "replaced" {
				compare(t, subject, note{"rescued"}, got)
				continue
			}
			compareFailure(t, subject, serviceError(500, "internal error"), err)
			r := await(t, reports, "the report")
			if r.Err.Error() != "watched: "+says || !strings.Contains(string(r.Stack), "TestPanicIsAnError") {
				t.Errorf("%s: report %v with stack\n%s", subject, r.Err, r.Stack)
			}
		}
	}
}

// A handler that panics with the end of its context has failed all the same.
func TestPanicWithTheEndOfTheContextIsAFailure(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 1)
	nothing := before(func(*typednats.Invocation) {})
	start(t, nc, config(reports.config), echo.Handle(func(ctx context.Context, _ note) (note, error) {
		<-ctx.Done()
		panic(ctx.Err())
	}, nothing))
	reply := exchange(t, nc, "echo", headerOf(typednats.TimeoutHeader, "1"), `{}`)
	compare(t, "reply", "500:internal error", failureOf(reply))
	if r := await(t, reports, "the report"); r.Stack == nil || !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("report %+v", r)
	}
}

// An interceptor that returns no Handler was found by the first request, which skipped the guards behind it.
func TestInterceptorWithoutHandler(t *testing.T) {
	t.Parallel()
	none := typednats.WithInterceptors(replaceWith(nil))
	sound := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler { return next })
	nc := typednatstest.Server(t)
	for name, test := range map[string]struct {
		try  func() error
		want error
	}{
		"of a service": {func() error {
			_, err := typednats.NewService(nc, config(func(c *typednats.ServiceConfig) {
				c.Interceptors = []typednats.Interceptor{replaceWith(nil)}
			}), echo.Handle(repeat))
			return err
		}, typednats.ErrInvalidEndpoint},
		"of an endpoint": {func() error {
			_, err := typednats.NewService(nc, config(), echo.Handle(repeat, sound, none))
			return err
		}, typednats.ErrInvalidEndpoint},
		"of an endpoint that is added": {func() error {
			return start(t, nc, config()).AddEndpoints(echo.Handle(repeat, none))
		}, typednats.ErrInvalidEndpoint},
		"of a local endpoint": {func() error {
			_, err := typednats.RequestService(within(t), typednats.Local(echo.Handle(repeat, none)), echo, note{})
			return err
		}, typednats.ErrInvalidEndpoint},
		"of a client": {func() error {
			_, err := typednats.RequestService(within(t), newClient(t, nc, sound, none), echo, note{})
			return err
		}, typednats.ErrInvalidConfig},
		"of a call": {func() error {
			_, err := typednats.RequestService(within(t), newClient(t, nc, sound), echo, note{}, none)
			return err
		}, typednats.ErrInvalidConfig},
	} {
		if err := test.try(); !errors.Is(err, test.want) || !strings.Contains(err.Error(), "no Handler") {
			t.Errorf("%s: %v, want %v that says so", name, err, test.want)
		}
	}
}

// This one waits only so long. What the handler does afterwards must not show in the requests that follow.
func TestInterceptorMayLeaveTheHandlerRunning(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	gate, left := make(chan struct{}), make(chan struct{}, 1)
	impatient := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			if inv.Request != (note{"slow"}) {
				return next(ctx, inv)
			}
			go func() {
				_, _ = next(ctx, inv)
				left <- struct{}{}
			}()
			return nil, typednats.Errorf(504, "too slow")
		}
	}
	plain := echo.InSubject("plain")
	start(t, nc, config(), plain.Handle(repeat), echo.HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
			if r.Value.Text == "slow" {
				<-gate
			}
			r.ReplyHeader().Set("Text", r.Value.Text)
			return r.Value, nil
		}, typednats.WithInterceptors(impatient)))
	ctx, client := within(t), typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	if _, err := typednats.RequestService(ctx, client, echo, note{"slow"}); codeOf(err) != "504:too slow" {
		t.Errorf("the call that is left: %v", err)
	}
	close(gate)
	await(t, left, "the end of the handler that was left")
	for i := range 100 {
		want := note{fmt.Sprint(i)}
		var header nats.Header
		got, err := typednats.RequestService(ctx, client, plain, want, typednats.WithReplyHeader(&header))
		if err != nil || got != want || len(header) > 0 {
			t.Fatalf("call %v = %v, header %v, %v", want, got, header, err)
		}
	}
}

// A handler was run without a context, which it may not stand.
func TestInterceptorCallsNextWithoutContext(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 1)
	start(t, nc, config(reports.config), echo.Handle(repeat, typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(_ context.Context, inv *typednats.Invocation) (any, error) {
			return next(nil, inv)
		}
	})))
	compare(t, "reply", "500:internal error", failureOf(exchange(t, nc, "echo", nil, `{}`)))
	if r := await(t, reports, "the report"); !strings.Contains(r.Err.Error(), "called next without a context") {
		t.Errorf("report %+v", r)
	}
}
