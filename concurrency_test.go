package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/natstest"
)

// svcBarrier is a handler that returns once n of it run at the same time, and records how many did.
type svcBarrier struct {
	n             int32
	full          chan struct{}
	running, peak atomic.Int32
	arrived       atomic.Int32
}

func newSvcBarrier(n int32) *svcBarrier { return &svcBarrier{n: n, full: make(chan struct{})} }

func (b *svcBarrier) handle(ctx context.Context, in svcText) (svcText, error) {
	running := b.running.Add(1)
	defer b.running.Add(-1)
	for peak := b.peak.Load(); running > peak && !b.peak.CompareAndSwap(peak, running); peak = b.peak.Load() {
		continue
	}
	if b.arrived.Add(1) == b.n {
		close(b.full)
	}
	select {
	case <-b.full:
		return in, nil
	case <-ctx.Done():
		return svcText{}, fmt.Errorf("fewer than %d handlers ran at a time: %w", b.n, ctx.Err())
	}
}

func TestHandlersRunConcurrentlyUpToTheBound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bound   int32
		service int
		opts    []typednats.HandlerOption
	}{
		"endpoint's":                    {bound: 5, opts: []typednats.HandlerOption{typednats.WithMaxConcurrent(5)}},
		"service's":                     {bound: 3, service: 3},
		"endpoint's over the service's": {bound: 4, service: 2, opts: []typednats.HandlerOption{typednats.WithMaxConcurrent(4)}},
		"last option counts": {bound: 2, opts: []typednats.HandlerOption{
			typednats.WithMaxConcurrent(9), typednats.WithMaxConcurrent(2),
		}},
		"default": {bound: typednats.DefaultMaxConcurrent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Run(t)
			b := newSvcBarrier(test.bound)
			svcStart(t, srv.Connect(t), svcConfig(func(c *typednats.ServiceConfig) { c.MaxConcurrent = test.service }),
				svcEcho.Handle(b.handle, test.opts...))
			raw := newSvcRaw(t, srv.Connect(t))
			requests := int(test.bound)*4 + 3
			for i := range requests {
				raw.send(strconv.Itoa(i), "svc-echo", `{}`, typednats.TimeoutHeader, strconv.FormatInt(svcPatience.Milliseconds(), 10))
			}
			for range requests {
				if name, failure, _ := raw.next(); failure != "" {
					t.Fatalf("reply to %s: %s", name, failure)
				}
			}
			svcDiff(t, "handlers at a time", test.bound, b.peak.Load())
		})
	}
}

func TestOneHandlerAtATimeKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 200
	srv := natstest.Run(t)
	last := make([]int, senders) // without a lock: the race detector would see two handlers at a time
	var wrong []string
	s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(_ context.Context, in svcText) (svcText, error) {
		sender, number, _ := strings.Cut(in.Text, " ")
		from, _ := strconv.Atoi(sender)
		n, _ := strconv.Atoi(number)
		if n != last[from]+1 {
			wrong = append(wrong, fmt.Sprintf("sender %d: %d after %d", from, n, last[from]))
		}
		last[from] = n
		return in, nil
	}, typednats.WithMaxConcurrent(1)), svcEcho.InSubject("noise").Handle(svcReflect))
	var wg sync.WaitGroup
	for from := range senders {
		nc := srv.Connect(t)
		wg.Go(func() {
			raw := newSvcRaw(t, nc)
			for n := 1; n <= each; n++ {
				raw.send(strconv.Itoa(n), "svc-echo", fmt.Sprintf(`{"text":"%d %d"}`, from, n))
				raw.send("noise", "noise", `{}`)
			}
			for n := 1; n <= each; {
				name, failure, _ := raw.next()
				if name == "noise" {
					continue
				}
				if failure != "" || name != strconv.Itoa(n) {
					t.Errorf("reply %d of sender %d is to %s: %q", n, from, name, failure)
				}
				n++
			}
		})
	}
	wg.Wait()
	if err := s.Stop(svcContext(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if len(wrong) > 0 {
		t.Errorf("out of order: %v", wrong)
	}
}

func TestFullEndpointRefusesAtOnce(t *testing.T) {
	t.Parallel()
	const refused = "503:too many requests"
	for name, test := range map[string]struct {
		concurrent, messages, bytes int
		bodies                      []string
		want                        []string // failures, in the order of the requests
	}{
		"messages": {
			2, 3, 1 << 20, []string{"{}", "{}", "{}", "{}", "{}", "{}", "{}"},
			[]string{"", "", "", "", "", refused, refused},
		},
		"bytes": {
			1, 100, 10, []string{`{}`, `{"text":1}`, `{}`, `{"text":1}`},
			[]string{"", "400", refused, refused},
		},
		"bytes, smaller ones fit": {
			1, 100, 10, []string{`{}`, `{"text":""}`, `{}  `, `{}`, `{}`, `{}  `},
			[]string{"", refused, "", "", "", refused},
		},
		"no queue":          {1, 0, 0, []string{"{}", "{}", "{}"}, []string{"", refused, refused}},
		"no messages":       {1, 0, 1 << 20, []string{"{}", "{}", "{}"}, []string{"", refused, refused}},
		"no bytes":          {1, 5, 0, []string{"{}", "{}", "{}"}, []string{"", refused, refused}},
		"no bytes, no body": {1, 5, 0, []string{"{}", "", ""}, []string{"", refused, refused}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Run(t)
			g := newSvcGate()
			defer g.release()
			s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(g.handle,
				typednats.WithMaxConcurrent(test.concurrent), typednats.WithMaxPending(test.messages, test.bytes)))
			raw := newSvcRaw(t, srv.Connect(t))
			failures, atOnce := 0, 0
			for i, body := range test.bodies {
				raw.send(strconv.Itoa(i), "svc-echo", body)
				if test.want[i] != "" {
					failures++
				}
				if test.want[i] == refused {
					atOnce++
				}
			}
			got := make([]string, len(test.want))
			for i := range test.want { // replies of those that run, or are refused, at the same time come in any order
				if i == atOnce {
					g.release()
				}
				name, failure, _ := raw.next()
				at, _ := strconv.Atoi(name)
				if got[at] = failure; failure != refused {
					got[at], _, _ = strings.Cut(failure, ":")
				}
			}
			svcDiff(t, "failures", test.want, got)
			raw.silent()
			stats, _ := s.EndpointStats("svc-echo")
			svcDiff(t, "requests and errors", [2]int{len(test.want), failures}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

func TestQueueHasRoomAgainOnceItIsEmpty(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	var gate atomic.Pointer[svcGate]
	svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		return gate.Load().handle(ctx, in)
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 4)))
	raw := newSvcRaw(t, srv.Connect(t))
	for round := range 3 {
		g := newSvcGate()
		gate.Store(g)
		for range 4 {
			raw.send(strconv.Itoa(round), "svc-echo", `{}`)
		}
		if _, failure, _ := raw.next(); failure != "503:too many requests" {
			t.Errorf("round %d: first reply %q", round, failure)
		}
		g.release()
		for range 3 {
			if _, failure, _ := raw.next(); failure != "" {
				t.Errorf("round %d: reply %q", round, failure)
			}
		}
	}
}

func TestFloodIsAnsweredToTheLast(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(g.handle, typednats.WithMaxConcurrent(2), typednats.WithMaxPending(3, 1000)))
	raw := newSvcRaw(t, srv.Connect(t))
	const requests = 10000
	for range requests {
		raw.send("x", "svc-echo", `{}`)
	}
	for range requests - 5 {
		if _, failure, _ := raw.next(); failure != "503:too many requests" {
			t.Fatalf("reply %q", failure)
		}
	}
	g.release()
	for range 5 {
		if _, failure, _ := raw.next(); failure != "" {
			t.Errorf("reply %q", failure)
		}
	}
	raw.silent()
	stats, _ := s.EndpointStats("svc-echo")
	svcDiff(t, "requests and errors", [2]int{requests, requests - 5}, [2]int{stats.NumRequests, stats.NumErrors})
}

