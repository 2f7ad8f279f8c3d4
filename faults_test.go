package typednats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

const (
	// fltTimeout bounds the wait for an event that must come.
	fltTimeout = 60 * time.Second

	// fltLate is how long after its deadline a call may end before it counts as hanging. It is generous: what it is
	// there to find is a call that never ends.
	fltLate = 20 * time.Second
)

type fltMessage struct {
	Caller string
	Number int
	Pad    string `json:",omitempty"`
}

var fltEcho = typednats.NewEndpoint[fltMessage, fltMessage, typednats.Never]("flt-echo")

var fltConfig = typednats.ServiceConfig{Name: "flt", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler)}

// fltReceive waits for an event.
func fltReceive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(fltTimeout):
		t.Fatalf("%s did not come within %v", what, fltTimeout)
		panic("unreachable")
	}
}

// fltUntil waits for a state that no event tells of.
func fltUntil(t *testing.T, what string, reached func() bool) {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	timeout := time.After(fltTimeout)
	for !reached() {
		select {
		case <-look.C:
		case <-timeout:
			t.Fatalf("no %s within %v", what, fltTimeout)
		}
	}
}

// fltReconnecting is the options of a connection that comes back soon and never gives up.
func fltReconnecting(opts ...nats.Option) []nats.Option {
	return append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(10 * time.Millisecond), nats.ReconnectJitter(0, 0),
	}, opts...)
}

// fltSignal returns a handler that tells of an event, and where it tells.
func fltSignal() (nats.ConnHandler, <-chan struct{}) {
	events := make(chan struct{}, 1)
	return func(*nats.Conn) {
		select {
		case events <- struct{}{}:
		default:
		}
	}, events
}

func fltServe(
	t *testing.T, nc *nats.Conn, cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint,
) *typednats.Service {
	t.Helper()
	svc, err := typednats.NewService(nc, cfg, endpoints...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), fltTimeout)
		defer cancel()
		if err := svc.Stop(ctx); err != nil && !errors.Is(err, typednats.ErrAbandoned) {
			t.Errorf("stop: %v", err)
		}
	})
	return svc
}

// fltGoroutines labels the goroutine of the test and returns a count of those that stem from it, itself included.
// Other tests run at the same time, so the count of all goroutines says nothing.
func fltGoroutines(t *testing.T) func() int {
	t.Helper()
	label := "test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("flt", label)))
	return func() int {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			t.Error(err)
		}
		n := 0
		for stack := range strings.SplitSeq(profile.String(), "\n\n") {
			if !strings.Contains(stack, label) {
				continue
			}
			first := strings.TrimLeft(stack, "\n")
			if strings.HasPrefix(first, "goroutine profile:") {
				_, first, _ = strings.Cut(first, "\n")
			}
			count, _, _ := strings.Cut(first, " ")
			same, err := strconv.Atoi(count)
			if err != nil {
				t.Errorf("count of goroutines in %q: %v", first, err)
			}
			n += same
		}
		return n
	}
}

// fltLoad calls an endpoint again and again until it is told to stop.
type fltLoad struct {
	t       *testing.T
	quit    chan struct{}
	callers sync.WaitGroup

	replies, failures atomic.Int64
	mu                sync.Mutex
	kinds             map[string]int // of failures
}

// fltClearFailures is what a call may say when the network fails it.
var fltClearFailures = []error{
	context.DeadlineExceeded, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
}

// start adds a caller. Its calls have so much time each.
func (l *fltLoad) start(r typednats.Requester, e typednats.Endpoint[fltMessage, fltMessage, typednats.Never], each time.Duration) {
	name := fmt.Sprintf("%p", r)
	l.callers.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.quit:
				return
			default:
				l.call(r, e, each, fltMessage{Caller: name, Number: n})
			}
		}
	})
}

