package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// behind is the endpoint that is called for a request to echo.
var behind = echo.InSubject("behind")

// serveBehind serves it and tells which headers the calls have.
func serveBehind(t *testing.T, nc *nats.Conn) <-chan nats.Header {
	t.Helper()
	headers := make(chan nats.Header, 100)
	start(t, nc, config(), behind.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		headers <- r.Header
		return r.Value, nil
	}))
	return headers
}

// Headers go on in whatever case they came, with all their values, and what a call says itself counts.
func TestPropagate(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	headers := serveBehind(t, nc)
	tenant := typednats.WithHeader("TENANT", "own")
	for name, r := range requesters(t, nc) {
		s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.Propagate = []string{"Tenant"} }),
			echo.Handle(func(ctx context.Context, in note) (note, error) {
				var opts []typednats.CallOption
				switch in.Text {
				case "own":
					opts = append(opts, tenant)
				case "child":
					ctx = context.WithoutCancel(context.WithValue(ctx, onwardKey{}, 1))
				case "foreign":
					ctx = context.Background()
				}
				return typednats.RequestService(ctx, r, behind, in, opts...)
			}, typednats.Propagate("Request-Id", "tENANT")))
		came := nats.Header{"tenant": {"a", "b"}, "REQUEST-ID": {"r-1"}, "Secret": {"s"}}
		for text, test := range map[string]struct{ came, want nats.Header }{
			"":        {came, nats.Header{"Tenant": {"a", "b"}, "Request-Id": {"r-1"}}},
			"child":   {came, nats.Header{"Tenant": {"a", "b"}, "Request-Id": {"r-1"}}},
			"own":     {came, nats.Header{"TENANT": {"own"}, "Request-Id": {"r-1"}}},
			"foreign": {came, nats.Header{}},
			"none":    {nats.Header{"Secret": {"s"}}, nats.Header{}},
			"unfit":   {nats.Header{"Tenant": {"größe"}, "Request-Id": {"r-2"}}, nats.Header{"Request-Id": {"r-2"}}},
		} {
			exchange(t, nc, "echo", test.came, `{"text":"`+text+`"}`)
			got := await(t, headers, "the call")
			delete(got, typednats.TimeoutHeader)
			if got == nil {
				got = nats.Header{}
			}
			compare(t, name+", "+text, test.want, got)
		}
		mustStop(t, s)
	}
}

// What goes on counts before a client's default, guards and interceptors call with it, too, and a service in between that
// propagates nothing ends it.
func TestPropagateThroughAChain(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	headers := serveBehind(t, nc)
	client := newClient(t, nc, typednats.WithDefaultHeader("tenant", "default"))
	call := func(ctx context.Context) error {
		_, err := typednats.RequestService(ctx, client, behind, note{})
		return err
	}
	middle := echo.InSubject("middle")
	start(t, nc, config(), middle.Handle(func(ctx context.Context, in note) (note, error) { return in, call(ctx) }))
	start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		return typednats.RequestService(ctx, client, middle, in)
	}, typednats.Propagate("Tenant"),
		typednats.WithGuards(func(ctx context.Context, _ *typednats.Invocation) (context.Context, error) { return ctx, call(ctx) }),
		typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				if err := call(ctx); err != nil {
					return nil, err
				}
				return next(ctx, inv)
			}
		})))
	if reply := exchange(t, nc, "echo", headerOf("Tenant", "a"), `{}`); failureOf(reply) != "" {
		t.Fatalf("reply: %s", failureOf(reply))
	}
	for _, who := range []string{"guard", "interceptor", "service in between"} {
		want := "a"
		if who == "service in between" {
			want = "default"
		}
		h := await(t, headers, "the call of the "+who)
		compare(t, who, want, typednats.HeaderValue(h, "Tenant"))
	}
}

func TestPropagateChecksItsKeys(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for _, key := range []string{
		"", "a b", "größe", "a:", "content-type", "Nats-Service-Error", "nats-service-error-code", "NATS-SERVICE-ERROR-TYPE", "status",
		"Typednats-Timeout", "typednats-refused", "Typednats-Error-Text", "Typednats-Interrupted", "Typednats-Reply-Token",
	} {
		_, ofService := typednats.NewService(nc, config(func(c *typednats.ServiceConfig) { c.Propagate = []string{key} }))
		_, ofEndpoint := typednats.NewService(nc, config(), echo.Handle(repeat, typednats.Propagate(key)))
		if !errors.Is(ofService, typednats.ErrInvalidConfig) || !errors.Is(ofEndpoint, typednats.ErrInvalidEndpoint) ||
			!strings.Contains(ofService.Error(), "Propagate") || !strings.Contains(ofEndpoint.Error(), "Propagate") {
			t.Errorf("%q: %v; %v", key, ofService, ofEndpoint)
		}
	}
}