func TestRequestThatExpiredInTheQueueIsNotRun(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(raw *svcRaw){
		"header": func(raw *svcRaw) { raw.send("late", "svc-echo", `{}`, typednats.TimeoutHeader, "1") },
		"token":  func(raw *svcRaw) { raw.send("~1~~late", "svc-echo", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Run(t)
			g := newSvcGate()
			defer g.release()
			svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(g.handle,
				typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 1000)))
			raw := newSvcRaw(t, srv.Connect(t))
			raw.send("running", "svc-echo", `{}`)
			send(raw)
			raw.send("patient", "svc-echo", `{"text":"patient"}`, typednats.TimeoutHeader, "60000")
			raw.send("refused", "svc-echo", `{}`)
			if name, failure, _ := raw.next(); name != "refused" { // so the others are in the queue
				t.Fatalf("reply to %s: %q", name, failure)
			}
			<-time.After(2 * time.Millisecond) // the deadline passes
			g.release()
			if name, failure, _ := raw.next(); name != "running" || failure != "" {
				t.Errorf("reply to %s: %q", name, failure)
			}
			name, failure, _ := raw.next()
			if !strings.HasSuffix(name, "late") || failure != "504:the caller's deadline passed before the handler ran" {
				t.Errorf("reply to %s: %q, want code 504", name, failure)
			}
			if name, failure, _ := raw.next(); name != "patient" || failure != "" {
				t.Errorf("reply to %s: %q", name, failure)
			}
			svcAwait(t, g.entered, "the first handler")
			svcDiff(t, "second to run", svcText{"patient"}, svcAwait(t, g.entered, "the second handler"))
		})
	}
}

func TestHandlerThatIgnoresItsDeadlineIsStillAnswered(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		<-ctx.Done()
		return in, nil
	}))
	raw := newSvcRaw(t, srv.Connect(t))
	raw.send("x", "svc-echo", `{"text":"late"}`, typednats.TimeoutHeader, "5")
	if _, failure, msg := raw.next(); failure != "" || string(msg.Data) != `{"text":"late"}` {
		t.Errorf("reply %q, %q", failure, msg.Data)
	}
}

func TestHandlerMayCallItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	const depth = 50 // more than there are idle readers
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		e := svcEcho.InSubject("nested." + name)
		svcStart(t, nc, svcConfig(), e.Handle(func(ctx context.Context, in svcText) (svcText, error) {
			if len(in.Text) == depth {
				return in, nil
			}
			return typednats.RequestService(ctx, r, e, svcText{in.Text + "."})
		}))
		out, err := typednats.RequestService(ctx, r, e, svcText{})
		if err != nil || len(out.Text) != depth {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func TestHandlerMayChangeItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	var s *typednats.Service
	ready := make(chan struct{})
	other := svcEcho.InSubject("other")
	s = svcStart(t, nc, svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		<-ready
		s.Reset()
		return in, errors.Join(s.AddEndpoints(other.Handle(svcReflect)), s.RemoveEndpoint(ctx, "other"))
	}, typednats.WithMaxConcurrent(1)))
	close(ready)
	for range 3 {
		if _, err := typednats.RequestService(ctx, nc, svcEcho, svcText{}); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorHandlerMayUseItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	var service atomic.Pointer[typednats.Service]
	errs := make(chan error, 10)
	s := svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) {
			s := service.Load()
			s.Stats()
			s.Reset()
			errs <- errors.Join(s.AddEndpoints(svcEcho.InSubject("other").Handle(svcReflect)), s.RemoveEndpoint(ctx, "other"))
		}
	}), svcEcho.Handle(svcMixed, typednats.WithMaxConcurrent(1)))
	service.Store(s)
	for range 3 {
		_, err := typednats.RequestService(ctx, nc, svcEcho, svcText{"undeclared"})
		svcDiff(t, "failure", "500:internal error", svcCode(err))
		if err := svcAwait(t, errs, "the ErrorHandler"); err != nil {
			t.Error(err)
		}
	}
}

func TestServiceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, ctx := srv.Connect(t), svcContext(t)
	before := nc.NumSubscriptions()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcMixed, typednats.WithMaxConcurrent(2)))
	var wg sync.WaitGroup
	for i := range 4 {
		caller, own := srv.Connect(t), svcEcho.InSubject(fmt.Sprint("own.", i))
		wg.Go(func() {
			for range 25 {
				if err := s.AddEndpoints(own.Handle(svcReflect)); err != nil {
					t.Errorf("AddEndpoints: %v", err)
				}
				for _, e := range []typednats.Endpoint[svcText, svcText, svcMissing]{svcEcho, own} {
					if _, err := typednats.RequestService(ctx, caller, e, svcText{}); err != nil {
						t.Errorf("call %q: %v", e.Subject(), err)
					}
				}
				if err := s.RemoveEndpoint(ctx, own.Subject()); err != nil {
					t.Errorf("RemoveEndpoint: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 100 {
				s.Info()
				s.Stats()
				s.EndpointStats("svc-echo")
				s.Reset()
			}
		})
	}
	wg.Wait()
	svcDiff(t, "endpoints at the end", 1, len(s.Info().Endpoints))
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	svcDiff(t, "subscriptions at the end", before, nc.NumSubscriptions())
}

func TestBlockedHandlersDoNotHoldUpOtherEndpoints(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	free := svcEcho.InSubject("free")
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle), free.Handle(svcReflect, typednats.WithMaxConcurrent(1)))
	raw := newSvcRaw(t, caller)
	for range 1000 {
		raw.send("blocked", "svc-echo", `{}`)
	}
	for range 100 {
		if _, err := typednats.RequestService(ctx, caller, free, svcText{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := caller.RequestWithContext(ctx, "$SRV.INFO.svc."+s.ID(), nil); err != nil {
		t.Errorf("INFO: %v", err)
	}
}

// Bursts end readers and start them; one must always be left to read the next message.
func TestReadersSurviveBursts(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	caller := srv.Connect(t)
	const burst = 12
	var g atomic.Pointer[svcBarrier]
	svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		return g.Load().handle(ctx, in)
	}))
	raw := newSvcRaw(t, caller)
	for range 200 {
		g.Store(newSvcBarrier(burst)) // none returns before all run
		for i := range burst {
			raw.send(strconv.Itoa(i), "svc-echo", `{}`)
		}
		for range burst {
			if name, failure, _ := raw.next(); failure != "" {
				t.Fatalf("reply to %s: %s", name, failure)
			}
		}
	}
}

func TestServiceSurvivesReconnect(t *testing.T) {
	t.Parallel()
	srv := natstest.RunSocket(t)
	again := make(chan struct{}, 10)
	nc := srv.Connect(t, nats.ReconnectWait(time.Millisecond), nats.ReconnectHandler(func(*nats.Conn) { again <- struct{}{} }))
	caller, ctx := srv.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
	call := svcGo(ctx, caller, svcEcho, svcText{"across"})
	svcAwait(t, g.entered, "the handler to run")
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	svcAwait(t, again, "the connection to be back")
	if err := nc.FlushTimeout(svcPatience); err != nil {
		t.Fatal(err)
	}
	// Until the server has noticed the end of the former connection, it may send requests there.
	fltUntil(t, "end of the former connection", func() bool { return srv.NumClients() == 2 })
	g.release()
	if got := svcAwait(t, call, "the reply"); got.err != nil || got.out.Text != "across" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
	if _, err := typednats.RequestService(ctx, caller, svcEcho, svcText{}); err != nil {
		t.Errorf("call after the reconnect: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	svcNobodyServes(t, caller, "svc-echo")
}

func TestStopWhileDisconnected(t *testing.T) {
	t.Parallel()
	srv := natstest.RunSocket(t)
	down := make(chan struct{}, 10)
	nc := srv.Connect(t, nats.MaxReconnects(-1), nats.ReconnectWait(time.Hour),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { down <- struct{}{} }))
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(g.handle))
	newSvcRaw(t, nc).send("x", "svc-echo", `{}`)
	svcAwait(t, g.entered, "the handler to run")
	srv.Shutdown()
	svcAwait(t, down, "the connection to break")
	g.release()
	if err := s.Stop(svcContext(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	svcAwait(t, s.Done(), "Done")
}
