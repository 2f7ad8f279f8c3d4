package typednats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

func TestStatisticsAreTrueUnderConcurrency(t *testing.T) {
	t.Parallel()
	const callers, rounds = 8, 25
	outcomes := []string{"", "declared", "service", "undeclared", "panic", "goexit", "undecodable", "codec", ""}
	srv := typednatstest.Run(t)
	s := start(t, srv.Connect(t), config(), echo.Handle(mixed, typednats.WithMaxConcurrent(3)))
	var wg sync.WaitGroup
	for range callers {
		nc, ctx := srv.Connect(t), within(t)
		wg.Go(func() {
			for range rounds {
				for _, outcome := range outcomes {
					var opts []typednats.CallOption
					switch outcome {
					case "undecodable":
						if _, err := nc.RequestWithContext(ctx, "echo", []byte("{")); err != nil {
							t.Error(err)
						}
						continue
					case "codec":
						opts = append(opts, typednats.WithCallCodec(msgpack.Codec))
					}
					_, err := typednats.RequestService(ctx, nc, echo, note{outcome}, opts...)
					if (err != nil) != (outcome != "") {
						t.Errorf("call with outcome %q: %v", outcome, err)
					}
				}
			}
		})
	}
	wg.Wait()
	got, ok := s.EndpointStats("echo")
	if !ok {
		t.Fatal("no statistics")
	}
	const each = callers * rounds
	compare(t, "statistics", micro.EndpointStats{
		Name: "echo", Subject: "echo", QueueGroup: "q", NumRequests: 9 * each, NumErrors: 7 * each,
	}, got, cmpopts.IgnoreFields(micro.EndpointStats{}, "LastError", "ProcessingTime", "AverageProcessingTime"))
	if got.ProcessingTime <= 0 || got.AverageProcessingTime != got.ProcessingTime/(9*each) {
		t.Errorf("processing time %v, on average %v", got.ProcessingTime, got.AverageProcessingTime)
	}
	s.Reset()
	after := s.Stats().Endpoints[0]
	compare(t, "after Reset", &micro.EndpointStats{Name: "echo", Subject: "echo", QueueGroup: "q"}, after)
}

func TestLastErrorIsCodeAndDescription(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	s := start(t, nc, config(), echo.Handle(mixed))
	for _, step := range []struct{ outcome, want string }{
		{"", ""},
		{"declared", "404:no nut"},
		{"", "404:no nut"},
		{"service", "403:no"},
		{"undeclared", "500:internal error"},
		{"panic", "500:internal error"},
	} {
		_, _ = typednats.RequestService(ctx, nc, echo, note{step.outcome})
		got, _ := s.EndpointStats("echo")
		compare(t, "last error after outcome "+step.outcome, step.want, withoutID(got.LastError))
	}
}

// The ErrorHandler is called after the reply was sent; while it runs, a caller that has its reply looks.
func TestCallerThatHasItsReplyIsCounted(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	open := make(chan struct{})
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) { <-open }
	}), echo.Handle(mixed))
	defer close(open)
	_, err := typednats.RequestService(ctx, nc, echo, note{"undeclared"})
	compare(t, "failure", "500:internal error", codeOf(err))
	got, _ := s.EndpointStats("echo")
	compare(t, "requests and errors", [2]int{1, 1}, [2]int{got.NumRequests, got.NumErrors})
	if got.LastError == "" || got.ProcessingTime == 0 {
		t.Errorf("last error %q, processing time %v", got.LastError, got.ProcessingTime)
	}
}

func TestProcessingTimeIsTheHandlersOwn(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	g := newGate()
	defer g.open()
	s := start(t, srv.Connect(t), config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		if in.Text == "slow" {
			return g.handle(ctx, in)
		}
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(1, 1000)))
	raw := newRawClient(t, srv.Connect(t))
	start := time.Now()
	raw.send("slow", "echo", `{"text":"slow"}`)
	raw.send("queued", "echo", `{}`)
	raw.send("refused", "echo", `{}`)
	raw.next()
	const slow = 50 * time.Millisecond
	running := time.Now()
	eventually(t, "some time to pass", func() bool { return time.Since(running) >= slow })
	g.open()
	raw.next()
	raw.next()
	elapsed := time.Since(start)
	got, _ := s.EndpointStats("echo")
	if got.ProcessingTime < slow || got.ProcessingTime > elapsed {
		t.Errorf("processing time %v, want between %v and %v: neither time in the queue nor requests that did not run count",
			got.ProcessingTime, slow, elapsed)
	}
	if got.AverageProcessingTime != got.ProcessingTime/3 {
		t.Errorf("average %v, want a third of %v", got.AverageProcessingTime, got.ProcessingTime)
	}
}

