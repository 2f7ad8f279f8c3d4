package typednats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

type icRequest struct{ Text string }

type icReply struct{ Text string }

type icRefused struct{ Why string }

func (e icRefused) Error() string { return "refused: " + e.Why }

func (icRefused) ErrorCode() int { return 409 }

var icEcho = typednats.NewEndpoint[icRequest, icReply, icRefused]("echo").WithMetadata("scope", "public")

// icServe starts a service with the endpoint and returns a connection to call it through.
func icServe(t *testing.T, cfg typednats.ServiceConfig, bound ...typednats.BoundEndpoint) *nats.Conn {
	t.Helper()
	srv := typednatstest.Run(t)
	cfg.Name, cfg.Version = "echoes", "1.0.0"
	svc, err := typednats.NewService(srv.Connect(t), cfg, bound...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return srv.Connect(t)
}

func icHandle(_ context.Context, r icRequest) (icReply, error) {
	switch r.Text {
	case "refuse":
		return icReply{}, icRefused{Why: "asked to"}
	case "fail":
		return icReply{}, errors.New("secret")
	}
	return icReply(r), nil
}

// icTrace records the order in which interceptors begin and end.
type icTrace struct {
	mu    sync.Mutex
	lines []string
}

func (tr *icTrace) add(line string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, line)
}

func (tr *icTrace) interceptor(name string) typednats.Interceptor {
	return func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			tr.add("+" + name)
			defer tr.add("-" + name)
			return next(ctx, inv)
		}
	}
}

func TestInterceptorsWrapInOrder(t *testing.T) {
	t.Parallel()
	var server, client icTrace
	nc := icServe(t,
		typednats.ServiceConfig{Interceptors: []typednats.Interceptor{server.interceptor("A"), server.interceptor("B")}},
		icEcho.Handle(icHandle,
			typednats.WithInterceptors(server.interceptor("C")),
			typednats.WithInterceptors(server.interceptor("D"), server.interceptor("E"))))
	c := typednats.NewClient(nc, typednats.WithInterceptors(client.interceptor("A")))
	_, err := typednats.RequestService(t.Context(), c, icEcho, icRequest{"x"},
		typednats.WithInterceptors(client.interceptor("B"), client.interceptor("C")))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("+A +B +C +D +E -E -D -C -B -A")
	if diff := cmp.Diff(want, server.lines); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
	want = strings.Fields("+A +B +C -C -B -A")
	if diff := cmp.Diff(want, client.lines); diff != "" {
		t.Errorf("client (-want +got):\n%s", diff)
	}
}

func TestInterceptorSeesInvocation(t *testing.T) {
	t.Parallel()
	type seen struct {
		Side                       typednats.Side
		Endpoint, Pattern, Subject string
		Scope                      string
		Request, Reply             any
		Sent, Back                 string
		Code                       int
		Declared                   bool
	}
	record := func(to *seen) typednats.Interceptor {
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
					inv.Side, inv.Endpoint, inv.Pattern, inv.Subject, inv.Metadata("scope"), inv.Request, reply,
					inv.Header.Get("Sent"), inv.ReplyHeader.Get("Back"), code, declared,
				}
				return reply, err
			}
		}
	}
	for text, outcome := range map[string]seen{
		"hello":  {Reply: icReply{"hello"}},
		"refuse": {Code: 409, Declared: true},
		"fail":   {Code: 500},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var onService, onClient seen
			nc := icServe(t, typednats.ServiceConfig{Logger: slog.New(slog.DiscardHandler)},
				icEcho.InSubject("echo.*").Handle(icHandle, typednats.WithInterceptors(record(&onService))))
			_, _ = typednats.RequestService(t.Context(), nc, icEcho.InSubject("echo.*").At("echo.one"), icRequest{text},
				typednats.WithInterceptors(record(&onClient)))
			want := outcome
			want.Side, want.Endpoint, want.Pattern, want.Subject = typednats.ServerSide, "echo", "echo.*", "echo.one"
			want.Scope, want.Request, want.Sent, want.Back = "public", icRequest{text}, "from client", "from service"
			if want.Reply == nil {
				want.Reply = onService.Reply // without meaning beside an error
			}
			if diff := cmp.Diff(want, onService); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
			want.Side = typednats.ClientSide
			if outcome.Reply == nil {
				want.Reply = onClient.Reply
			}
			if diff := cmp.Diff(want, onClient); diff != "" {
				t.Errorf("client (-want +got):\n%s", diff)
			}
		})
	}
}

type icKey struct{}

