package typednats

import (
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"
)

// handoff is between what next runs and those that wait for it. An interceptor may return while next still runs, or call
// it once more: what the first has for the [Invocation] then comes too late, and is dropped. A map that both write to would
// end the process: next has one of its own.
type handoff struct {
	mu   sync.Mutex
	over bool // the interceptors have returned
}

// begin begins a call of next, and returns its number. Unless the interceptors have returned, prepare makes the
// Invocation ready for it.
func (h *handoff) begin(inv *Invocation, prepare func()) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		prepare()
		inv.calls++
	}
	return inv.calls
}

// end ends a call of next: apply enters what it has for the Invocation, unless that comes too late.
func (h *handoff) end(inv *Invocation, call int, apply func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over && inv.calls == call {
		apply()
	}
}

// giveUp makes what calls of next that have not ended have for the Invocation too late.
func (h *handoff) giveUp(inv *Invocation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	inv.calls++
}

// take returns the headers of the reply once the interceptors have returned.
func (h *handoff) take(inv *Invocation) nats.Header {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	return inv.ReplyHeader
}

// replaced is the headers that a handler has set, or deleted (those have no values), and what they were before.
type replaced struct{ now, before nats.Header }

// newReplaced compares headers with what they were before.
func newReplaced(now, before nats.Header) replaced {
	r := replaced{before: before}
	set := func(key string, values []string) {
		if r.now == nil {
			r.now = make(nats.Header)
		}
		r.now[key] = values
	}
	for key, values := range now {
		if !slices.Equal(values, before[key]) {
			set(key, slices.Clone(values))
		}
	}
	for key := range before {
		if _, ok := now[key]; !ok {
			set(key, nil)
		}
	}
	return r
}

// applyTo returns headers with what was set. They are not changed: somebody else may read them.
func (r replaced) applyTo(h nats.Header) nats.Header {
	if len(r.now) == 0 {
		return h
	}
	next := maps.Clone(h)
	if next == nil {
		next = make(nats.Header)
	}
	for key, values := range r.now {
		assign(next, key, values)
	}
	return next
}

// undoIn returns headers as they were before, except for those that somebody has changed since.
func (r replaced) undoIn(h nats.Header) nats.Header {
	if len(r.now) == 0 {
		return h
	}
	next := maps.Clone(h)
	for key, values := range r.now {
		if slices.Equal(h[key], values) {
			assign(next, key, r.before[key])
		}
	}
	return next
}

// assign sets a header, or deletes it if there are no values.
func assign(h nats.Header, key string, values []string) {
	if len(values) == 0 {
		delete(h, key)
		return
	}
	h[key] = values
}

// cloneHeader returns headers that can be added to without a change to the original; nil if there are none.
func cloneHeader(h nats.Header) nats.Header {
	if len(h) == 0 {
		return nil
	}
	next := make(nats.Header, len(h))
	for key, values := range h {
		next[key] = slices.Clip(values)
	}
	return next
}
