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
// not part of them: the context, the input and the message.
type Request struct {
	Context     *lazy.Context
	Input       any // what the operation made for it, a pointer
	Msg         *nats.Msg
	ContentType string // of the body, as the caller names it; "" means JSON

	clock       *clock
	counts      *counts         // the statistics that it is part of; nil for a question to a monitor
	refusal     wire.ErrorReply // why it does not run; zero if it does
	failed      bool            // it counts as an error
	cancellable bool            // its reply subject tells who called
	confirms    bool            // its reply says that what the reply subject says has arrived
	waited      bool            // in the queue

	started time.Duration // when it got its slot
	took    time.Duration // from then on, until it was handled

	Interrupted wire.Interruption // what [Interruption] said when the handler had returned

	// Under the endpoint's lock: the place in the queue, and then in the list of those that run.
	next                     *Request
	prevRunning, nextRunning *Request
}

var requests = sync.Pool{New: func() any { return new(Request) }} //nolint:gochecknoglobals // nobody can tell what is in it

// NewRequest returns a request for m. The operation allocates ctx and what input points to, best in one piece. The
// context ends with parent at the latest.
func NewRequest(parent context.Context, m *nats.Msg, ctx *lazy.Context, input any) *Request {
	ctx.BeginTold(parent)
	r, _ := requests.Get().(*Request)
	r.Context, r.Input, r.Msg = ctx, input, m
	return r
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

// expired reports whether the caller had stopped waiting before the request got its slot.
func (r *Request) expired() bool {
	deadline, ok := r.Context.Deadline()
	return r.waited && ok && !time.Now().Before(deadline)
}

// cancelled reports whether the caller gave up before the request got its slot.
func (r *Request) cancelled() bool { return r.waited && errors.Is(r.Context.EndedBy(), ErrCallerGone) }

// isRefused reports whether the request does not run.
func (r *Request) isRefused() bool { return r.refusal.Code != 0 }

// count enters a failure into the statistics. The last one is shown, and all of one request count as one.
func (r *Request) count(out Outcome) {
	if r.counts == nil {
		return
	}
	n := 1
	if r.failed {
		n = 0
	}
	r.failed = true
	r.counts.fail(n, out.Code, out.Description)
}
