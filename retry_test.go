package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

var retryPlain = typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("again")

// retryResponder answers requests on the endpoint's subject by script, one character each: "o" is a reply, "5" code
// 503, "x" code 500, "-" no reply. It returns how many requests came.
func retryResponder(t *testing.T, nc *nats.Conn, script string) func() int {
	t.Helper()
	var sub *nats.Subscription
	n := 0
	sub, err := nc.Subscribe("again", func(m *nats.Msg) {
		what := script[min(n, len(script)-1)]
		n++
		reply := &nats.Msg{Subject: m.Reply}
		switch what {
		case '5':
			reply.Header = nats.Header{"Nats-Service-Error": {"busy"}, "Nats-Service-Error-Code": {"503"}}
		case 'x':
			reply.Header = nats.Header{"Nats-Service-Error": {"broken"}, "Nats-Service-Error-Code": {"500"}}
		case '-':
			return
		}
		if err := nc.PublishMsg(reply); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return func() int {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		delivered, err := sub.Delivered()
		if err != nil {
			t.Fatal(err)
		}
		return int(delivered)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	policy := typednats.Retry{Attempts: 3, Backoff: time.Millisecond, AttemptTimeout: 200 * time.Millisecond}
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[struct{}, struct{}, typednats.Never]
		script   string
		sent     int
		code     int // 0: a reply
	}{
		"plain, busy":                   {retryPlain, "5o", 1, 503},
		"plain, broken":                 {retryPlain, "xo", 1, 500},
		"idempotent, busy once":         {retryPlain.Idempotent(), "5o", 2, 0},
		"idempotent, busy for too long": {retryPlain.Idempotent(), "5555o", 3, 503},
		"idempotent, broken":            {retryPlain.Idempotent(), "xo", 1, 500},
		"idempotent, lost once":         {retryPlain.Idempotent(), "-o", 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			sent := retryResponder(t, srv.Connect(t), test.script)
			client := typednats.NewClient(srv.Connect(t), typednats.WithRetry(policy))
			_, err := typednats.RequestService(t.Context(), client, test.endpoint, struct{}{})
			se, _ := errors.AsType[*typednats.ServiceError](err)
			if test.code == 0 && err != nil || test.code != 0 && (se == nil || se.Code != test.code) {
				t.Errorf("error %v, want code %d", err, test.code)
			}
			if got := sent(); got != test.sent {
				t.Errorf("the request was sent %d times, want %d", got, test.sent)
			}
		})
	}
}

func TestRetryWithoutResponders(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	once := typednats.NewClient(srv.Connect(t))
	if _, err := typednats.RequestService(t.Context(), once, retryPlain, struct{}{}); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("without WithRetry: %v, want nats.ErrNoResponders", err)
	}
	// The service comes while the client tries.
	client := typednats.NewClient(srv.Connect(t), typednats.WithRetry(typednats.Retry{
		Attempts: 1 << 20, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
	}))
	tried := make(chan struct{}, 1)
	watch := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			tried <- struct{}{}
			return next(ctx, inv)
		}
	}
	failed := make(chan error, 1)
	go func() {
		_, err := typednats.RequestService(context.Background(), client, retryPlain, struct{}{}, typednats.WithInterceptors(watch))
		failed <- err
	}()
	<-tried
	svc, err := typednats.NewService(srv.Connect(t), typednats.ServiceConfig{Name: "late", Version: "1.0.0"},
		retryPlain.Handle(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Errorf("call: %v", err)
	}
	if err := svc.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRetryStaysInsideDeadline(t *testing.T) {
	t.Parallel()
	client := typednats.NewClient(typednatstest.Server(t), typednats.WithRetry(typednats.Retry{
		Attempts: 1000, Backoff: time.Hour, MaxBackoff: time.Hour,
	}))
	_, err := typednats.RequestService(t.Context(), client, retryPlain, struct{}{})
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("error %v, want nats.ErrNoResponders at once: the backoff is longer than the deadline", err)
	}
}

func TestBadClientOptionsAreReported(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for want, opt := range map[string]typednats.ClientOption{
		"WithDefaultTimeout":   typednats.WithDefaultTimeout(-time.Second),
		"Retry.Attempts":       typednats.WithRetry(typednats.Retry{Attempts: -1}),
		"Retry.Backoff":        typednats.WithRetry(typednats.Retry{Backoff: -1}),
		"Retry.MaxBackoff":     typednats.WithRetry(typednats.Retry{MaxBackoff: -1}),
		"Retry.AttemptTimeout": typednats.WithRetry(typednats.Retry{AttemptTimeout: -1}),
		"Content-Type":         typednats.WithDefaultHeader("Content-Type", "x"),
		"a key":                typednats.WithDefaultHeader("a key", "x"),
		"ClientOption":         nil,
	} {
		client := typednats.NewClient(nc, opt)
		_, err := typednats.RequestService(t.Context(), client, retryPlain, struct{}{})
		if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want ErrInvalidConfig about %s", err, want)
		}
	}
}

func TestDefaultHeader(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	got := make(chan nats.Header, 1)
	if _, err := nc.Subscribe("again", func(m *nats.Msg) {
		got <- m.Header
		_ = m.Respond(nil)
	}); err != nil {
		t.Fatal(err)
	}
	client := typednats.NewClient(nc, typednats.WithDefaultHeader("Tenant", "a"), typednats.WithDefaultHeader("Origin", "x"))
	_, err := typednats.RequestService(t.Context(), client, retryPlain, struct{}{}, typednats.WithHeader("Tenant", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if h := <-got; h.Get("Tenant") != "b" || h.Get("Origin") != "x" {
		t.Errorf("headers %v, want the call's Tenant and the client's Origin", h)
	}
}
