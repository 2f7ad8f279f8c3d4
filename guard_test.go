package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

type callerKey struct{}

// knowing lets those pass whose header says who they are, and tells the handler.
func knowing(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
	name := inv.Header.Get("Caller")
	switch name {
	case "":
		inv.ReplyHeader.Set("Who", "are you")
		return nil, typednats.Errorf(401, "who are you?")
	case "missing":
		return nil, missing{Item: "caller"}
	case "unknown":
		return nil, errors.New("the secret is 42")
	case "crash":
		panic("the secret is 42")
	case "nowhere":
		return nil, nil //nolint:nilnil // the mistake
	}
	inv.ReplyHeader.Set("Caller", name)
	return context.WithValue(ctx, callerKey{}, name), nil
}

// greet says what the guard has found out.
func greet(ctx context.Context, _ note) (note, error) {
	name, _ := ctx.Value(callerKey{}).(string)
	return note{name}, nil
}

func TestGuardDecides(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 100)
	guarded := echo.Handle(func(ctx context.Context, in note) (note, error) {
		ran <- struct{}{}
		return greet(ctx, in)
	}, typednats.WithGuards(knowing))
	eachWay(t, []typednats.BoundEndpoint{guarded}, func(t way) {
		for name, test := range map[string]struct {
			code    int // 0: it passes; -1: a declared error
			text    string
			reports bool
		}{
			"eve":     {},
			"":        {code: 401, text: "who are you?"},
			"missing": {code: -1},
			"unknown": {code: 500, text: "internal error"},
			"crash":   {code: 500, text: "internal error"},
			"nowhere": {code: 500, text: "internal error"},
		} {
			var h nats.Header
			got, err := typednats.RequestService(within(t), t.r, echo, note{"x"},
				typednats.WithHeader("Caller", name), typednats.WithReplyHeader(&h))
			if test.code == 0 {
				if err != nil || got.Text != name || h.Get("Caller") != name {
					t.Errorf("call by %q = %v, %v, headers %v", name, got, err, h)
				}
				<-ran
				continue
			}
			compare(t.T, "mark of the refusal of "+name, "guard", h.Get(typednats.RefusedHeader))
			compare(t.T, "header of the guard for "+name, map[bool]string{true: "are you"}[name == ""], h.Get("Who"))
			if _, declared := errors.AsType[missing](err); test.code == -1 {
				compare(t.T, "declared error for "+name, true, declared)
				continue
			}
			se, ok := errors.AsType[*typednats.ServiceError](err)
			if !ok || se.Code != test.code || !strings.HasPrefix(se.Description, test.text) || se.Refused != typednats.RefusedGuard {
				t.Errorf("call by %q = %v, want code %d", name, err, test.code)
			}
			if run, known := typednats.WasRun(err); run || !known {
				t.Errorf("WasRun of the call by %q = %v, %v", name, run, known)
			}
		}
		compare(t.T, "handlers that were run", 0, len(ran))
	})
}

// A stranger learns nothing of the codecs and of what a body must be, nor makes the service look at one.
func TestGuardComesFirst(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	start(t, nc, config(func(c *typednats.ServiceConfig) { c.Guards = []typednats.Guard{knowing} }), echo.Handle(greet))
	for name, request := range map[string]*nats.Msg{
		"bad body":         {Data: []byte("{")},
		"foreign codec":    {Header: nats.Header{"Content-Type": {"text/plain"}}},
		"bad and declared": {Header: nats.Header{"Content-Type": {"text/plain"}, "Caller": {"missing"}}, Data: []byte("{")},
	} {
		request.Subject = "echo"
		reply, err := nc.RequestMsgWithContext(within(t), request)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, name+": mark", "guard", reply.Header.Get(typednats.RefusedHeader))
		want, body := "401", ""
		if name == "bad and declared" {
			want, body = "404", `{"item":"caller"}`
		}
		compare(t, name+": code", want, reply.Header.Get("Nats-Service-Error-Code"))
		compare(t, name+": body", body, string(reply.Data))
	}
}

// No guard is asked about a subject that was made of the endpoint's pattern: it would see a wildcard in place of a value.
func TestGuardSeesNoWildcard(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	asked := make(chan string, 10)
	start(t, nc, config(), echo.InSubject("tenants.*.echo").Handle(repeat, typednats.WithGuards(
		func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
			asked <- inv.Subject
			return ctx, nil
		})))
	reply := exchange(t, nc, "tenants.*.echo", nil, `{}`)
	compare(t, "code", "400", reply.Header.Get("Nats-Service-Error-Code"))
	exchange(t, nc, "tenants.a.echo", nil, `{}`)
	compare(t, "subject", "tenants.a.echo", <-asked)
	compare(t, "questions beside that", 0, len(asked))
}

