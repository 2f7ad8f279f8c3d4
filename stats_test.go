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
	"github.com/typednats/typednats/internal/natstest"
)

// svcMixed is a handler that ends as its request says.
func svcMixed(ctx context.Context, in svcText) (svcText, error) {
	switch in.Text {
	case "declared":
		return svcText{}, svcMissing{"nut"}
	case "service":
		return svcText{}, typednats.Errorf(403, "no")
	case "undeclared":
		return svcText{}, errors.New("secret")
	case "panic":
		panic("boom")
	case "goexit":
		runtime.Goexit()
	}
	return in, nil
}

func TestStatisticsAreTrueUnderConcurrency(t *testing.T) {
	t.Parallel()
	const callers, rounds = 8, 25
	outcomes := []string{"", "declared", "service", "undeclared", "panic", "goexit", "undecodable", "codec", ""}
	srv := natstest.Run(t)
	s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(svcMixed, typednats.WithMaxConcurrent(3)))
	var wg sync.WaitGroup
	for range callers {
		nc, ctx := srv.Connect(t), svcContext(t)
		wg.Go(func() {
			for range rounds {
				for _, outcome := range outcomes {
					var opts []typednats.CallOption
					switch outcome {
					case "undecodable":
						if _, err := nc.RequestWithContext(ctx, "svc-echo", []byte("{")); err != nil {
							t.Error(err)
						}
						continue
					case "codec":
						opts = append(opts, typednats.WithCallCodec(msgpack.Codec))
					}
					_, err := typednats.RequestService(ctx, nc, svcEcho, svcText{outcome}, opts...)
					if (err != nil) != (outcome != "") {
						t.Errorf("call with outcome %q: %v", outcome, err)
					}
				}
			}
		})
	}
	wg.Wait()
	got, ok := s.EndpointStats("svc-echo")
	if !ok {
		t.Fatal("no statistics")
	}
	const each = callers * rounds
	svcDiff(t, "statistics", micro.EndpointStats{
		Name: "svc-echo", Subject: "svc-echo", QueueGroup: "q", NumRequests: 9 * each, NumErrors: 7 * each,
	}, got, cmpopts.IgnoreFields(micro.EndpointStats{}, "LastError", "ProcessingTime", "AverageProcessingTime"))
	if got.ProcessingTime <= 0 || got.AverageProcessingTime != got.ProcessingTime/(9*each) {
		t.Errorf("processing time %v, on average %v", got.ProcessingTime, got.AverageProcessingTime)
	}
	s.Reset()
	after := s.Stats().Endpoints[0]
	svcDiff(t, "after Reset", &micro.EndpointStats{Name: "svc-echo", Subject: "svc-echo", QueueGroup: "q"}, after)
}

func TestLastErrorIsCodeAndDescription(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcMixed))
	for _, step := range []struct{ outcome, want string }{
		{"", ""},
		{"declared", "404:no nut"},
		{"", "404:no nut"},
		{"service", "403:no"},
		{"undeclared", "500:internal error"},
		{"panic", "500:internal error"},
	} {
		_, _ = typednats.RequestService(ctx, nc, svcEcho, svcText{step.outcome})
		got, _ := s.EndpointStats("svc-echo")
		svcDiff(t, "last error after outcome "+step.outcome, step.want, got.LastError)
	}
}

// The ErrorHandler is called after the reply was sent; while it runs, a caller that has its reply looks.
func TestCallerThatHasItsReplyIsCounted(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	open := make(chan struct{})
	s := svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) { <-open }
	}), svcEcho.Handle(svcMixed))
	defer close(open)
	_, err := typednats.RequestService(ctx, nc, svcEcho, svcText{"undeclared"})
	svcDiff(t, "failure", "500:internal error", svcCode(err))
	got, _ := s.EndpointStats("svc-echo")
	svcDiff(t, "requests and errors", [2]int{1, 1}, [2]int{got.NumRequests, got.NumErrors})
	if got.LastError == "" || got.ProcessingTime == 0 {
		t.Errorf("last error %q, processing time %v", got.LastError, got.ProcessingTime)
	}
}