func TestInterceptorChangesWhatItWraps(t *testing.T) {
	t.Parallel()
	wrap := func(h typednats.Handler) typednats.Option {
		return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
			return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
				if h == nil {
					return next(context.WithValue(ctx, icKey{}, "from the interceptor"), inv)
				}
				return h(ctx, inv)
			}
		})
	}
	answer := func(reply any, err error) typednats.Handler {
		return func(context.Context, *typednats.Invocation) (any, error) { return reply, err }
	}
	for name, test := range map[string]struct {
		opt  typednats.Option
		want icReply
		err  error
		code int
	}{
		"context":          {opt: wrap(nil), want: icReply{"from the interceptor"}},
		"reply":            {opt: wrap(answer(icReply{"short"}, nil)), want: icReply{"short"}},
		"declared error":   {opt: wrap(answer(nil, icRefused{"by policy"})), err: icRefused{"by policy"}},
		"service error":    {opt: wrap(answer(nil, typednats.Errorf(403, "no"))), code: 403},
		"undeclared error": {opt: wrap(answer(nil, errors.New("secret"))), code: 500},
		"wrong type":       {opt: wrap(answer("text", nil)), code: 500},
		"no reply":         {opt: wrap(answer(nil, nil)), code: 500},
		"panic":            {opt: wrap(func(context.Context, *typednats.Invocation) (any, error) { panic("oh") }), code: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := icServe(t, typednats.ServiceConfig{Logger: slog.New(slog.DiscardHandler)},
				icEcho.Handle(func(ctx context.Context, _ icRequest) (icReply, error) {
					text, _ := ctx.Value(icKey{}).(string)
					return icReply{text}, nil
				}, test.opt))
			got, err := typednats.RequestService(t.Context(), nc, icEcho, icRequest{"x"})
			if got != test.want {
				t.Errorf("reply %v, want %v", got, test.want)
			}
			se, _ := errors.AsType[*typednats.ServiceError](err)
			switch {
			case test.code != 0 && (se == nil || se.Code != test.code):
				t.Errorf("error %v, want code %d", err, test.code)
			case test.code == 0 && !errors.Is(err, test.err):
				t.Errorf("error %v, want %v", err, test.err)
			}
		})
	}
}

func TestClientInterceptorReplacesOutcome(t *testing.T) {
	t.Parallel()
	nc := icServe(t, typednats.ServiceConfig{}, icEcho.Handle(icHandle))
	replaced := errors.New("replaced")
	for name, test := range map[string]struct {
		intercept typednats.Handler
		want      icReply
		err       error
	}{
		"reply": {func(context.Context, *typednats.Invocation) (any, error) { return icReply{"cached"}, nil }, icReply{"cached"}, nil},
		"error": {func(context.Context, *typednats.Invocation) (any, error) { return nil, replaced }, icReply{}, replaced},
	} {
		got, err := typednats.RequestService(t.Context(), nc, icEcho, icRequest{"x"},
			typednats.WithInterceptors(func(typednats.Handler) typednats.Handler { return test.intercept }))
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %v, %v; want %v, %v", name, got, err, test.want, test.err)
		}
	}
	reserve := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.Header.Set("Content-Type", "application/msgpack")
			return next(ctx, inv)
		}
	}
	_, err := typednats.RequestService(t.Context(), nc, icEcho, icRequest{"x"}, typednats.WithInterceptors(reserve))
	if !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("a reserved header gave %v, want ErrInvalidConfig", err)
	}
}

func TestNilInterceptorIsReported(t *testing.T) {
	t.Parallel()
	nc := icServe(t, typednats.ServiceConfig{})
	_, err := typednats.RequestService(t.Context(), nc, icEcho, icRequest{}, typednats.WithInterceptors(nil))
	if !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("call: %v, want ErrInvalidConfig", err)
	}
	_, err = typednats.RequestService(t.Context(), typednats.NewClient(nc, typednats.WithInterceptors(nil)), icEcho, icRequest{})
	if !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("client: %v, want ErrInvalidConfig", err)
	}
	cfg := typednats.ServiceConfig{Name: "x", Version: "1.0.0", Interceptors: []typednats.Interceptor{nil}}
	if _, err := typednats.NewService(nc, cfg); !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("service: %v, want ErrInvalidConfig", err)
	}
	cfg.Interceptors = nil
	_, err = typednats.NewService(nc, cfg, icEcho.Handle(icHandle, typednats.WithInterceptors(nil)))
	if !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Errorf("endpoint: %v, want ErrInvalidEndpoint", err)
	}
}

func TestLogInterceptor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if slices.Contains([]string{"time", "duration"}, a.Key) {
				return slog.Attr{}
			}
			return a
		},
	}))
	nc := icServe(t, typednats.ServiceConfig{
		Logger:       slog.New(slog.DiscardHandler),
		Interceptors: []typednats.Interceptor{typednats.LogInterceptor(logger)},
	}, icEcho.Handle(icHandle))
	for _, text := range []string{"hello", "refuse", "fail"} {
		_, err := typednats.RequestService(t.Context(), nc, icEcho, icRequest{text})
		fmt.Fprintln(&out, err)
	}
	want := `level=INFO msg="request handled" endpoint=echo subject=echo
<nil>
level=INFO msg="request handled" code=409 declared=true error="refused: asked to" endpoint=echo subject=echo
refused: asked to
level=ERROR msg="request handled" code=500 declared=false error=secret endpoint=echo subject=echo
call "echo" at "echo": service error 500: internal error
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// TestAnInterceptorMayLeaveTheHandlerRunning has one that waits only so long. What the handler does afterwards must not
// show in the requests that follow.
func TestAnInterceptorMayLeaveTheHandlerRunning(t *testing.T) {
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
