package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/discovery"
)

// endpoint is the type of all endpoints of these services: what types cost is another sweep.
type endpoint = typednats.Endpoint[small, small, typednats.Never]

// fleet is services with so many endpoints, and what they cost.
type fleet struct {
	endpoints            int
	descriptors, running float64 // bytes of the heap
	subscriptions        int
	start, stop          []float64 // in milliseconds
	info, stats          answer
	calls                *comparison
}

// answer is what a service says about itself.
type answer struct {
	size int
	took time.Duration
}

// silent is for services whose trouble is on purpose.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// sweepEndpoints has services with more and more endpoints.
func sweepEndpoints(ctx context.Context, s settings) (r *report, err error) {
	b, err := newBed(ctx, rig.ServerOptions{MaxPayload: 8 << 20}) // for what so many endpoints say of themselves
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	raw, err := b.raw("raw", []byte(smallBody))
	if err != nil {
		return nil, err
	}
	var fleets []*fleet
	for _, n := range s.points(1, 10, 100, 1000, 10_000) {
		f := &fleet{endpoints: n}
		for round := range s.rounds {
			if err := f.measure(ctx, s, b, raw, round == 0); err != nil {
				return nil, fmt.Errorf("%d endpoints: %w", n, err)
			}
		}
		fleets = append(fleets, f)
	}
	r = endpointsReport(fleets)
	return r, s.tooManyEndpoints(ctx, r)
}

// manyEndpoints returns endpoints whose names have the same length, bound, and the last of them.
func manyEndpoints(n int) (bound []typednats.BoundEndpoint, last endpoint) {
	group := typednats.NewGroup("catalog")
	for i := range n {
		last = typednats.NewEndpoint[small, small, typednats.Never](fmt.Sprintf("stock-check-%05d", i)).InGroup(group)
		bound = append(bound, last.Handle(echo))
	}
	return bound, last
}

// descriptorHeap is the bytes of so many endpoints. A few are made many times: they are less than the noise.
func descriptorHeap(n int) float64 {
	copies := make([][]typednats.BoundEndpoint, max(1, 1000/n))
	before := liveHeap()
	for i := range copies {
		copies[i], _ = manyEndpoints(n)
	}
	all := liveHeap() - before
	runtime.KeepAlive(copies)
	return all / float64(len(copies))
}

// measure starts a service and stops it. The first time it also measures what lies between.
func (f *fleet) measure(ctx context.Context, s settings, b *bed, raw contender, first bool) error {
	bound, last := manyEndpoints(f.endpoints)
	defined, subscriptions := liveHeap(), b.service.NumSubscriptions()
	begin := time.Now()
	svc, err := b.serve(typednats.ServiceConfig{Logger: silent()}, bound...)
	if err != nil {
		return err
	}
	f.start = append(f.start, milliseconds(time.Since(begin)))
	if first {
		f.running = liveHeap() - defined
		f.descriptors = descriptorHeap(f.endpoints)
		f.subscriptions = b.service.NumSubscriptions() - subscriptions
		if err := f.ask(ctx, b, svc); err != nil {
			return err
		}
		f.calls, err = s.compare(ctx, place{fixedCallers, []contender{
			raw, typed("typednats", b.client, last, smallValue()),
		}, false})
		if err != nil {
			return err
		}
	}
	begin = time.Now()
	if err := svc.Stop(ctx); err != nil {
		return err
	}
	f.stop = append(f.stop, milliseconds(time.Since(begin)))
	return nil
}

// ask asks the service about itself.
func (f *fleet) ask(ctx context.Context, b *bed, svc *typednats.Service) (err error) {
	d := discovery.New(b.callers)
	if f.info, err = asked(svc.Info(), func() error { return askInfo(ctx, d, svc) }); err != nil {
		return fmt.Errorf("INFO: %w", err)
	}
	if f.stats, err = asked(svc.Stats(), func() error { return askStats(ctx, d, svc) }); err != nil {
		return fmt.Errorf("STATS: %w", err)
	}
	return nil
}

// asked measures an answer.
func asked(says any, ask func() error) (answer, error) {
	body, err := json.Marshal(says)
	if err != nil {
		return answer{}, err
	}
	a := answer{size: len(body)}
	var samples []float64
	for range 5 {
		begin := time.Now()
		if err := ask(); err != nil {
			return a, err
		}
		samples = append(samples, float64(time.Since(begin)))
	}
	a.took = time.Duration(rig.Median(samples))
	return a, nil
}