func (l *fltLoad) call(
	r typednats.Requester, e typednats.Endpoint[fltMessage, fltMessage, typednats.Never], each time.Duration, m fltMessage,
) {
	ctx, cancel := context.WithTimeout(context.Background(), each)
	defer cancel()
	deadline, _ := ctx.Deadline()
	got, err := typednats.RequestService(ctx, r, e, m)
	if late := time.Since(deadline); late > fltLate {
		l.t.Errorf("call ended %v after its deadline: %v", late, err)
	}
	if err == nil {
		if got != m {
			l.t.Errorf("reply %v, want %v", got, m)
		}
		l.replies.Add(1)
		return
	}
	l.failures.Add(1)
	kind := "unclear"
	for _, expected := range fltClearFailures {
		if errors.Is(err, expected) {
			kind = expected.Error()
		}
	}
	if kind == "unclear" {
		l.t.Errorf("call failed unclearly: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[kind]++
}

// more waits for so many replies from now on.
func (l *fltLoad) more(replies int64) {
	l.t.Helper()
	until := l.replies.Load() + replies
	fltUntil(l.t, fmt.Sprintf("%d replies", until), func() bool { return l.replies.Load() >= until })
}

// stop ends the callers.
func (l *fltLoad) stop() {
	close(l.quit)
	l.callers.Wait()
	l.t.Logf("%d replies, %d failures %v", l.replies.Load(), l.failures.Load(), l.kinds)
}

func newFltLoad(t *testing.T) *fltLoad {
	t.Helper()
	return &fltLoad{t: t, quit: make(chan struct{}), kinds: make(map[string]int)}
}

// fltPort makes a server listen where an earlier one has.
func fltPort(port int) func(*server.Options) {
	return func(o *server.Options) { o.Port = port }
}

func TestServiceAndClientSurviveServerRestart(t *testing.T) {
	t.Parallel()
	goroutines := fltGoroutines(t)
	srv := typednatstest.RunSocket(t)
	port := srv.Addr().(*net.TCPAddr).Port

	var ran atomic.Int64
	handler := func(_ context.Context, m fltMessage) (fltMessage, error) {
		ran.Add(1)
		return m, nil
	}
	back1, serviceIsBack := fltSignal()
	back2, clientIsBack := fltSignal()
	gone, clientIsGone := fltSignal()
	svc := fltServe(t, srv.Connect(t, fltReconnecting(nats.ReconnectHandler(back1))...), fltConfig,
		fltEcho.Handle(handler), fltEcho.InSubject("flt-all").WithoutQueueGroup().Handle(handler))
	nc := srv.Connect(t, fltReconnecting(nats.ReconnectHandler(back2),
		nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) { gone(nc) }))...)
	client := typednats.NewClient(nc)

	load := newFltLoad(t)
	for range 4 {
		load.start(client, fltEcho, 200*time.Millisecond)
		load.start(client, fltEcho.InSubject("flt-all"), 200*time.Millisecond)
		load.start(nc, fltEcho, 200*time.Millisecond)
	}
	load.more(500)
	subscriptions, before := srv.NumSubscriptions(), goroutines()

	srv.Shutdown()
	srv.WaitForShutdown()
	fltReceive(t, "the end of the connection", clientIsGone)
	failed := load.failures.Load()
	fltUntil(t, "failure of each caller", func() bool { return load.failures.Load() >= failed+3*12 })
	srv = typednatstest.RunSocket(t, fltPort(port))
	fltReceive(t, "the service", serviceIsBack)
	fltReceive(t, "the client", clientIsBack)
	load.more(500)
	fltUntil(t, "same number of subscriptions as before", func() bool { return srv.NumSubscriptions() == subscriptions })
	fltUntil(t, "end of the goroutines that the outage needed", func() bool { return goroutines() <= before+10 })
	load.stop()

	stats, err := discovery.New(srv.Connect(t)).StatsInstance(t.Context(), "flt", svc.ID())
	if err != nil {
		t.Fatalf("the service does not answer $SRV.STATS: %v", err)
	}
	var requests, failures int64
	for _, e := range stats.Endpoints {
		if e.NumErrors > e.NumRequests {
			t.Errorf("endpoint %q has %d errors of %d requests", e.Subject, e.NumErrors, e.NumRequests)
		}
		requests, failures = requests+int64(e.NumRequests), failures+int64(e.NumErrors)
	}
	// The handler never fails, so an error is a request that was refused.
	if got := ran.Load(); got != requests-failures {
		t.Errorf("the handler ran %d times, want %d requests less %d errors", got, requests, failures)
	}
	if got := load.replies.Load(); got > requests-failures {
		t.Errorf("%d replies came of %d requests", got, requests-failures)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := svc.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	fltUntil(t, "end of the subscriptions", func() bool { return srv.NumSubscriptions() < subscriptions })
}

func fltConnect(t *testing.T, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// fltHeld is an endpoint whose handlers wait until they are released.
type fltHeld struct {
	started, release chan struct{}
	ended            chan error // the state of the handler's context when it ended
}

func newFltHeld() *fltHeld {
	return &fltHeld{started: make(chan struct{}, 64), release: make(chan struct{}), ended: make(chan error, 64)}
}

func (h *fltHeld) handle(ctx context.Context, m fltMessage) (fltMessage, error) {
	h.started <- struct{}{}
	<-h.release
	h.ended <- ctx.Err()
	return m, nil
}

// A client waits two seconds before it reconnects to the only server it knows, unless told otherwise. Its caller still
// waits, so the handler must not be told that it is gone.
func TestReconnectingCallerIsNotGone(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	held := newFltHeld()
	fltServe(t, srv.Connect(t), fltConfig, fltEcho.Handle(held.handle))
	asked := make(chan struct{}, 1)
	observer := srv.Connect(t)
	look, err := observer.Subscribe("_INBOX.*.~0~~0", func(*nats.Msg) { asked <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if err := look.AutoUnsubscribe(1); err != nil { // for the next one, somebody would be there
		t.Fatal(err)
	}
	if err := observer.Flush(); err != nil {
		t.Fatal(err)
	}
	back, isBack := fltSignal()
	nc := srv.Connect(t, nats.ReconnectHandler(back))
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), fltTimeout)
		defer cancel()
		_, err := typednats.RequestService(ctx, typednats.NewClient(nc), fltEcho, fltMessage{})
		ended <- err
	}()
	fltReceive(t, "the start of the handler", held.started)
	fltReceive(t, "the first look after the caller", asked)
	id, err := nc.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.DisconnectClientByID(id); err != nil {
		t.Fatal(err)
	}
	fltReceive(t, "the caller's connection", isBack)
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	close(held.release)
	if err := fltReceive(t, "the end of the handler", held.ended); err != nil {
		t.Errorf("the handler's context ended although the caller waits: %v", err)
	}
	if err := fltReceive(t, "the end of the call", ended); err != nil {
		t.Errorf("call: %v", err)
	}
}

func TestWithoutJetStream(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.JetStream = false })
	if srv.JetStreamEnabled() {
		t.Fatal("JetStream is on")
	}
	fltServe(t, srv.Connect(t), fltConfig, fltEcho.Handle(func(_ context.Context, m fltMessage) (fltMessage, error) {
		return m, nil
	}))
	want := fltMessage{Caller: "me", Number: 1}
	got, err := typednats.RequestService(t.Context(), typednats.NewClient(srv.Connect(t)), fltEcho, want)
	if err != nil || got != want {
		t.Errorf("reply %v, %v, want %v", got, err, want)
	}
}

