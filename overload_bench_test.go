package typednats_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

const (
	overloadHandlerTime = 20 * time.Millisecond
	overloadHandlers    = 64                     // at a time
	overloadPatience    = 120 * time.Millisecond // of callers: shorter than a queue of ten times as many takes
)

// latencies counts durations in steps of 50 µs, up to 2 s.
type latencies [40_000]atomic.Int64

func (l *latencies) add(d time.Duration) {
	l[min(int(d/(50*time.Microsecond)), len(l)-1)].Add(1)
}

// quantile returns the milliseconds that a part q of what was counted took at most.
func (l *latencies) quantile(q float64) float64 {
	var total, sum int64
	for i := range l {
		total += l[i].Load()
	}
	for i := range l {
		if sum += l[i].Load(); sum > 0 && float64(sum) >= q*float64(total) {
			return float64(i+1) * 0.05
		}
	}
	return 0
}

// peakHeap watches the heap until quit is closed and returns its peak in bytes: of the service, of all the callers
// and of the server, which share the process.
func peakHeap(quit <-chan struct{}) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var peak uint64
	for {
		metrics.Read(sample)
		peak = max(peak, sample[0].Value.Uint64())
		select {
		case <-tick.C:
		case <-quit:
			return peak
		}
	}
}

// crowd is callers that each call again as soon as they have a reply.
type crowd struct {
	b       *testing.B
	backoff bool // wait after a refusal, as [typednats.Retry] does by default
	quit    chan struct{}
	good    chan struct{}

	shed, late           atomic.Int64
	goodTimes, shedTimes latencies
	callers              sync.WaitGroup
}

func (c *crowd) call(client *typednats.Client) {
	const first, most = 10 * time.Millisecond, time.Second
	wait := first
	for {
		select {
		case <-c.quit:
			return
		default:
		}
		start := time.Now()
		_, err := typednats.RequestService(context.Background(), client, echo, note{})
		took := time.Since(start)
		if err == nil {
			wait = first
			c.goodTimes.add(took)
			select {
			case c.good <- struct{}{}:
			case <-c.quit:
			}
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			c.late.Add(1)
			continue
		}
		if se, ok := errors.AsType[*typednats.ServiceError](err); !ok || se.Code != 503 {
			c.b.Errorf("call: %v, want a reply, code 503 or the end of its time", err)
			return
		}
		c.shed.Add(1)
		c.shedTimes.add(took)
		if !c.backoff {
			continue
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)): //nolint:gosec // spreads the load
		case <-c.quit:
		}
		wait = min(2*wait, most)
	}
}

// BenchmarkOverload shows what is left of an endpoint's goodput when ten times as many callers come as it has handlers
// for, how soon the others are refused, and what it costs in memory. One operation is one good reply.
//
// At "capacity" there is a caller for each handler, so handlers are idle while replies and requests are on their way;
// with "twice" as many they are not, and nobody is refused yet. The queue has its default bounds, and callers wait for less
// time than it would take with ten times as many in it: an endpoint that lets all of them wait gives no good reply.
//
// Callers, service and server share the processors of one machine, so refused callers that call again at once take the
// time that good replies need: "eager" shows it. Callers that behave wait as [typednats.Retry] does: 10 ms at first,
// then twice as long up to 1 s, a random half of it left out.
func BenchmarkOverload(b *testing.B) {
	for _, run := range []struct {
		name    string
		callers int
		backoff bool
	}{
		{"capacity", overloadHandlers, true},
		{"twice", 2 * overloadHandlers, true},
		{"ten times", 10 * overloadHandlers, true},
		{"ten times eager", 10 * overloadHandlers, false},
	} {
		b.Run(run.name, func(b *testing.B) {
			srv := typednatstest.RunSocket(b)
			handler := func(_ context.Context, m note) (note, error) {
				<-time.After(overloadHandlerTime)
				return m, nil
			}
			svc, err := typednats.NewService(srv.Connect(b), config(), echo.Handle(handler,
				typednats.WithMaxConcurrent(overloadHandlers)))
			if err != nil {
				b.Fatal(err)
			}
			var clients []*typednats.Client
			for range 8 {
				clients = append(clients, typednats.NewClient(srv.Connect(b), typednats.WithDefaultTimeout(overloadPatience)))
			}
			c := &crowd{b: b, backoff: run.backoff, quit: make(chan struct{}), good: make(chan struct{}, run.callers)}
			for i := range run.callers {
				c.callers.Go(func() { c.call(clients[i%len(clients)]) })
			}
			for range 10 * overloadHandlers { // the load is steady then
				<-c.good
			}
			var heap uint64
			c.callers.Go(func() { heap = peakHeap(c.quit) })
			shed, late := c.shed.Load(), c.late.Load()
			b.ReportAllocs()
			for b.Loop() {
				<-c.good
			}
			seconds, shed, late := b.Elapsed().Seconds(), c.shed.Load()-shed, c.late.Load()-late
			close(c.quit)
			c.callers.Wait()
			b.ReportMetric(float64(b.N)/seconds, "good/s")
			b.ReportMetric(float64(shed)/seconds, "shed/s")
			b.ReportMetric(float64(late)/seconds, "late/s")
			b.ReportMetric(c.goodTimes.quantile(0.5), "good-p50-ms")
			b.ReportMetric(c.goodTimes.quantile(0.99), "good-p99-ms")
			b.ReportMetric(c.shedTimes.quantile(0.5), "shed-p50-ms")
			b.ReportMetric(c.shedTimes.quantile(0.99), "shed-p99-ms")
			b.ReportMetric(float64(heap)/(1<<20), "peak-heap-MB")
			if err := svc.Stop(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}
