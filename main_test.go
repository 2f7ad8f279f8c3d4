package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// svcPatience bounds every wait of a test. No test waits that long unless something is broken.
const svcPatience = 30 * time.Second

// svcText is the request and the reply of most endpoints here.
type svcText struct {
	Text string `json:"text"`
}

// svcMissing is a declared error.
type svcMissing struct {
	Item string `json:"item"`
}

func (e svcMissing) Error() string { return "no " + e.Item }

func (svcMissing) ErrorCode() int { return 404 }

// svcEcho is the contract of most endpoints here.
var svcEcho = typednats.NewEndpoint[svcText, svcText, svcMissing]("svc-echo")

// svcReflect is a handler that returns its request.
func svcReflect(_ context.Context, in svcText) (svcText, error) { return in, nil }

// svcConfig is a valid configuration that keeps the test's output clean.
func svcConfig(changes ...func(*typednats.ServiceConfig)) typednats.ServiceConfig {
	cfg := typednats.ServiceConfig{Name: "svc", Version: "1.2.3", Logger: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// svcStart starts a service that is stopped when the test ends.
func svcStart(
	tb testing.TB, nc *nats.Conn, cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint,
) *typednats.Service {
	tb.Helper()
	s, err := typednats.NewService(nc, cfg, endpoints...)
	if err != nil {
		tb.Fatalf("NewService: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), svcPatience)
		defer cancel()
		_ = s.Stop(ctx) // a test that minds has stopped it
	})
	return s
}

// svcContext is a context that ends with svcPatience or with the test.
func svcContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), svcPatience)
	tb.Cleanup(cancel)
	return ctx
}

// svcAwait returns what comes from a channel, or its zero value once it is closed.
func svcAwait[T any](tb testing.TB, ch <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(svcPatience):
		tb.Fatalf("waited %v for %s", svcPatience, what)
		panic("not reached")
	}
}

// svcEventually waits until condition holds, for what there is no event of.
func svcEventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(svcPatience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited %v for %s", svcPatience, what)
		}
	}
}

// svcGate is a handler that says when it runs and returns once it may. Release it before the service is stopped.
type svcGate struct {
	entered chan svcText         // one for each call
	ctxs    chan context.Context // the same
	open    chan struct{}        // closed to let all through
	once    sync.Once            // of opening
}

func newSvcGate() *svcGate {
	return &svcGate{
		entered: make(chan svcText, 1<<12),
		ctxs:    make(chan context.Context, 1<<12),
		open:    make(chan struct{}),
	}
}

func (g *svcGate) handle(ctx context.Context, in svcText) (svcText, error) {
	g.ctxs <- ctx
	g.entered <- in
	<-g.open
	return in, nil
}

func (g *svcGate) release() { g.once.Do(func() { close(g.open) }) }

// svcRaw sends requests as any NATS client would and collects the replies.
type svcRaw struct {
	tb      testing.TB
	nc      *nats.Conn
	inbox   string
	replies chan *nats.Msg
}

func newSvcRaw(tb testing.TB, nc *nats.Conn) *svcRaw {
	tb.Helper()
	r := &svcRaw{tb: tb, nc: nc, inbox: nc.NewInbox(), replies: make(chan *nats.Msg, 1<<15)}
	sub, err := nc.ChanSubscribe(r.inbox+".*", r.replies)
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	tb.Cleanup(func() { _ = sub.Unsubscribe() })
	return r
}

// send sends a request whose reply has the given name, with one header if a key and a value are given.
func (r *svcRaw) send(name, subject, body string, header ...string) {
	r.tb.Helper()
	msg := &nats.Msg{Subject: subject, Reply: r.inbox + "." + name, Data: []byte(body)}
	if len(header) == 2 {
		msg.Header = nats.Header{header[0]: {header[1]}}
	}
	if err := r.nc.PublishMsg(msg); err != nil {
		r.tb.Fatalf("publish: %v", err)
	}
}

// next returns the name of the next reply, and what it says: "" or code and description.
func (r *svcRaw) next() (name, failure string, msg *nats.Msg) {
	r.tb.Helper()
	msg = svcAwait(r.tb, r.replies, "a reply")
	return strings.TrimPrefix(msg.Subject, r.inbox+"."), svcFailure(msg), msg
}

// flush waits for the replies that the server has.
func (r *svcRaw) flush() {
	r.tb.Helper()
	if err := r.nc.FlushTimeout(svcPatience); err != nil {
		r.tb.Fatalf("flush: %v", err)
	}
}

// silent fails the test if the server has another reply.
func (r *svcRaw) silent() {
	r.tb.Helper()
	r.flush()
	select {
	case msg := <-r.replies:
		r.tb.Errorf("another reply came: %q %v", msg.Subject, msg.Header)
	default:
	}
}

// svcFailure is "" for a successful reply, else its code and description.
func svcFailure(msg *nats.Msg) string {
	if msg.Header.Get(micro.ErrorCodeHeader) == "" {
		return ""
	}
	return msg.Header.Get(micro.ErrorCodeHeader) + ":" + msg.Header.Get(micro.ErrorHeader)
}

// svcDiff reports a difference between what was wanted and what was got.
func svcDiff(tb testing.TB, what string, want, got any, opts ...cmp.Option) {
	tb.Helper()
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// svcCode returns the code and the description of the ServiceError that an error holds.
func svcCode(err error) string {
	se, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		return fmt.Sprintf("no ServiceError: %v", err)
	}
	return strconv.Itoa(se.Code) + ":" + se.Description
}

// svcReports collects what a service tells its ErrorHandler.
type svcReports chan typednats.ErrorReport

func (r svcReports) config(cfg *typednats.ServiceConfig) {
	cfg.ErrorHandler = func(report typednats.ErrorReport) { r <- report }
}