func (a answer) cells() []string { return []string{plot.Bytes(float64(a.size)), span(a.took)} }

func endpointsReport(fleets []*fleet) *report {
	life := rig.NewTable("endpoints", "start, ms", "stop, ms", "subscriptions", "heap of the service",
		"heap of the descriptors", "INFO", "answered in", "STATS", "answered in")
	calls := rig.NewTable("endpoints", "raw, calls/s", "typednats, calls/s", "× raw", "raw, allocs", "typednats, allocs")
	var xs, start, stop, heap, info, stats, infoTime, statsTime, perCall, raw, rate, allocs []float64
	for _, f := range fleets {
		name := count(float64(f.endpoints))
		xs = append(xs, float64(f.endpoints))
		start, stop = append(start, rig.Median(f.start)), append(stop, rig.Median(f.stop))
		heap = append(heap, f.descriptors+f.running)
		info, stats = append(info, float64(f.info.size)), append(stats, float64(f.stats.size))
		infoTime = append(infoTime, milliseconds(f.info.took))
		statsTime = append(statsTime, milliseconds(f.stats.took))
		raw, rate = append(raw, f.calls.rates[0][0]), append(rate, f.calls.rates[1][0])
		perCall, allocs = append(perCall, f.calls.perCall[1][0]), append(allocs, f.calls.allocs[1][0])
		life.Add(slices.Concat([]string{
			name, digits(rig.Median(f.start)), digits(rig.Median(f.stop)), count(float64(f.subscriptions)),
			plot.Bytes(f.running), plot.Bytes(f.descriptors),
		}, f.info.cells(), f.stats.cells())...)
		calls.Add(slices.Concat([]string{name}, f.calls.rateCells(0), f.calls.allocCells(0))...)
	}
	r := new(report)
	r.sayf("A service with more and more endpoints: from the call of NewService to its return, and Stop likewise; the " +
		"subscriptions that it makes; the heap; what it says about itself, and how long the asker waits for that.")
	r.add(life)
	n := len(xs) - 1
	more := xs[n] - xs[0]
	r.sayf("One endpoint more takes %s to start and %s to stop, %s of the heap, %s of INFO and %s of STATS.",
		each(start, more), each(stop, more), plot.Bytes((heap[n]-heap[0])/more), plot.Bytes((info[n]-info[0])/more),
		plot.Bytes((stats[n]-stats[0])/more))
	r.sayf("Calls of the last endpoint with %d callers; allocations are those of one call, on both sides together:",
		fixedCallers)
	r.add(calls)
	const over = "endpoints"
	r.laws = []law{
		{"The time to start", over, xs, start, linear},
		{"The time to stop", over, xs, stop, linear},
		{"The heap of service and descriptors", over, xs, heap, linear},
		{"The size of INFO", over, xs, info, linear},
		{"The size of STATS", over, xs, stats, linear},
		{"The time to answer INFO", over, xs, infoTime, linear},
		{"The time to answer STATS", over, xs, statsTime, linear},
		{"The time of a call", over, xs, perCall, flat},
		{"The number of its allocations", over, xs, allocs, flat},
	}
	x := plot.Axis{Label: over, Log: true}
	r.figure = plot.Figure{Charts: []plot.Chart{
		{
			Title: "Life of a service", X: x, Y: plot.Axis{Label: "milliseconds", Log: true},
			Lines: []plot.Line{plot.NewLine("start", xs, start), plot.NewLine("stop", xs, stop)},
		},
		{
			Title: "Size", X: x, Y: plot.Axis{Label: "KiB", Log: true},
			Lines: []plot.Line{
				plot.NewLine("heap", xs, kibibytes(heap)), plot.NewLine("INFO", xs, kibibytes(info)),
				plot.NewLine("STATS", xs, kibibytes(stats)),
			},
		},
		{
			Title: "Calls of one endpoint", X: x, Y: plot.Axis{Label: "calls per second"},
			Lines: []plot.Line{plot.NewLine("raw", xs, raw), plot.NewLine("typednats", xs, rate)},
		},
	}}
	return r
}

// each is what one more costs.
func each(milliseconds []float64, more float64) string {
	n := len(milliseconds) - 1
	return span(max(0, time.Duration((milliseconds[n]-milliseconds[0])/more*float64(time.Millisecond))))
}
