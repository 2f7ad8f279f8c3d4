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
	"github.com/typednats/typednats/typednatstest"
)

// barrier is a handler that returns once n of it run at the same time, and records how many did.
type barrier struct {
	n             int32
	full          chan struct{}
	running, peak atomic.Int32
	arrived       atomic.Int32
}

func newBarrier(n int32) *barrier { return &barrier{n: n, full: make(chan struct{})} }

func (b *barrier) handle(ctx context.Context, in note) (note, error) {
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
		return note{}, fmt.Errorf("fewer than %d handlers ran at a time: %w", b.n, ctx.Err())
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
			srv := typednatstest.Run(t)
			b := newBarrier(test.bound)
			start(t, srv.Connect(t), config(func(c *typednats.ServiceConfig) { c.MaxConcurrent = test.service }),
				echo.Handle(b.handle, test.opts...))
			raw := newRawClient(t, srv.Connect(t))
			requests := int(test.bound)*4 + 3
			for i := range requests {
				raw.send(strconv.Itoa(i), "echo", `{}`, typednats.TimeoutHeader, strconv.FormatInt(patience.Milliseconds(), 10))
			}
			for range requests {
				if name, failure, _ := raw.next(); failure != "" {
					t.Fatalf("reply to %s: %s", name, failure)
				}
			}
			compare(t, "handlers at a time", test.bound, b.peak.Load())
		})
	}
}

func TestOneHandlerAtATimeKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 200
	srv := typednatstest.Run(t)
	last := make([]int, senders) // without a lock: the race detector would see two handlers at a time
	var wrong []string
	s := start(t, srv.Connect(t), config(), echo.Handle(func(_ context.Context, in note) (note, error) {
		sender, number, _ := strings.Cut(in.Text, " ")
		from, _ := strconv.Atoi(sender)
		n, _ := strconv.Atoi(number)
		if n != last[from]+1 {
			wrong = append(wrong, fmt.Sprintf("sender %d: %d after %d", from, n, last[from]))
		}
		last[from] = n
		return in, nil
	}, typednats.WithMaxConcurrent(1)), echo.InSubject("noise").Handle(repeat))
	var wg sync.WaitGroup
	for from := range senders {
		nc := srv.Connect(t)
		wg.Go(func() {
			raw := newRawClient(t, nc)
			for n := 1; n <= each; n++ {
				raw.send(strconv.Itoa(n), "echo", fmt.Sprintf(`{"text":"%d %d"}`, from, n))
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
	if err := s.Stop(within(t)); err != nil {
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
			srv := typednatstest.Run(t)
			g := newGate()
			defer g.open()
			s := start(t, srv.Connect(t), config(), echo.Handle(g.handle,
				typednats.WithMaxConcurrent(test.concurrent), typednats.WithMaxPending(test.messages, test.bytes)))
			raw := newRawClient(t, srv.Connect(t))
			failures, atOnce := 0, 0
			for i, body := range test.bodies {
				raw.send(strconv.Itoa(i), "echo", body)
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
					g.open()
				}
				name, failure, _ := raw.next()
				at, _ := strconv.Atoi(name)
				if got[at] = failure; failure != refused {
					got[at], _, _ = strings.Cut(failure, ":")
				}
			}
			compare(t, "failures", test.want, got)
			raw.silent()
			stats, _ := s.EndpointStats("echo")
			compare(t, "requests and errors", [2]int{len(test.want), failures}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

func TestQueueHasRoomAgainOnceItIsEmpty(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	var gate atomic.Pointer[gate]
	start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		return gate.Load().handle(ctx, in)
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 4)))
	raw := newRawClient(t, srv.Connect(t))
	for round := range 3 {
		g := newGate()
		gate.Store(g)
		for range 4 {
			raw.send(strconv.Itoa(round), "echo", `{}`)
		}
		if _, failure, _ := raw.next(); failure != "503:too many requests" {
			t.Errorf("round %d: first reply %q", round, failure)
		}
		g.open()
		for range 3 {
			if _, failure, _ := raw.next(); failure != "" {
				t.Errorf("round %d: reply %q", round, failure)
			}
		}
	}
}

func TestFloodIsAnsweredToTheLast(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	s := start(t, srv.Connect(t), config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(2), typednats.WithMaxPending(3, 1000)))
	raw := newRawClient(t, srv.Connect(t))
	const requests = 10000
	for range requests {
		raw.send("x", "echo", `{}`)
	}
	for range requests - 5 {
		if _, failure, _ := raw.next(); failure != "503:too many requests" {
			t.Fatalf("reply %q", failure)
		}
	}
	g.open()
	for range 5 {
		if _, failure, _ := raw.next(); failure != "" {
			t.Errorf("reply %q", failure)
		}
	}
	raw.silent()
	stats, _ := s.EndpointStats("echo")
	compare(t, "requests and errors", [2]int{requests, requests - 5}, [2]int{stats.NumRequests, stats.NumErrors})
}

func TestRequestThatExpiredInTheQueueIsNotRun(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(raw *rawClient){
		"header": func(raw *rawClient) { raw.send("late", "echo", `{}`, typednats.TimeoutHeader, "1") },
		"token":  func(raw *rawClient) { raw.send("~1~~late", "echo", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			g := newGate()
			defer g.open()
			start(t, srv.Connect(t), config(), echo.Handle(g.handle,
				typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 1000)))
			raw := newRawClient(t, srv.Connect(t))
			raw.send("running", "echo", `{}`)
			send(raw)
			raw.send("patient", "echo", `{"text":"patient"}`, typednats.TimeoutHeader, "60000")
			raw.send("refused", "echo", `{}`)
			if name, failure, _ := raw.next(); name != "refused" { // so the others are in the queue
				t.Fatalf("reply to %s: %q", name, failure)
			}
			<-time.After(2 * time.Millisecond) // the deadline passes
			g.open()
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
			await(t, g.entered, "the first handler")
			compare(t, "second to run", note{"patient"}, await(t, g.entered, "the second handler"))
		})
	}
}