func TestPayloadTooLarge(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.MaxPayload = 8 << 10 })
	reports := make(chan typednats.ErrorReport, 1)
	cfg := fltConfig
	cfg.ErrorHandler = func(r typednats.ErrorReport) { reports <- r }
	var ran atomic.Int64
	grow := func(_ context.Context, m fltMessage) (fltMessage, error) {
		ran.Add(1)
		m.Pad = strings.Repeat("x", m.Number)
		return m, nil
	}
	fltServe(t, srv.Connect(t), cfg, fltEcho.Handle(grow))
	nc := srv.Connect(t)
	for name, r := range map[string]typednats.Requester{"Client": typednats.NewClient(nc), "Conn": nc} {
		_, err := typednats.RequestService(t.Context(), r, fltEcho, fltMessage{Pad: strings.Repeat("x", 8<<10)})
		if !errors.Is(err, nats.ErrMaxPayload) {
			t.Errorf("%s: request that is too large: %v, want nats.ErrMaxPayload", name, err)
		}
		if n := ran.Swap(0); n != 0 {
			t.Errorf("%s: a request that is too large was run", name)
		}
		_, err = typednats.RequestService(t.Context(), r, fltEcho, fltMessage{Number: 8 << 10})
		if se, ok := errors.AsType[*typednats.ServiceError](err); !ok || se.Code != 500 {
			t.Errorf("%s: reply that is too large: %v, want code 500", name, err)
		}
		if report := fltReceive(t, "the report", reports); !errors.Is(report.Err, nats.ErrMaxPayload) {
			t.Errorf("%s: report %v, want nats.ErrMaxPayload", name, report.Err)
		}
		if got, err := typednats.RequestService(t.Context(), r, fltEcho, fltMessage{Number: 4 << 10}); len(got.Pad) != 4<<10 {
			t.Errorf("%s: reply of %d bytes, %v", name, len(got.Pad), err)
		}
		ran.Store(0)
	}
}

