package typednats_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// before is an interceptor that does something and then goes on.
func before(do func(inv *typednats.Invocation)) typednats.Option {
	return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			do(inv)
			return next(ctx, inv)
		}
	})
}

func shout(inv *typednats.Invocation) {
	text := strings.ToUpper(inv.Request.(note).Text)
	inv.Request = note{text}
}

// What one interceptor puts in place of the request is what the next one sees, what the handler gets, and what those
// outside see afterwards.
func TestReplacedRequestCounts(t *testing.T) {
	t.Parallel()
	e := echo.InSubject("replaced")
	var inside, outside any
	look := before(func(inv *typednats.Invocation) { inside = inv.Request })
	after := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			reply, err := next(ctx, inv)
			outside = inv.Request
			return reply, err
		}
	})
	eachWay(t, []typednats.BoundEndpoint{
		echo.Handle(repeat), e.Handle(repeat, after, before(shout), look), e.InSubject("asked").HandleWith(
			func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) { return r.Value, nil },
			after, before(shout), look),
	}, func(t way) {
		for subject, opts := range map[string][]typednats.CallOption{
			"echo": {after, before(shout), look}, "replaced": nil, "asked": nil,
		} {
			inside, outside = nil, nil
			got, err := typednats.RequestService(within(t), t.r, e.InSubject(subject), note{"x"}, opts...)
			if err != nil {
				t.Errorf("%s: %v", subject, err)
			}
			compare(t, subject, [3]any{note{"X"}, note{"X"}, note{"X"}}, [3]any{got, inside, outside})
		}
	})
}

// letters is a named type of what can be assigned to it.
type letters []string

func TestReplacedRequestHasTheRightType(t *testing.T) {
	t.Parallel()
	replaceRequest(t, "value", note{"x"}, note{"y"}, "")
	replaceRequest(t, "another-type", note{"x"}, "text", "value of type string, want typednats_test.note")
	replaceRequest(t, "pointer", note{"x"}, &note{}, "value of type *typednats_test.note, want typednats_test.note")
	replaceRequest(t, "nil", note{"x"}, nil, "value of type <nil>, want typednats_test.note")
	replaceRequest(t, "nil-pointer", &note{"x"}, nil, "")
	replaceRequest(t, "nil-interface", any("x"), nil, "")
	replaceRequest(t, "nothing-to-say", struct{}{}, nil, "")
	replaceRequest(t, "assignable", letters{"x"}, []string{"y"}, "")
}

// replaceRequest makes calls with an In whose Request an interceptor replaces, first on the service and then on the
// client. It fails, or the handler gets what the In is then.
func replaceRequest[In any](t *testing.T, name string, in In, with any, fails string) {
	t.Helper()
	var want In
	if v := reflect.ValueOf(with); with != nil && fails == "" {
		reflect.ValueOf(&want).Elem().Set(v)
	}
	replace, got := before(func(inv *typednats.Invocation) { inv.Request = with }), make(chan In, 1)
	e := typednats.NewEndpoint[In, string, typednats.Never](name)
	handle := func(_ context.Context, in In) (string, error) {
		got <- in
		return "done", nil
	}
	nc, reports := typednatstest.Server(t), make(reportLog, 1)
	start(t, nc, config(reports.config), e.InSubject("service").Handle(handle, replace), e.InSubject("client").Handle(handle))
	_, err := typednats.RequestService(within(t), nc, e.InSubject("service"), in)
	if fails == "" {
		compare(t, name+" on the service", want, await(t, got, "the handler's request"))
	} else {
		compareFailure(t, name+" on the service", serviceError(500, "internal error"), err)
		if r := await(t, reports, "the report"); !strings.Contains(r.Err.Error(), fails) {
			t.Errorf("%s on the service: report %v, want it to say %q", name, r.Err, fails)
		}
	}
	_, err = typednats.RequestService(within(t), nc, e.InSubject("client"), in, replace)
	if fails == "" {
		compare(t, name+" on the client", want, await(t, got, "the handler's request"))
	} else if _, ok := errors.AsType[*typednats.CallError](err); !ok || !errors.Is(err, typednats.ErrInvalidConfig) ||
		!strings.Contains(err.Error(), fails) {
		t.Errorf("%s on the client: %v, want a CallError that is ErrInvalidConfig and says %q", name, err, fails)
	}
}

// Whoever answers a request that an interceptor may not make sees why, and may answer otherwise.
func TestInterceptorSeesThatTheRequestIsWrong(t *testing.T) {
	t.Parallel()
	rescue := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			if _, err := next(ctx, inv); err != nil && strings.Contains(err.Error(), "value of type int") {
				return note{"rescued"}, nil
			}
			return nil, errors.New("not seen")
		}
	})
	spoil := before(func(inv *typednats.Invocation) { inv.Request = 7 })
	eachWay(t, []typednats.BoundEndpoint{
		echo.Handle(repeat), echo.InSubject("service").Handle(repeat, rescue, spoil),
	}, func(t way) {
		for subject, opts := range map[string][]typednats.CallOption{"echo": {rescue, spoil}, "service": nil} {
			got, err := typednats.RequestService(within(t), t.r, echo.InSubject(subject), note{}, opts...)
			if err != nil || got.Text != "rescued" {
				t.Errorf("%s: %v, %v", subject, got, err)
			}
		}
	})
}