// Guards of the service come before those of the endpoint, each gets the context of the one before, and the first that
// refuses ends it. Interceptors are inside.
func TestGuardsHaveAnOrder(t *testing.T) {
	t.Parallel()
	type seenKey struct{}
	seen := func(ctx context.Context) []string { s, _ := ctx.Value(seenKey{}).([]string); return s }
	trail := make(chan []string, 1)
	step := func(name string) typednats.Guard {
		return func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
			if inv.Request != nil || inv.Side != typednats.ServerSide || inv.Endpoint != "echo" || inv.Metadata("k") != "v" {
				t.Errorf("guard %s sees %+v", name, inv)
			}
			if inv.Header.Get("Stop") == name {
				trail <- append(slices.Clone(seen(ctx)), name)
				return nil, typednats.Errorf(403, "stop")
			}
			return context.WithValue(ctx, seenKey{}, append(slices.Clone(seen(ctx)), name)), nil
		}
	}
	inside := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			return next(context.WithValue(ctx, seenKey{}, append(slices.Clone(seen(ctx)), "interceptor")), inv)
		}
	}
	nc := typednatstest.Server(t)
	e := echo.WithMetadata("k", "v")
	start(t, nc, config(func(c *typednats.ServiceConfig) { c.Guards = []typednats.Guard{step("A"), step("B")} }),
		e.HandleWith(func(ctx context.Context, r *typednats.ServiceRequest[note]) (note, error) {
			trail <- seen(ctx)
			return r.Value, nil
		}, typednats.WithGuards(step("C")), typednats.WithGuards(step("D")), typednats.WithInterceptors(inside)))
	for stop, want := range map[string][]string{
		"":  {"A", "B", "C", "D", "interceptor"},
		"A": {"A"}, "C": {"A", "B", "C"}, "D": {"A", "B", "C", "D"},
	} {
		_, _ = typednats.RequestService(within(t), nc, e, note{}, typednats.WithHeader("Stop", stop))
		compare(t, "trail that stops at "+stop, want, await(t, trail, "the trail"))
	}
}