// fltMany makes so many calls from 64 goroutines and returns when all have ended.
func fltMany(calls int, call func(n int)) {
	var callers sync.WaitGroup
	var next atomic.Int64
	for range 64 {
		callers.Go(func() {
			for n := next.Add(1); n <= int64(calls); n = next.Add(1) {
				call(int(n))
			}
		})
	}
	callers.Wait()
}

// fltHeap is what is in use after a collection, by all tests that run now.
func fltHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestHandlerThatNeverReturnsNormally(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		calls int
		fail  func(n int)
	}{
		"panic":                 {100_000, func(n int) { panic(n) }},
		"panic with an error":   {1_000, func(n int) { _ = strings.Repeat("x", -n) }},
		"runtime.Goexit":        {1_000, func(int) { runtime.Goexit() }},
		"panic and then Goexit": {1_000, func(n int) { defer runtime.Goexit(); panic(n) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goroutines := fltGoroutines(t)
			srv := typednatstest.Run(t)
			var reports atomic.Int64
			cfg := fltConfig
			cfg.ErrorHandler = func(typednats.ErrorReport) { reports.Add(1) }
			svc := fltServe(t, srv.Connect(t), cfg, fltEcho.Handle(func(_ context.Context, m fltMessage) (fltMessage, error) {
				if m.Number > 0 {
					test.fail(m.Number)
				}
				return m, nil
			}, typednats.WithMaxConcurrent(8)))
			client := typednats.NewClient(srv.Connect(t), typednats.WithDefaultTimeout(fltTimeout))
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{}); err != nil {
				t.Fatal(err)
			}
			before, heap := goroutines(), fltHeap()
			fltMany(test.calls, func(n int) {
				_, err := typednats.RequestService(context.Background(), client, fltEcho, fltMessage{Number: n})
				if se, ok := errors.AsType[*typednats.ServiceError](err); !ok || se.Code != 500 {
					t.Errorf("call %d: %v, want code 500", n, err)
				}
			})
			if _, err := typednats.RequestService(t.Context(), client, fltEcho, fltMessage{}); err != nil {
				t.Errorf("call after %d failures: %v", test.calls, err)
			}
			fltUntil(t, "end of the goroutines", func() bool { return goroutines() <= before+16 })
			if now := fltHeap(); now > heap+256<<20 {
				t.Errorf("the heap grew from %d to %d MB", heap>>20, now>>20)
			}
			fltUntil(t, "report of each failure", func() bool { return reports.Load() == int64(test.calls) })
			stats, _ := svc.EndpointStats(fltEcho.Name())
			if stats.NumRequests != test.calls+2 || stats.NumErrors != test.calls {
				t.Errorf("%d requests and %d errors, want %d and %d", stats.NumRequests, stats.NumErrors, test.calls+2, test.calls)
			}
			if err := svc.Stop(t.Context()); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestStopWithHandlerThatNeverReturns(t *testing.T) {
	t.Parallel()
	goroutines := fltGoroutines(t)
	srv := typednatstest.Run(t)
	held := newFltHeld()
	nc := srv.Connect(t)
	before := goroutines()
	svc := fltServe(t, srv.Connect(t), fltConfig, fltEcho.Handle(held.handle, typednats.WithMaxConcurrent(2)))
	for range 5 {
		if err := nc.PublishRequest(fltEcho.Subject(), nc.NewInbox(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	fltReceive(t, "the first handler", held.started)
	fltReceive(t, "the second handler", held.started)
	fltUntil(t, "queue behind them", func() bool {
		stats, _ := svc.EndpointStats(fltEcho.Name())
		return stats.NumRequests == 5
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := svc.Stop(ctx)
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "2 handlers are still running, 3 requests were refused") {
		t.Errorf("stop: %v, want ErrAbandoned that counts 2 handlers and 3 requests", err)
	}
	fltReceive(t, "the end of the service", svc.Done())
	if again := svc.Stop(t.Context()); !errors.Is(again, err) {
		t.Errorf("second stop: %v, want the same as the first", again)
	}
	close(held.release)
	fltUntil(t, "end of the goroutines", func() bool { return goroutines() <= before+8 }) // the connection has some
}