// Headers that are replaced count as those that are changed, on both sides and in both directions.
func TestReplacedHeadersCount(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]nats.Header{"others": headerOf("New", "1"), "none": nil} {
		replace := before(func(inv *typednats.Invocation) { inv.Header = maps.Clone(with) })
		var onService, seen nats.Header
		handle := func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
			seen = maps.Clone(r.Header)
			delete(seen, typednats.TimeoutHeader)
			r.ReplyHeader().Set("Handler", "1")
			return r.Value, nil
		}
		e := echo.InSubject("service")
		late := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				reply, err := next(ctx, inv)
				onService, inv.ReplyHeader = inv.ReplyHeader, maps.Clone(with)
				return reply, err
			}
		})
		early := before(func(inv *typednats.Invocation) { inv.ReplyHeader = maps.Clone(with) })
		eachWay(t, []typednats.BoundEndpoint{
			echo.HandleWith(handle), e.HandleWith(handle, replace, early), echo.InSubject("late").HandleWith(handle, late),
		}, func(t way) {
			old := typednats.WithHeader("Old", "1")
			for _, subject := range []string{"echo", "service"} {
				opts := []typednats.CallOption{old}
				if subject == "echo" {
					opts = append(opts, replace)
				}
				var back nats.Header
				opts = append(opts, typednats.WithReplyHeader(&back))
				if _, err := typednats.RequestService(within(t), t.r, echo.InSubject(subject), note{}, opts...); err != nil {
					t.Fatal(err)
				}
				compare(t, name+" that the handler sees at "+subject, with, seen, cmpopts.EquateEmpty())
				want := headerOf("Handler", "1")
				if subject == "service" {
					maps.Copy(want, with)
				}
				compare(t, name+" that came back from "+subject, want, back)
			}
			var back nats.Header
			if _, err := typednats.RequestService(within(t), t.r, echo.InSubject("late"), note{}, typednats.WithReplyHeader(&back)); err != nil {
				t.Fatal(err)
			}
			compare(t, name+" that came late", with, back, cmpopts.EquateEmpty())
			compare(t, "those of the handler", headerOf("Handler", "1"), onService)
			// The client's own interceptor has the last word on what came.
			_, err := typednats.RequestService(within(t), t.r, echo, note{}, typednats.WithReplyHeader(&back), late)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name+" on the client", with, back, cmpopts.EquateEmpty())
		})
	}
}

// An interceptor's own test makes Invocations by hand: of nothing, or of what the interceptor looks at.
func TestInvocationMadeByHand(t *testing.T) {
	t.Parallel()
	for _, inv := range []*typednats.Invocation{
		{}, {Side: typednats.ServerSide, Endpoint: "x"}, {Side: typednats.ClientSide, Request: note{}, Header: nats.Header{}},
	} {
		if got := inv.Metadata("scope"); got != "" {
			t.Errorf("metadata %q", got)
		}
		undeclared := 0
		if inv.Side == typednats.ServerSide {
			undeclared = 500
		}
		for err, want := range map[error]int{
			nil: 0, typednats.Errorf(403, "no"): 403, missing{"x"}: undeclared, context.Canceled: undeclared,
			error(&typednats.PanicError{Value: missing{"x"}}): undeclared,
		} {
			if code, declared := inv.Outcome(err); code != want || declared {
				t.Errorf("%+v: outcome of %v: %d, %v, want %d", inv, err, code, declared, want)
			}
		}
	}
}

// An Invocation that an interceptor makes in place of the one it got leads nowhere, and says so.
func TestNextNeedsItsInvocation(t *testing.T) {
	t.Parallel()
	strange := func(inv *typednats.Invocation) typednats.Option {
		return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, _ *typednats.Invocation) (any, error) { return next(ctx, inv) }
		})
	}
	made, none := strange(&typednats.Invocation{Request: note{}}), strange(nil)
	eachWay(t, []typednats.BoundEndpoint{
		echo.Handle(repeat), echo.InSubject("made").Handle(repeat, made), echo.InSubject("none").Handle(repeat, none),
	}, func(t way) {
		for _, opt := range []typednats.CallOption{made, none} {
			_, err := typednats.RequestService(within(t), t.r, echo, note{}, opt)
			if !errors.Is(err, typednats.ErrInvalidConfig) {
				t.Errorf("on the client: %v, want ErrInvalidConfig", err)
			}
		}
		for _, subject := range []string{"made", "none"} {
			_, err := typednats.RequestService(within(t), t.r, echo.InSubject(subject), note{})
			compareFailure(t, subject, serviceError(500, "internal error"), err)
		}
	})
}
