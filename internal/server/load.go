package server

import "time"

// Load is how busy an endpoint is, and what has become of its requests since it was added, or since the last reset.
type Load struct {
	Running, Waiting int
	WaitingBytes     int

	Queued time.Duration  // how long requests have waited, all together
	Codes  map[int]int    // errors of each code; 0 stands for those beyond the first 64 codes
	Tags   map[string]int // errors of each tag; the others have none
}

// Load returns it.
func (e *Served) Load() Load {
	e.mu.Lock()
	load := Load{Running: e.slots, Waiting: e.queue.requests, WaitingBytes: e.queue.bytes}
	e.mu.Unlock()
	counts := e.counts.Load()
	load.Queued = time.Duration(counts.queued.Load())
	load.Codes, load.Tags = counts.kinds()
	return load
}
