package typednats_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	var current atomic.Pointer[gate]
	start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		return current.Load().handle(ctx, in)
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 4)))
	raw := newRawClient(t, srv.Connect(t))
	for round := range 3 {
		g := newGate()
		defer g.open()
		current.Store(g)
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

// It kept its place until its turn, and its caller heard of it then.
func TestRequestThatExpiredInTheQueueLeavesIt(t *testing.T) {
	t.Parallel()
	const late = "504:the time for the request was over before the handler ran"
	for name, send := range map[string]func(raw *rawClient){
		"header": func(raw *rawClient) { raw.send("late", "echo", `{}`, typednats.TimeoutHeader, "1") },
		"token":  func(raw *rawClient) { raw.send("~1~~late", "echo", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			g := newGate()
			defer g.open()
			s := start(t, srv.Connect(t), config(), echo.Handle(g.handle,
				typednats.WithMaxConcurrent(1), typednats.WithMaxPending(2, 1000)))
			raw := newRawClient(t, srv.Connect(t))
			raw.send("running", "echo", `{}`)
			raw.send("patient", "echo", `{"text":"patient"}`, typednats.TimeoutHeader, "60000")
			await(t, g.entered, "the first handler")
			for range 3 { // there is room for another each time
				send(raw)
				if name, failure, _ := raw.next(); !strings.HasSuffix(name, "late") || failure != late {
					t.Errorf("reply to %s: %q, want %q", name, failure, late)
				}
			}
			raw.send("last", "echo", `{"text":"last"}`)
			raw.send("refused", "echo", `{}`)
			if name, failure, _ := raw.next(); name != "refused" || failure != "503:too many requests" {
				t.Errorf("reply to %s: %q", name, failure)
			}
			g.open()
			for _, want := range []string{"running", "patient", "last"} {
				if name, failure, _ := raw.next(); name != want || failure != "" {
					t.Errorf("reply to %s: %q, want one to %s", name, failure, want)
				}
			}
			compare(t, "second to run", note{"patient"}, await(t, g.entered, "the second handler"))
			compare(t, "third to run", note{"last"}, await(t, g.entered, "the third handler"))
			stats, _ := s.EndpointStats("echo")
			compare(t, "requests and errors", [2]int{7, 4}, [2]int{stats.NumRequests, stats.NumErrors})
		})
	}
}

// Those whose time is over first leave first, wherever they are in the queue, and the others keep their order.
func TestQueueKeepsItsOrderWhenTimesEnd(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	start(t, srv.Connect(t), config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, srv.Connect(t))
	raw.send("running", "echo", `{}`)
	await(t, g.entered, "the first handler")
	for _, r := range [][2]string{
		{"a", "60000"}, {"late 3", "150"}, {"late 1", "50"}, {"b", "70000"}, {"late 2", "100"}, {"c", "50000"}, {"d", ""},
	} {
		raw.send(strings.ReplaceAll(r[0], " ", "-"), "echo", `{}`, typednats.TimeoutHeader, r[1])
	}
	for _, want := range []string{"late-1", "late-2", "late-3"} {
		if name, failure, _ := raw.next(); name != want || !strings.HasPrefix(failure, "504:") {
			t.Errorf("reply to %s: %q, want one to %s", name, failure, want)
		}
	}
	g.open()
	for _, want := range []string{"running", "a", "b", "c", "d"} {
		if name, failure, _ := raw.next(); name != want || failure != "" {
			t.Errorf("reply to %s: %q, want one to %s", name, failure, want)
		}
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