func TestProcessingTimeIsTheHandlersOwn(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		if in.Text == "slow" {
			return g.handle(ctx, in)
		}
		return in, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(1, 1000)))
	raw := newSvcRaw(t, srv.Connect(t))
	start := time.Now()
	raw.send("slow", "svc-echo", `{"text":"slow"}`)
	raw.send("queued", "svc-echo", `{}`)
	raw.send("refused", "svc-echo", `{}`)
	raw.next()
	const slow = 50 * time.Millisecond
	<-time.After(slow)
	g.release()
	raw.next()
	raw.next()
	elapsed := time.Since(start)
	got, _ := s.EndpointStats("svc-echo")
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
	srv := natstest.Run(t)
	s := svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(func(context.Context, svcText) (svcText, error) {
		return svcText{}, svcMissing{"nut"}
	}))
	id, started := s.ID(), s.Stats().Started
	var callers sync.WaitGroup
	for range 4 {
		nc, ctx := srv.Connect(t), svcContext(t)
		callers.Go(func() {
			for range 200 {
				_, err := typednats.RequestService(ctx, nc, svcEcho, svcText{})
				if _, ok := errors.AsType[svcMissing](err); !ok {
					t.Errorf("call = %v, want svcMissing", err)
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
	nc, ctx := natstest.Connect(t), svcContext(t)
	g := newSvcGate()
	defer g.release()
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(func(ctx context.Context, in svcText) (svcText, error) {
		_, _ = g.handle(ctx, in)
		return svcText{}, svcMissing{"nut"}
	}))
	call := svcGo(ctx, nc, svcEcho, svcText{})
	svcAwait(t, g.entered, "the handler to run")
	s.Reset()
	g.release()
	svcAwait(t, call, "the reply")
	got, _ := s.EndpointStats("svc-echo")
	svcDiff(t, "after Reset", micro.EndpointStats{Name: "svc-echo", Subject: "svc-echo", QueueGroup: "q"}, got)
}

func TestEndpointStatsFindsItByUniqueNameElseBySubject(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	other := typednats.NewEndpoint[svcText, svcText, typednats.Never]("other").InSubject("sub.ject")
	v2 := svcEcho.InGroup(typednats.NewGroup("v2"))
	s := svcStart(t, nc, svcConfig(), svcEcho.InSubject("v1.x").Handle(svcReflect), v2.Handle(svcReflect), other.Handle(svcReflect))
	if _, err := typednats.RequestService(ctx, nc, v2, svcText{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"other": "sub.ject", "sub.ject": "sub.ject", "v2.svc-echo": "v2.svc-echo", "v1.x": "v1.x",
		"svc-echo": "", "": "", "nobody": "",
	} {
		got, ok := s.EndpointStats(name)
		if got.Subject != want || ok != (want != "") {
			t.Errorf("EndpointStats(%q) = %q, %v, want %q", name, got.Subject, ok, want)
		}
	}
	if got := svcRequests(s, "v2.svc-echo"); got != 1 {
		t.Errorf("%d requests of v2, want 1", got)
	}
	if got := svcRequests(s, "v1.x"); got != 0 {
		t.Errorf("%d requests of v1, want 0", got)
	}
}

// svcBadJSON does not encode itself.
type svcBadJSON struct{}

func (svcBadJSON) MarshalJSON() ([]byte, error) { return nil, errors.New("not today") }

// svcPanicJSON panics while it is encoded.
type svcPanicJSON struct{}

func (svcPanicJSON) MarshalJSON() ([]byte, error) { panic("not ever") }

func TestStatsHandlerGivesData(t *testing.T) {
	t.Parallel()
	v1, v2 := svcEcho.InSubject("v1"), svcEcho.InSubject("v2")
	solo := typednats.NewEndpoint[svcText, svcText, typednats.Never]("solo").InSubject("solo.subject")
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
		"does not encode":  {func(string) any { return svcBadJSON{} }, [3]string{}, "not today"},
		"panics":           {func(string) any { panic("boom") }, [3]string{}, "panic: boom"},
		"panics in JSON":   {func(string) any { return svcPanicJSON{} }, [3]string{}, "panic: not ever"},
		"one of them only": {func(e string) any { return map[string]any{"v2": 1, "solo": func() {}}[e] }, [3]string{"", "1", ""}, "unsupported type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, ctx := natstest.Connect(t), svcContext(t)
			reports := make(svcReports, 100)
			s := svcStart(t, nc, svcConfig(reports.config, func(c *typednats.ServiceConfig) { c.StatsHandler = test.handler }),
				v1.Handle(svcReflect), v2.Handle(svcReflect), solo.Handle(svcReflect))
			msg, err := nc.RequestWithContext(ctx, "$SRV.STATS.svc", nil)
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
				svcDiff(t, from, test.want, got)
			}
			one, _ := s.EndpointStats("solo")
			svcDiff(t, "EndpointStats", test.want[2], string(one.Data))
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
	srv := natstest.Run(t)
	nc, ctx := srv.Connect(t), svcContext(t)
	reports := make(svcReports, 1000)
	s := svcStart(t, srv.Connect(t), svcConfig(reports.config, func(c *typednats.ServiceConfig) {
		c.StatsHandler = func(string) any {
			runtime.Goexit()
			return nil
		}
	}), svcEcho.Handle(svcReflect))
	raw := newSvcRaw(t, nc)
	for range 200 {
		raw.send("x", "$SRV.STATS.svc", "")
		if _, failure, _ := raw.next(); failure != "500:internal error" {
			t.Fatalf("reply %q", failure)
		}
		if report := svcAwait(t, reports, "a report"); !strings.Contains(report.Err.Error(), "ended its goroutine") {
			t.Errorf("reported %v", report.Err)
		}
	}
	if _, err := nc.RequestWithContext(ctx, "$SRV.PING.svc", nil); err != nil {
		t.Errorf("PING: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A StatsHandler that blocks must not make PING and INFO, nor the endpoints, fall silent.
func TestStatsHandlerThatBlocks(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	caller, ctx := srv.Connect(t), svcContext(t)
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	defer release()
	s := svcStart(t, srv.Connect(t), svcConfig(func(c *typednats.ServiceConfig) {
		c.StatsHandler = func(string) any {
			<-open
			return nil
		}
	}), svcEcho.Handle(svcReflect))
	raw := newSvcRaw(t, caller)
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
		if msg, err := caller.RequestWithContext(ctx, "$SRV."+verb, nil); err != nil || svcFailure(msg) != "" {
			t.Errorf("%s: %v, %v", verb, msg, err)
		}
	}
	if _, err := typednats.RequestService(ctx, caller, svcEcho, svcText{}); err != nil {
		t.Errorf("call: %v", err)
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
