package typednats

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Bounds of an endpoint that sets none of its own.
const (
	// DefaultMaxConcurrent is how many requests of one endpoint are handled at a time.
	DefaultMaxConcurrent = 256

	// DefaultMaxPendingMessages is how many requests of one endpoint wait for a handler.
	DefaultMaxPendingMessages = 4096

	// DefaultMaxPendingBytes is how many bytes the bodies of the requests that wait may have together.
	DefaultMaxPendingBytes = 64 << 20
)

// request is one request on its way through a service. Requests are used again. What a handler may keep is input; an
// interceptor may have left one that runs the handler on another goroutine, so its request is not used again.
type request struct {
	ctx         *requestContext
	in          any // a pointer to the In
	msg         *nats.Msg
	contentType string  // of the body, as the caller names it; "" means JSON
	counts      *counts // the statistics that it is part of; nil for a question to a monitor
	refusal     string  // why it does not run; empty if it does
	failed      bool    // it counts as an error
	tracked     bool    // the reply subject tells who called
	waited      bool    // in the queue
	kept        bool    // by an interceptor, perhaps

	started     time.Duration // when it got its slot, on the service's clock
	took        time.Duration // from then on, until the handler returned
	replyHeader nats.Header   // what the handler wants to send back
	buffer      *buffer       // of the reply's body, nil if that is not in one

	// Under the endpoint's lock: the place in the queue, and then in the list that is searched when a caller gives up.
	next                   *request
	prevActive, nextActive *request
}

// input is what a handler gets, in one allocation.
type input[In any] struct {
	ctx   requestContext
	value In
}

var requests = sync.Pool{New: func() any { return new(request) }} //nolint:gochecknoglobals // nobody can tell what is in it

// newRequest returns a request whose in is a pointer to a zero In, to decode m into. The handler's context ends with ctx
// at the latest.
func newRequest[In any](ctx context.Context, m *nats.Msg) *request {
	given := &input[In]{ctx: requestContext{parent: ctx}}
	r, _ := requests.Get().(*request)
	r.ctx, r.in, r.msg = &given.ctx, &given.value, m
	return r
}

// release gives a request back that is answered and out of the queue and the list.
func (r *request) release() {
	if r.kept {
		return
	}
	*r = request{}
	requests.Put(r)
}

// expired reports whether the caller had stopped waiting before the request got its slot.
func (r *request) expired() bool {
	return r.waited && !r.ctx.deadline.IsZero() && !time.Now().Before(r.ctx.deadline)
}

// abandoned reports whether the caller gave up before the request got its slot.
func (r *request) abandoned() bool { return r.waited && r.ctx.endedBy() != nil }

// count enters the request's failure into the statistics. The last one is shown, and together they count as one.
func (r *request) count(out outcome) {
	if r.counts == nil {
		return
	}
	n := 1
	if r.failed {
		n = 0
	}
	r.failed = true
	r.counts.failed(n, out.code, out.description)
}

// servedEndpoint is an endpoint of a running service: its subscription, the queue in front of its handlers, and its
// statistics. What happens to one request is in pipeline.go.
type servedEndpoint struct {
	*contract
	op          operation
	intercepted Handler // op behind the interceptors, nil without any
	svc         *Service
	sub         *nats.Subscription
	cancelSub   *nats.Subscription // where callers say that they gave up
	dropped     int                // requests that nats.go dropped, as far as they were reported
	queueGroup  string             // "" if switched off

	maxConcurrent, maxPendingMessages, maxPendingBytes int

	// The handlers' contexts come from ctx, so that Stop can end those that it stops waiting for.
	ctx    context.Context //nolint:containedctx // there is no call to pass it through: requests come from the wire
	cancel context.CancelFunc

	mu           sync.Mutex
	running      int // handlers
	head, tail   *request
	active       *request // the first of those that run and are tracked
	pending      int      // requests in the queue
	pendingBytes int
	refusals     int           // being answered
	refusing     bool          // answer 503 to whatever has not started
	draining     bool          // no more requests come
	drained      chan struct{} // closed when no request is left

	counts atomic.Pointer[counts]
}

// admit implements [receiver]: the request runs now, waits in the queue, or is refused.
func (e *servedEndpoint) admit(m *nats.Msg) *request {
	now := e.svc.clock()
	r := e.op.newRequest(e.ctx, m)
	r.counts = e.counts.Load()
	facts, tracked := factsOf(m.Header, m.Reply)
	r.contentType, r.tracked = facts.contentType, tracked
	if facts.timeout > 0 {
		r.ctx.deadline = e.svc.begun.Add(now).Add(facts.timeout) // in two steps: the sum of the durations can overflow
	}
	r.counts.requests.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.refusing:
		e.refuseLocked(r, stoppingDescription)
	case e.running < e.maxConcurrent && e.head == nil:
		e.running++
		r.started = now
		e.trackLocked(r)
	case e.isFullLocked(len(m.Data)):
		e.refuseLocked(r, overloadedDescription)
	default:
		e.push(r)
		return nil
	}
	return r
}

// isFullLocked reports whether a request of that many bytes may not wait.
func (e *servedEndpoint) isFullLocked(size int) bool {
	return e.pending >= e.maxPendingMessages || e.maxPendingBytes == 0 || e.pendingBytes+size > e.maxPendingBytes
}

// run implements [receiver].
func (e *servedEndpoint) run(r *request) {
	if r.refusal != "" {
		e.refuse(r)
		return
	}
	e.work(r)
}