// The handler's context still ends with the caller's time, and what it returns then is the end of that.
func TestContextOfAGuardEndsWithTheCall(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	ended := make(chan error, 1)
	start(t, nc, config(), echo.Handle(func(ctx context.Context, _ note) (note, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return note{}, ctx.Err()
	}, typednats.WithGuards(knowing)))
	ctx, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	_, err := typednats.RequestService(ctx, nc, echo, note{}, typednats.WithHeader("Caller", "eve"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call = %v, want DeadlineExceeded", err)
	}
	if err := await(t, ended, "the end of the handler's context"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

// What a guard keeps secret is told to the owner alone, with the stack of a panic.
func TestOwnerIsToldOfGuardsThatFail(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 10)
	s := start(t, nc, config(reports.config), echo.Handle(greet, typednats.WithGuards(knowing)))
	for caller, want := range map[string]string{"unknown": "the secret is 42", "crash": "panic: the secret is 42", "nowhere": "no context"} {
		_, _ = typednats.RequestService(within(t), nc, echo, note{}, typednats.WithHeader("Caller", caller))
		r := await(t, reports, "the report")
		if !strings.Contains(r.Err.Error(), want) || (caller == "crash") != (len(r.Stack) > 0) {
			t.Errorf("reported %v with %d bytes of stack, want %s", r.Err, len(r.Stack), want)
		}
	}
	stats, _ := s.EndpointStats("echo")
	compare(t, "requests and errors", [2]int{3, 3}, [2]int{stats.NumRequests, stats.NumErrors})
}

func TestNilGuardIsAMistake(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	_, err := typednats.NewService(nc, config(func(c *typednats.ServiceConfig) { c.Guards = []typednats.Guard{nil} }),
		echo.Handle(greet, typednats.WithGuards(knowing, nil)))
	if err == nil || !strings.Contains(err.Error(), `guard "0"`) || !strings.Contains(err.Error(), `guard "1"`) {
		t.Errorf("NewService = %v, want that both guards are nil", err)
	}
}

// checked is a request that knows what is wrong with it.
type checked struct {
	Wrong string `json:"wrong"`
}

func (c checked) Validate() error { return wrong(c.Wrong) }

// checkedByPointer is checked with a pointer receiver.
type checkedByPointer struct {
	Wrong string `json:"wrong"`
}

func (c *checkedByPointer) Validate() error { return wrong(c.Wrong) }

func wrong(what string) error {
	switch what {
	case "":
		return nil
	case "missing":
		return missing{Item: "it"}
	case "conflict":
		return typednats.Errorf(409, "conflict")
	case "panic":
		panic("the secret is 42")
	case "call":
		return fmt.Errorf("look up: %w", &typednats.CallError{Subject: "stock", Err: typednats.Errorf(403, "the secret is 42")})
	case "nil":
		return (*mute)(nil)
	case "mute":
		return &mute{}
	default:
		return errors.New(what)
	}
}

// mute is an error that cannot say what it is.
type mute struct{}

func (*mute) Error() string { panic("the secret is 42") }

func testValidation[In any](t *testing.T, of func(string) In) {
	t.Helper()
	e := typednats.NewEndpoint[In, note, missing]("validated").WithCodec(msgpack.Codec)
	ran := 0
	bound := e.Handle(func(context.Context, In) (note, error) { ran++; return note{"ran"}, nil },
		typednats.WithInterceptors(typednats.Validation()))
	nc := typednatstest.Server(t)
	start(t, nc, config(), bound)
	for what, test := range map[string]struct {
		code int
		text string
	}{
		"":         {0, ""},
		"no":       {400, "no"},
		"missing":  {404, ""},
		"conflict": {409, "conflict"},
		"panic":    {500, "internal error"},
		"call":     {500, "internal error"},
		"nil":      {500, "internal error"},
		"mute":     {500, "internal error"},
	} {
		ran = 0
		var h nats.Header
		_, err := typednats.RequestService(within(t), nc, e, of(what), typednats.WithReplyHeader(&h))
		compare(t, what+": runs", map[bool]int{true: 1}[what == ""], ran)
		compare(t, what+": mark", map[bool]string{true: typednats.RefusedInvalid}[test.code > 0 && test.code < 500],
			h.Get(typednats.RefusedHeader))
		if _, declared := errors.AsType[missing](err); declared != (what == "missing") {
			t.Errorf("%s: %v", what, err)
		}
		if se, ok := errors.AsType[*typednats.ServiceError](err); ok && (se.Code != test.code || !strings.HasPrefix(se.Description, test.text)) {
			t.Errorf("%s: %v, want code %d", what, err, test.code)
		}
		if (err == nil) != (test.code == 0) {
			t.Errorf("%s: %v", what, err)
		}
		sent := nc.Stats().OutMsgs
		_, err = typednats.RequestService(within(t), nc, e, of(what), typednats.WithInterceptors(typednats.Validation()))
		if what == "" {
			continue
		}
		compare(t, what+": requests that a client sends", sent, nc.Stats().OutMsgs)
		if _, declared := errors.AsType[missing](err); declared != (what == "missing") || !declared && !errors.Is(err, typednats.ErrInvalidRequest) {
			t.Errorf("%s, on a client: %v", what, err)
		}
		if run, known := typednats.WasRun(err); what != "missing" && (run || !known) {
			t.Errorf("%s: WasRun = %v, %v", what, run, known)
		}
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	t.Run("value", func(t *testing.T) {
		t.Parallel()
		testValidation(t, func(s string) checked { return checked{s} })
	})
	t.Run("pointer receiver", func(t *testing.T) {
		t.Parallel()
		testValidation(t, func(s string) checkedByPointer { return checkedByPointer{s} })
	})
	t.Run("pointer", func(t *testing.T) {
		t.Parallel()
		testValidation(t, func(s string) *checked { return &checked{s} })
	})
	t.Run("pointer with a pointer receiver", func(t *testing.T) {
		t.Parallel()
		testValidation(t, func(s string) *checkedByPointer { return &checkedByPointer{s} })
	})
}

// A null where In is a pointer has nothing that could be looked at, and a type without the method passes.
func TestValidationOfWhatHasNone(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := typednats.NewEndpoint[*checked, note, missing]("validated")
	opt := typednats.WithInterceptors(typednats.Validation())
	start(t, nc, config(), e.Handle(func(context.Context, *checked) (note, error) { return note{"ran"}, nil }, opt), echo.Handle(repeat, opt))
	if got, err := typednats.RequestService(within(t), nc, echo, note{"x"}); err != nil || got.Text != "x" {
		t.Errorf("call = %v, %v", got, err)
	}
	_, err := typednats.Request[*checked, note](within(t), nc, "validated", nil)
	if se, ok := errors.AsType[*typednats.ServiceError](err); !ok || se.Code != 400 || se.Refused != typednats.RefusedInvalid {
		t.Errorf("call with null = %v, want code 400", err)
	}
}