func TestResetUnderLoadKeepsStatisticsConsistent(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	s := start(t, srv.Connect(t), config(), echo.Handle(func(context.Context, note) (note, error) {
		return note{}, missing{"nut"}
	}))
	id, started := s.ID(), s.Stats().Started
	var callers sync.WaitGroup
	for range 4 {
		nc, ctx := srv.Connect(t), within(t)
		callers.Go(func() {
			for range 200 {
				_, err := typednats.RequestService(ctx, nc, echo, note{})
				if _, ok := errors.AsType[missing](err); !ok {
					t.Errorf("call = %v, want missing", err)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		callers.Wait()
		close(finished)
	}()
	for running := true; running; {
		select {
		case <-finished:
			running = false
		default:
		}
		got := s.Stats().Endpoints[0]
		if got.NumErrors > got.NumRequests || got.NumErrors < 0 {
			t.Fatalf("%d errors of %d requests", got.NumErrors, got.NumRequests)
		}
		if (got.NumErrors == 0) != (got.LastError == "") {
			t.Fatalf("%d errors, the last is %q", got.NumErrors, got.LastError)
		}
		s.Reset()
	}
	if !s.Stats().Started.After(started) || s.ID() != id {
		t.Errorf("after Reset: started %v, before %v; id %q, before %q", s.Stats().Started, started, s.ID(), id)
	}
}

// A request that was being handled during Reset must count on neither or on both sides of its errors.
func TestResetForgetsRequestsInFlight(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		_, _ = g.handle(ctx, in)
		return note{}, missing{"nut"}
	}))
	call := callAsync(ctx, nc, echo, note{})
	await(t, g.entered, "the handler to run")
	s.Reset()
	g.open()
	await(t, call, "the reply")
	got, _ := s.EndpointStats("echo")
	compare(t, "after Reset", micro.EndpointStats{Name: "echo", Subject: "echo", QueueGroup: "q"}, got)
}

func TestEndpointStatsFindsItByUniqueNameElseBySubject(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	other := typednats.NewEndpoint[note, note, typednats.Never]("other").InSubject("sub.ject")
	v2 := echo.InGroup(typednats.NewGroup("v2"))
	s := start(t, nc, config(), echo.InSubject("v1.x").Handle(repeat), v2.Handle(repeat), other.Handle(repeat))
	if _, err := typednats.RequestService(ctx, nc, v2, note{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"other": "sub.ject", "sub.ject": "sub.ject", "v2.echo": "v2.echo", "v1.x": "v1.x",
		"echo": "", "": "", "nobody": "",
	} {
		got, ok := s.EndpointStats(name)
		if got.Subject != want || ok != (want != "") {
			t.Errorf("EndpointStats(%q) = %q, %v, want %q", name, got.Subject, ok, want)
		}
	}
	if got := requestsOf(s, "v2.echo"); got != 1 {
		t.Errorf("%d requests of v2, want 1", got)
	}
	if got := requestsOf(s, "v1.x"); got != 0 {
		t.Errorf("%d requests of v1, want 0", got)
	}
}

// badJSON does not encode itself.
type badJSON struct{}

func (badJSON) MarshalJSON() ([]byte, error) { return nil, errors.New("not today") }

// panicJSON panics while it is encoded.
type panicJSON struct{}

func (panicJSON) MarshalJSON() ([]byte, error) { panic("not ever") }

func TestStatsHandlerGivesData(t *testing.T) {
	t.Parallel()
	v1, v2 := echo.InSubject("v1"), echo.InSubject("v2")
	solo := typednats.NewEndpoint[note, note, typednats.Never]("solo").InSubject("solo.subject")
	for name, test := range map[string]struct {
		handler  func(endpoint string) any
		want     [3]string // the data of v1, v2 and solo
		reported string
	}{
		"none":             {nil, [3]string{}, ""},
		"names":            {func(e string) any { return e }, [3]string{`"v1"`, `"v2"`, `"solo"`}, ""},
		"nil":              {func(string) any { return nil }, [3]string{}, ""},
		"object":           {func(string) any { return map[string]int{"queue": 3} }, [3]string{`{"queue":3}`, `{"queue":3}`, `{"queue":3}`}, ""},
		"raw":              {func(string) any { return json.RawMessage(`[1]`) }, [3]string{`[1]`, `[1]`, `[1]`}, ""},
		"bad raw":          {func(string) any { return json.RawMessage(`[1`) }, [3]string{}, "json"},
		"not encodable":    {func(string) any { return make(chan int) }, [3]string{}, "unsupported type"},
		"does not encode":  {func(string) any { return badJSON{} }, [3]string{}, "not today"},
		"panics":           {func(string) any { panic("boom") }, [3]string{}, "panic: boom"},
		"panics in JSON":   {func(string) any { return panicJSON{} }, [3]string{}, "panic: not ever"},
		"one of them only": {func(e string) any { return map[string]any{"v2": 1, "solo": func() {}}[e] }, [3]string{"", "1", ""}, "unsupported type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, ctx := typednatstest.Server(t), within(t)
			reports := make(reportLog, 100)
			s := start(t, nc, config(reports.config, func(c *typednats.ServiceConfig) { c.StatsHandler = test.handler }),
				v1.Handle(repeat), v2.Handle(repeat), solo.Handle(repeat))
			msg, err := nc.RequestWithContext(ctx, "$SRV.STATS.test", nil)
			if err != nil {
				t.Fatal(err)
			}
			var asked micro.Stats
			if err := json.Unmarshal(msg.Data, &asked); err != nil {
				t.Fatal(err)
			}
			for from, stats := range map[string]micro.Stats{"$SRV": asked, "Stats": s.Stats()} {
				var got [3]string
				for i, e := range stats.Endpoints {
					got[i] = string(e.Data)
				}
				compare(t, from, test.want, got)
			}
			one, _ := s.EndpointStats("solo")
			compare(t, "EndpointStats", test.want[2], string(one.Data))
			mustStop(t, s) // which waits for the reports
			if (test.reported != "") != (len(reports) > 0) {
				t.Fatalf("%d reports", len(reports))
			}
			if len(reports) > 0 {
				report := <-reports
				if !strings.Contains(report.Err.Error(), test.reported) || report.Endpoint == "" {
					t.Errorf("reported %v about %q, want %s", report.Err, report.Endpoint, test.reported)
				}
			}
		})
	}
}

// A StatsHandler that ended its goroutine once used up the number of questions that may be answered at a time.
func TestStatsHandlerThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, ctx := srv.Connect(t), within(t)
	reports := make(reportLog, 1000)
	s := start(t, srv.Connect(t), config(reports.config, func(c *typednats.ServiceConfig) {
		c.StatsHandler = func(string) any {
			runtime.Goexit()
			return nil
		}
	}), echo.Handle(repeat))
	raw := newRawClient(t, nc)
	for range 200 {
		raw.send("x", "$SRV.STATS.test", "")
		if _, failure, _ := raw.next(); failure != "500:internal error" {
			t.Fatalf("reply %q", failure)
		}
		if report := await(t, reports, "a report"); !strings.Contains(report.Err.Error(), "ended its goroutine") {
			t.Errorf("reported %v", report.Err)
		}
	}
	if _, err := nc.RequestWithContext(ctx, "$SRV.PING.test", nil); err != nil {
		t.Errorf("PING: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A StatsHandler that blocks must not make PING and INFO, nor the endpoints, fall silent.
func TestStatsHandlerThatBlocks(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	caller, ctx := srv.Connect(t), within(t)
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	defer release()
	s := start(t, srv.Connect(t), config(func(c *typednats.ServiceConfig) {
		c.StatsHandler = func(string) any {
			<-open
			return nil
		}
	}), echo.Handle(repeat))
	raw := newRawClient(t, caller)
	const questions, answered = 100, 64
	for i := range questions {
		raw.send(strconv.Itoa(i), "$SRV.STATS", "")
	}
	for range questions - answered {
		if name, failure, _ := raw.next(); failure != "503:too many requests" {
			t.Errorf("reply to %s: %q", name, failure)
		}
	}
	for _, verb := range []string{"PING", "INFO"} {
		if msg, err := caller.RequestWithContext(ctx, "$SRV."+verb, nil); err != nil || failureOf(msg) != "" {
			t.Errorf("%s: %v, %v", verb, msg, err)
		}
	}
	if _, err := typednats.RequestService(ctx, caller, echo, note{}); err != nil {
		t.Errorf("call: %v", err)
	}
	// A handler is in its slot for a moment after its reply was sent: Stop would count it.
	if err := s.RemoveEndpoint(ctx, echo.Name()); err != nil {
		t.Errorf("RemoveEndpoint: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Stop(ended); !errors.Is(err, context.Canceled) || !strings.Contains(fmt.Sprint(err), "StatsHandler") {
		t.Errorf("Stop = %v, want that it gave up waiting for the StatsHandler", err)
	}
	release()
	for range answered {
		if name, failure, _ := raw.next(); failure != "" {
			t.Errorf("reply to %s: %q", name, failure)
		}
	}
	raw.silent()
}
