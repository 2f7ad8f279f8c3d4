package rig_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test.
const patience = 30 * time.Second

// start starts a server that ends with the test.
func start(t *testing.T, opts rig.ServerOptions) *rig.Server {
	t.Helper()
	s, err := rig.StartServer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test that minds has closed it
	return s
}

// connect opens a connection that ends with the test.
func connect(t *testing.T, s *rig.Server) *nats.Conn {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := start(t, rig.ServerOptions{MaxPayload: 4 << 20, Processors: 1})
	service, client := connect(t, s), connect(t, s)
	if _, err := service.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := service.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	reply, err := client.Request("echo", []byte("hello"), patience)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("hello", string(reply.Data)); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(int64(4<<20), client.MaxPayload()); diff != "" {
		t.Errorf("max_payload (-want +got):\n%s", diff)
	}
	if s.RouteURL() != "" {
		t.Errorf("a server that is alone has routes at %s", s.RouteURL())
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if nc, err := s.Connect(); !errors.Is(err, nats.ErrNoServers) {
		nc.Close()
		t.Errorf("a closed server accepts connections: %v", err)
	}
}

func TestServersOfOneCluster(t *testing.T) {
	t.Parallel()
	first := start(t, rig.ServerOptions{Cluster: "c"})
	second := start(t, rig.ServerOptions{Cluster: "c", Routes: []string{first.RouteURL()}})
	service, client := connect(t, first), connect(t, second)
	if _, err := service.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; { // the interest has to cross first
		_, err := client.Request("echo", nil, time.Second)
		if err == nil {
			return
		}
		if !errors.Is(err, nats.ErrNoResponders) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		opts rig.ServerOptions
		want string
	}{
		{rig.ServerOptions{MaxPayload: 1 << 30}, "max_payload"},
		{rig.ServerOptions{Cluster: "c", Routes: []string{":"}}, "route: parse"},
	} {
		s, err := rig.StartServer(t.Context(), test.opts)
		if err == nil {
			_ = s.Close()
			t.Errorf("%+v: it started", test.opts)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want it to say %q", test.opts, err, test.want)
		}
	}
}

func TestServerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := rig.StartServer(ctx, rig.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	nc, err := s.Connect(nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(gone) }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	cancel()
	<-gone // else Close could be what ends it
	if err := s.Close(); err == nil {
		t.Error("closed as if the context had not ended")
	}
}

func TestSpinners(t *testing.T) {
	t.Parallel()
	s, err := rig.StartSpinners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	const callers = 8
	everybody := make(chan struct{})
	r, err := rig.Load(t.Context(), callers, 10*time.Millisecond, func(context.Context) error {
		if calls.Add(1) == callers {
			close(everybody)
		}
		<-everybody // nobody goes on before all are there
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int(calls.Load()), r.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if r.Elapsed < 10*time.Millisecond || r.PerSecond() <= 0 || r.CPUPerCall() < 0 {
		t.Errorf("figures: %+v", r)
	}
}

func TestFailingCalls(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var calls atomic.Int64
	call := func(context.Context) error {
		if calls.Add(1)%10 == 0 {
			return broken
		}
		return nil
	}
	if _, err := rig.Load(t.Context(), 4, time.Hour, call); !errors.Is(err, broken) {
		t.Errorf("Load: %v, want %v", err, broken)
	}
	if _, err := rig.Sequential(t.Context(), time.Hour, call); !errors.Is(err, broken) {
		t.Errorf("Sequential: %v, want %v", err, broken)
	}
	if _, _, err := rig.Allocations(t.Context(), 1<<20, call); !errors.Is(err, broken) {
		t.Errorf("Allocations: %v, want %v", err, broken)
	}
}

func TestSequential(t *testing.T) {
	t.Parallel()
	calls := 0
	samples, err := rig.Sequential(t.Context(), 20*time.Millisecond, func(context.Context) error {
		calls++
		<-time.After(time.Millisecond)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(calls, len(samples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if least, _ := rig.Spread(samples); least < 1000 {
		t.Errorf("a call of a millisecond took %v µs", least)
	}
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	samples := []float64{5, 1, 4, 2, 3, 10, 9, 8, 7, 6}
	low, high := rig.Spread(samples)
	got := map[string]float64{
		"first tenth": rig.Quantile(samples, 0.1), "half": rig.Quantile(samples, 0.5), "low": low, "high": high,
		"median": rig.Median(samples), "odd median": rig.Median(samples[:3]),
	}
	want := map[string]float64{"first tenth": 1, "half": 5, "low": 1, "high": 10, "median": 5.5, "odd median": 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{5, 1, 4, 2, 3, 10, 9, 8, 7, 6}, samples); diff != "" {
		t.Errorf("the samples were changed (-want +got):\n%s", diff)
	}
	if !math.IsNaN(rig.Median(nil)) {
		t.Error("there is a median of nothing")
	}
}

func TestMachine(t *testing.T) {
	t.Parallel()
	m, err := rig.DescribeMachine()
	if err != nil {
		t.Fatal(err)
	}
	line := m.Markdown()
	for _, want := range []string{m.CPU, "processors", "go1.", "nats-server 2.", "nats.go 1."} {
		if want == "" || !strings.Contains(line, want) {
			t.Errorf("no %q in %q", want, line)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := rig.NewTable("what", "µs")
	table.Add("raw", "12.5")
	table.Add("more")
	want := "| what |   µs |\n| ---- | ---: |\n| raw  | 12.5 |\n| more |      |\n"
	if diff := cmp.Diff(want, table.Markdown()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