// work runs r and then what waits in the queue. The caller holds one of the slots that maxConcurrent bounds; work
// gives it back once the queue is empty.
func (e *servedEndpoint) work(r *request) {
	returned := false
	defer func() {
		if !returned { // runtime.Goexit ended this goroutine; the slot goes to another one
			ended := r // without it, r itself would be on the heap
			e.svc.intake.readers.Go(func() { e.work(e.next(ended)) })
		}
	}()
	for ; r != nil; r = e.next(r) {
		e.serve(r)
	}
	returned = true
}

// next ends the request that ran in a slot and returns the one that runs there now. It gives the slot back if there
// is none.
func (e *servedEndpoint) next(ended *request) *request {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.untrackLocked(ended)
	ended.release()
	r := e.pop()
	if r == nil {
		e.running--
		e.checkDrainedLocked()
		return nil
	}
	r.started = e.svc.clock()
	e.trackLocked(r)
	return r
}

// refuseLocked marks a request that will not run; refuse must follow.
func (e *servedEndpoint) refuseLocked(r *request, description string) {
	r.refusal = description
	e.refusals++
}

// refuse answers a request that will not run.
func (e *servedEndpoint) refuse(r *request) {
	defer func() {
		r.release()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.refusals--
		e.checkDrainedLocked()
	}()
	if !e.svc.nc.IsClosed() {
		e.reply(r, failure(codeUnavailable, r.refusal))
	}
}

func (e *servedEndpoint) checkDrainedLocked() {
	if e.draining && e.running == 0 && e.refusals == 0 && e.head == nil {
		select {
		case <-e.drained:
		default:
			close(e.drained)
		}
	}
}

func (e *servedEndpoint) push(r *request) {
	r.waited = true
	if e.tail == nil {
		e.head = r
	} else {
		e.tail.next = r
	}
	e.tail = r
	e.pending++
	e.pendingBytes += len(r.msg.Data)
}

func (e *servedEndpoint) pop() *request {
	r := e.head
	if r == nil {
		return nil
	}
	e.head, r.next = r.next, nil
	if e.head == nil {
		e.tail = nil
	}
	e.pending--
	e.pendingBytes -= len(r.msg.Data)
	return r
}

// subscribe starts the flow of requests.
func (e *servedEndpoint) subscribe(nc *nats.Conn) error {
	sub, err := e.svc.routes.add(func() (*nats.Subscription, error) {
		if e.queueGroup == "" {
			return nc.ChanSubscribe(e.subject, e.svc.intake.messages)
		}
		return nc.ChanQueueSubscribe(e.subject, e.queueGroup, e.svc.intake.messages)
	}, e)
	if err != nil {
		return fmt.Errorf("subscribe endpoint %q to %q: %w", e.name, e.subject, err)
	}
	e.sub = sub
	return nil
}

// subscribeCancel starts the flow of cancellations. Where the server refuses it, callers cannot end their handlers, and
// all else works.
func (e *servedEndpoint) subscribeCancel(nc *nats.Conn) error {
	sub, err := e.svc.routes.add(func() (*nats.Subscription, error) {
		return nc.ChanSubscribe(cancelPrefix+e.subject, e.svc.intake.messages)
	}, canceller{e})
	if err != nil {
		return fmt.Errorf("subscribe endpoint %q to %q: %w", e.name, cancelPrefix+e.subject, err)
	}
	e.cancelSub = sub
	return nil
}

// awaitDrained waits until every accepted request is finished. All that was delivered must be admitted. When ctx ends
// first it refuses what has not started, ends the contexts of the handlers, and returns an error that counts both. It
// can be called concurrently: by RemoveEndpoint, and by Stop meanwhile.
func (e *servedEndpoint) awaitDrained(ctx context.Context) error {
	e.mu.Lock()
	e.draining = true
	e.checkDrainedLocked()
	e.mu.Unlock()
	defer e.end()
	select {
	case <-e.drained:
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
func (e *servedEndpoint) abandon(ctx context.Context) error {
	e.mu.Lock()
	e.refusing = true
	running, pending := e.running, e.pending
	var refused []*request
	for r := e.pop(); r != nil; r = e.pop() {
		e.refuseLocked(r, stoppingDescription)
		refused = append(refused, r)
	}
	e.mu.Unlock()
	for _, r := range refused {
		e.refuse(r)
	}
	if running == 0 && pending == 0 {
		return nil
	}
	return fmt.Errorf("%w: endpoint %q at %q: %d handlers are still running, %d requests were refused: %w",
		ErrAbandoned, e.name, e.subject, running, pending, ctx.Err())
}

// discard ends the endpoint on a closed connection, where no reply can be sent.
func (e *servedEndpoint) discard() {
	e.mu.Lock()
	e.refusing = true
	for e.pop() != nil {
		continue
	}
	e.mu.Unlock()
	e.end()
}

// end ends the contexts of the handlers, and the subscription where draining it has not.
func (e *servedEndpoint) end() {
	e.cancel()
	if e.cancelSub != nil {
		_ = e.cancelSub.Unsubscribe() // it fails on a closed connection only
		e.svc.routes.remove(e.cancelSub)
	}
	if e.sub == nil { // subscribing failed
		return
	}
	_ = e.sub.Unsubscribe() // it fails where the subscription, or the connection, is gone already
	e.svc.routes.remove(e.sub)
}