func TestHandlerThatIgnoresItsDeadlineIsStillAnswered(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		<-ctx.Done()
		return in, nil
	}))
	raw := newRawClient(t, srv.Connect(t))
	raw.send("x", "echo", `{"text":"late"}`, typednats.TimeoutHeader, "5")
	if _, failure, msg := raw.next(); failure != "" || string(msg.Data) != `{"text":"late"}` {
		t.Errorf("reply %q, %q", failure, msg.Data)
	}
}

func TestHandlerMayCallItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	const depth = 50 // more than there are idle readers
	for name, r := range map[string]typednats.Requester{"connection": nc, "client": client} {
		e := echo.InSubject("nested." + name)
		start(t, nc, config(), e.Handle(func(ctx context.Context, in note) (note, error) {
			if len(in.Text) == depth {
				return in, nil
			}
			return typednats.RequestService(ctx, r, e, note{in.Text + "."})
		}))
		out, err := typednats.RequestService(ctx, r, e, note{})
		if err != nil || len(out.Text) != depth {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func TestHandlerMayChangeItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	var s *typednats.Service
	ready := make(chan struct{})
	other := echo.InSubject("other")
	s = start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		<-ready
		s.Reset()
		return in, errors.Join(s.AddEndpoints(other.Handle(repeat)), s.RemoveEndpoint(ctx, "other"))
	}, typednats.WithMaxConcurrent(1)))
	close(ready)
	for range 3 {
		if _, err := typednats.RequestService(ctx, nc, echo, note{}); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorHandlerMayUseItsService(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	var service atomic.Pointer[typednats.Service]
	errs := make(chan error, 10)
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) {
			s := service.Load()
			s.Stats()
			s.Reset()
			errs <- errors.Join(s.AddEndpoints(echo.InSubject("other").Handle(repeat)), s.RemoveEndpoint(ctx, "other"))
		}
	}), echo.Handle(mixed, typednats.WithMaxConcurrent(1)))
	service.Store(s)
	for range 3 {
		_, err := typednats.RequestService(ctx, nc, echo, note{"undeclared"})
		compare(t, "failure", "500:internal error", codeOf(err))
		if err := await(t, errs, "the ErrorHandler"); err != nil {
			t.Error(err)
		}
	}
}

func TestServiceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, ctx := srv.Connect(t), within(t)
	before := nc.NumSubscriptions()
	s := start(t, nc, config(), echo.Handle(mixed, typednats.WithMaxConcurrent(2)))
	var wg sync.WaitGroup
	for i := range 4 {
		caller, own := srv.Connect(t), echo.InSubject(fmt.Sprint("own.", i))
		wg.Go(func() {
			for range 25 {
				if err := s.AddEndpoints(own.Handle(repeat)); err != nil {
					t.Errorf("AddEndpoints: %v", err)
				}
				for _, e := range []typednats.Endpoint[note, note, missing]{echo, own} {
					if _, err := typednats.RequestService(ctx, caller, e, note{}); err != nil {
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
				s.EndpointStats("echo")
				s.Reset()
			}
		})
	}
	wg.Wait()
	compare(t, "endpoints at the end", 1, len(s.Info().Endpoints))
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	compare(t, "subscriptions at the end", before, nc.NumSubscriptions())
}

func TestBlockedHandlersDoNotHoldUpOtherEndpoints(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller, ctx := srv.Connect(t), srv.Connect(t), within(t)
	g := newGate()
	defer g.open()
	free := echo.InSubject("free")
	s := start(t, nc, config(), echo.Handle(g.handle), free.Handle(repeat, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, caller)
	for range 1000 {
		raw.send("blocked", "echo", `{}`)
	}
	for range 100 {
		if _, err := typednats.RequestService(ctx, caller, free, note{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := caller.RequestWithContext(ctx, "$SRV.INFO.test."+s.ID(), nil); err != nil {
		t.Errorf("INFO: %v", err)
	}
}

// Bursts end readers and start them; one must always be left to read the next message.
func TestReadersSurviveBursts(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	caller := srv.Connect(t)
	const burst = 12
	var g atomic.Pointer[barrier]
	start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		return g.Load().handle(ctx, in)
	}))
	raw := newRawClient(t, caller)
	for range 200 {
		g.Store(newBarrier(burst)) // none returns before all run
		for i := range burst {
			raw.send(strconv.Itoa(i), "echo", `{}`)
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
	srv := typednatstest.RunSocket(t)
	again := make(chan struct{}, 10)
	nc := srv.Connect(t, nats.ReconnectWait(time.Millisecond), nats.ReconnectHandler(func(*nats.Conn) { again <- struct{}{} }))
	caller, ctx := srv.Connect(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	call := callAsync(ctx, caller, echo, note{"across"})
	await(t, g.entered, "the handler to run")
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	await(t, again, "the connection to be back")
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	// Until the server has noticed the end of the former connection, it may send requests there.
	fltUntil(t, "end of the former connection", func() bool { return srv.NumClients() == 2 })
	g.open()
	if got := await(t, call, "the reply"); got.err != nil || got.out.Text != "across" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
	if _, err := typednats.RequestService(ctx, caller, echo, note{}); err != nil {
		t.Errorf("call after the reconnect: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	nobodyServes(t, caller, "echo")
}

func TestStopWhileDisconnected(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	down := make(chan struct{}, 10)
	nc := srv.Connect(t, nats.MaxReconnects(-1), nats.ReconnectWait(time.Hour),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { down <- struct{}{} }))
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	newRawClient(t, nc).send("x", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	srv.Shutdown()
	await(t, down, "the connection to break")
	g.open()
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	await(t, s.Done(), "Done")
}
