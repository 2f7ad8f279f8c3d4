package main

import (
	"bytes"
	"context"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"sync"
	"time"
)

// closeTime is how long goroutines may take to end once everything is closed.
const closeTime = 30 * time.Second

// resources are what the process uses.
type resources struct {
	goroutines int
	heap       uint64 // bytes that are in use, or not yet collected
	total      uint64 // bytes that the runtime has from the operating system
}

func measure() resources {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return resources{
		goroutines: runtime.NumGoroutine(),
		heap:       samples[0].Value.Uint64(),
		total:      samples[1].Value.Uint64() - samples[2].Value.Uint64(),
	}
}

// observer remembers the most that was used.
type observer struct {
	done chan struct{}
	wait sync.WaitGroup
	peak resources
}

func startObserver() *observer {
	o := &observer{done: make(chan struct{})}
	o.wait.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			now := measure()
			o.peak.goroutines = max(o.peak.goroutines, now.goroutines)
			o.peak.heap, o.peak.total = max(o.peak.heap, now.heap), max(o.peak.total, now.total)
			select {
			case <-ticker.C:
			case <-o.done:
				return
			}
		}
	})
	return o
}

// stop returns the peak.
func (o *observer) stop() resources {
	close(o.done)
	o.wait.Wait()
	return o.peak
}

// awaitGoroutines waits until no more goroutines than before are left. It returns the stacks of all if that does not
// happen.
func awaitGoroutines(before int) (left int, stacks string) {
	deadline := time.Now().Add(closeTime)
	for {
		if left = runtime.NumGoroutine(); left <= before {
			return left, ""
		}
		if time.Now().After(deadline) {
			break
		}
		pause(context.Background(), 10*time.Millisecond)
	}
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return left, err.Error()
	}
	return left, b.String()
}
