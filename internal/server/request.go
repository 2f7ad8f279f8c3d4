package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/wire"
)

// Request is one request on its way through a service: it is admitted, may wait in the queue, starts, is served, and
// has ended. Whoever answers it says so with outcomes; see [Outcome].
//
// Requests are used again once they have ended. What a handler, or an interceptor that leaves one running, may keep is
// not part of them: the context, the input and the message. The first two are made when the request is served.
type Request struct {
	Context     *lazy.Context
	Input       any // what the operation made for it, a pointer
	Msg         *nats.Msg
	ContentType string // of the body, as the caller names it; "" means JSON

	Watched any             // what the endpoint's [Watcher] keeps of it
	Outer   context.Context //nolint:containedctx // from the Watcher, for the operation; nil means Context

	clock       *clock
	counts      *counts         // the statistics that it is part of; nil for a question to a monitor
	refusal     wire.ErrorReply // why it does not run; zero if it does
	failure     failure         // that was counted of it
	cancellable bool            // its reply subject tells who called
	confirms    bool            // its reply says that what the reply subject says has arrived
	waited      bool            // has been in the queue
	watched     bool            // the endpoint has a watcher
	bodySize    int             // of a body that was forgotten, in bytes
	late        bool            // when it got its slot, to be run in time

	size    int           // that counts while it waits, in bytes
	arrived time.Duration // on the service's clock, as all moments
	timeout time.Duration // how long after that its caller waits; 0 means that nobody says
	until   time.Duration // when the caller stops waiting; never if nobody says
	started time.Duration // when it got its slot
	took    time.Duration // from then on, until it was handled

	Interrupted wire.Interruption // what [Interruption] said when the handler had returned

	// Under the endpoint's lock: the place in the queue, or in the list of those that run, and that among the callers.
	waits                bool // is in the queue
	expires              int  // where in the heap of those whose time ends
	prev, next           *Request
	hash                 uint64 // of the reply subject
	known                bool   // among the callers
	prevAlike, nextAlike *Request

	mu    sync.Mutex // guards Context for whoever does not serve the request, and
	cause error      // why its context is to end, or has ended, if end was called
}

var requests = sync.Pool{New: func() any { return new(Request) }} //nolint:gochecknoglobals // nobody can tell what is in it

// newRequest returns a request for m.
func newRequest(m *nats.Msg) *Request {
	r, _ := requests.Get().(*Request)
	r.Msg = m
	return r
}

// Begin gives a request its context and its input, which the operation has allocated, best in one piece. The context
// ends with parent at the latest.
func (r *Request) Begin(parent context.Context, ctx *lazy.Context, input any) {
	ctx.BeginTold(parent)
	if r.timeout > 0 {
		ctx.SetDeadline(r.clock.deadline(r.arrived, r.timeout))
	}
	r.mu.Lock()
	r.Context, r.Input = ctx, input
	cause := r.cause
	r.mu.Unlock()
	if cause != nil {
		ctx.End(cause)
	}
}

// end ends the handler's context, now or when it begins.
func (r *Request) end(cause error) {
	r.mu.Lock()
	if r.cause == nil {
		r.cause = cause
	}
	ctx := r.Context
	r.mu.Unlock()
	if ctx != nil {
		ctx.End(cause)
	}
}

// Handled ends the handler's context, and the time that counts as processing.
func (r *Request) Handled() {
	r.took = r.clock.now() - r.started
	r.Context.End(context.Canceled)
}

// recycle gives a request back that has ended and is in neither the queue nor the list.
func (r *Request) recycle() {
	*r = Request{}
	requests.Put(r)
}

// arrive notes when it was admitted, and how long its caller waits; 0 means that nobody says.
func (r *Request) arrive(now, timeout time.Duration) {
	r.arrived, r.timeout, r.until = now, timeout, never
	if timeout > 0 && timeout < never-now {
		r.until = now + timeout
	}
}

// expired reports whether the caller had stopped waiting before the request got its slot.
func (r *Request) expired() bool { return r.waited && r.clock.now() >= r.until }

// cancelled reports whether the caller gave up before the request got its slot.
func (r *Request) cancelled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waited && errors.Is(r.cause, ErrCallerGone)
}

// isRefused reports whether the request does not run.
func (r *Request) isRefused() bool { return r.refusal.Code != 0 }

// count enters a failure into the statistics. The last one is shown, and all of one request count as one.
func (r *Request) count(out Outcome) {
	if r.counts == nil {
		return
	}
	before, now := r.failure, failure{out.Code, out.Tag, out.Description}
	if r.failure = now; before.code == 0 {
		r.counts.fail(1, now)
	} else {
		r.counts.failOtherwise(before, now)
	}
}
