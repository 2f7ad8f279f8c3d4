package server

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// awaitDrained waits until every accepted request has ended. All that was delivered must be admitted. If ctx ends
// first, it refuses what has not started, ends the contexts of the handlers, and returns an error that counts both. It
// can be called concurrently: for the removal of the endpoint, and for the stop of its service meanwhile.
func (e *Served) awaitDrained(ctx context.Context) error {
	e.mu.Lock()
	e.draining = true
	e.noticeDrainedLocked()
	e.mu.Unlock()
	defer e.endContexts()
	select {
	case <-e.drained: // even if ctx has ended
		return nil
	default:
	}
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
		return e.abandon(ctx)
	}
}

// abandon refuses what has not started. It returns nil if nothing is left after all.
func (e *Served) abandon(ctx context.Context) error {
	e.mu.Lock()
	e.refusing = true
	running, waiting := e.slots, e.queue.requests
	var refused list
	for r := e.queue.pop(); r != nil; r = e.queue.pop() {
		e.refuseLocked(r, wire.Stopping())
		refused.add(r)
	}
	e.mu.Unlock()
	e.answerAllRefused(refused.first)
	return e.abandoned(running, waiting, context.Cause(ctx))
}

// abandoned is the error that counts what did not get its answer. It is nil if that is nothing.
func (e *Served) abandoned(running, waiting int, why error) error {
	if running == 0 && waiting == 0 {
		return nil
	}
	return fmt.Errorf("%w: endpoint %q at %q: %d handlers are still running, %d requests were refused: %w",
		ErrAbandoned, e.Name, e.Subject, running, waiting, why)
}

// discard forgets what waits, and ends the contexts of the handlers: on a closed connection no reply can be sent. It
// returns an error that counts both.
func (e *Served) discard() error {
	e.mu.Lock()
	e.refusing = true
	running, waiting := e.slots, e.queue.requests
	var forgotten list
	for r := e.queue.pop(); r != nil; r = e.queue.pop() {
		e.callers.remove(r)
		forgotten.add(r)
	}
	e.mu.Unlock()
	e.endContexts()
	for r := forgotten.first; r != nil; r = r.next {
		e.watchUnserved(r, Outcome{Unanswered: true})
	}
	return e.abandoned(running, waiting, nats.ErrConnectionClosed)
}

// endContexts ends the contexts of all handlers, those that have yet to start included.
func (e *Served) endContexts() {
	e.cancel()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue.expiry.stop()
	for r := e.running.first; r != nil; r = r.next {
		r.end(context.Canceled)
	}
}
