package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/typednats/typednats/bench/internal/rig"
)

// contender is one of the systems that are measured side by side.
type contender struct {
	name string
	call rig.Call
}

// place is one place of a sweep: contenders that are measured one after the other.
type place struct {
	callers    int
	contenders []contender
	timed      bool // whether single calls are
}

// result is what a contender achieved at a place, in each round.
type result struct {
	perSecond []float64
	p50, p99  []float64 // in milliseconds
}

// measure goes through all places in each round: what slows the machine down for a while slows down all of them. The
// order of the contenders is turned around in every other round. It returns the results by place and contender.
func (s settings) measure(ctx context.Context, places ...place) ([][]result, error) {
	results := make([][]result, len(places))
	for round := range s.rounds {
		for i, p := range places {
			if round == 0 {
				results[i] = make([]result, len(p.contenders))
			}
			order := make([]int, len(p.contenders))
			for j := range order {
				order[j] = j
			}
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, j := range order {
				c := p.contenders[j]
				if round == 0 {
					if _, err := rig.Load(ctx, p.callers, s.slice/4, c.call); err != nil {
						return nil, fmt.Errorf("%s, %d callers: %w", c.name, p.callers, err)
					}
				}
				if err := s.measureOne(ctx, p, c, &results[i][j]); err != nil {
					return nil, fmt.Errorf("%s, %d callers: %w", c.name, p.callers, err)
				}
			}
		}
	}
	return results, nil
}

func (s settings) measureOne(ctx context.Context, p place, c contender, r *result) error {
	runtime.GC() // the garbage of one contender is not another one's
	var watch stopwatch
	call := c.call
	if p.timed {
		call = watch.watched(call)
	}
	rate, err := rig.Load(ctx, p.callers, s.slice, call)
	if err != nil {
		return err
	}
	if rate.Calls == 0 {
		return errors.New("no call was made")
	}
	r.perSecond = append(r.perSecond, rate.PerSecond())
	if p.timed {
		r.p50 = append(r.p50, rig.Quantile(watch.samples, 0.5))
		r.p99 = append(r.p99, rig.Quantile(watch.samples, 0.99))
	}
	return nil
}

// throughput is calls per second.
func (r result) throughput() float64 { return rig.Median(r.perSecond) }

// against is the throughput as a part of another contender's at the same place, each round by itself.
func (r result) against(other result) float64 {
	var ratios []float64
	for i := range r.perSecond {
		ratios = append(ratios, r.perSecond[i]/other.perSecond[i])
	}
	return rig.Median(ratios)
}

// perCall is microseconds of one call among all others.
func (r result) perCall() float64 { return 1e6 / r.throughput() }

// stopwatch takes the time of calls, in milliseconds.
type stopwatch struct {
	mu      sync.Mutex
	samples []float64
}

func (w *stopwatch) watched(call rig.Call) rig.Call {
	return func(ctx context.Context) error {
		begin := time.Now()
		err := call(ctx)
		took := float64(time.Since(begin)) / float64(time.Millisecond)
		w.mu.Lock()
		w.samples = append(w.samples, took)
		w.mu.Unlock()
		return err
	}
}

// allocations are those of one call, on both sides together.
func (s settings) allocations(ctx context.Context, call rig.Call) (float64, error) {
	calls := 2000
	if s.quick {
		calls = 50
	}
	if _, _, err := rig.Allocations(ctx, calls/10, call); err != nil { // pools fill
		return 0, err
	}
	allocs, _, err := rig.Allocations(ctx, calls, call)
	return allocs, err
}

// liveHeap is the bytes that are in use once the garbage is collected. Finalizers need a second time.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
