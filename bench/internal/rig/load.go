package rig

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Call makes one call. It is called concurrently.
type Call func(ctx context.Context) error

// Rate is what callers achieved together.
type Rate struct {
	Calls   int
	Elapsed time.Duration
	CPU     time.Duration // of this process, user and system
}

// PerSecond is the throughput.
func (r Rate) PerSecond() float64 { return float64(r.Calls) / r.Elapsed.Seconds() }

// CPUPerCall is the processor time that one call took.
func (r Rate) CPUPerCall() time.Duration { return r.CPU / time.Duration(max(r.Calls, 1)) }

// Load makes calls for some time with a number of callers, each of which calls again once its call has returned, and at
// least once. The first error ends it. It returns once all callers have ended, so the time of the last calls counts, too.
func Load(ctx context.Context, callers int, duration time.Duration, call Call) (Rate, error) {
	var (
		failure  error
		once     sync.Once
		over     atomic.Bool
		calls    atomic.Int64
		start    = make(chan struct{})
		finished sync.WaitGroup
	)
	before, err := CPUTime()
	if err != nil {
		return Rate{}, err
	}
	for range callers {
		finished.Go(func() {
			<-start
			mine := int64(0)
			defer func() { calls.Add(mine) }()
			for {
				if err := call(ctx); err != nil {
					once.Do(func() { failure = err })
					over.Store(true)
					return
				}
				mine++
				if over.Load() {
					return
				}
			}
		})
	}
	begin := time.Now()
	end := time.AfterFunc(duration, func() { over.Store(true) })
	defer end.Stop()
	close(start)
	finished.Wait()
	r := Rate{Calls: int(calls.Load()), Elapsed: time.Since(begin)}
	if failure != nil {
		return Rate{}, fmt.Errorf("after %d calls: %w", r.Calls, failure)
	}
	after, err := CPUTime()
	r.CPU = after - before
	return r, err
}

// Sequential makes calls one after the other for some time and returns how many microseconds each took.
func Sequential(ctx context.Context, duration time.Duration, call Call) ([]float64, error) {
	samples := make([]float64, 0, 1<<14)
	begin := time.Now()
	for last := begin; last.Sub(begin) < duration; {
		if err := call(ctx); err != nil {
			return nil, fmt.Errorf("after %d calls: %w", len(samples), err)
		}
		now := time.Now()
		samples = append(samples, float64(now.Sub(last))/float64(time.Microsecond))
		last = now
	}
	return samples, nil
}

// Allocations makes calls one after the other and returns how many allocations and bytes of this process each took.
// The caller has made calls before, so that what is made once is not counted.
func Allocations(ctx context.Context, calls int, call Call) (allocs, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range calls {
		if err := call(ctx); err != nil {
			return 0, 0, fmt.Errorf("after %d calls: %w", i, err)
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n, nil
}

// CPUTime is the processor time that this process has used, user and system. That of its children is not in it.
func CPUTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
