package server

import (
	"context"
	"sync"
	"time"
)

// Watcher is told of the requests of an endpoint: of each that is counted, once. Its methods run the owner's code, and
// never under a lock.
type Watcher interface {
	// Begin is called for a request that is about to be run, and was prepared, or that will not run. It can set Watched,
	// and Outer. The context of one that will not run is nil.
	Begin(r *Request)

	// End is called after Begin, and after the reply was sent, or was found to have nobody to send it to. What it gets is
	// what the caller has got.
	End(r *Request, out Outcome)
}

// Received is when the request came.
func (r *Request) Received() time.Time { return r.clock.time(r.arrived) }

// Waited is how long the request was in the queue. What is refused when it comes was not there, however long its answer
// takes.
func (r *Request) Waited() time.Duration {
	switch {
	case !r.waited:
		return 0
	case r.started > 0:
		return r.started - r.arrived
	default:
		return r.Age()
	}
}

// Age is how long ago the request came.
func (r *Request) Age() time.Duration { return r.clock.now() - r.arrived }

// OuterContext is the context for what the request is handed to.
func (r *Request) OuterContext() context.Context {
	if r.Outer != nil {
		return r.Outer
	}
	return r.Context
}

// maxWatchedHeader is how much of headers a refused request keeps for the watcher while its answer waits, in bytes.
const maxWatchedHeader = 1 << 10

// forgetMessage drops of a refused request what its answer does not depend on, and may be large.
func (r *Request) forgetMessage() {
	m := r.Msg
	r.bodySize = len(m.Data)
	if !r.watched || m.Size()-len(m.Subject)-len(m.Reply)-len(m.Data) > maxWatchedHeader {
		m.Header = nil
	}
	m.Data = nil
}

// BodySize is the length of the request's body, in bytes.
func (r *Request) BodySize() int { return max(r.bodySize, len(r.Msg.Data)) }

// watchUnserved tells of a request that does not run. If it has a reply, that was sent before: the owner's code cannot
// hold that up. It has a goroutine for that, because it may call runtime.Goexit, as t.FailNow does: that must not end the
// goroutine of those who wait for their answers, nor that of a Stop.
func (e *Served) watchUnserved(r *Request, out Outcome) {
	if e.Watcher == nil {
		return
	}
	var told sync.WaitGroup
	told.Go(func() {
		defer e.Watcher.End(r, out)
		e.Watcher.Begin(r)
	})
	told.Wait()
}
