package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// environment is what an endpoint needs of the service around it.
type environment struct {
	replier

	clock   clock
	readers *sync.WaitGroup // the goroutines that run handlers
	tickets *tickets        // of all endpoints together; nil is no bound
}

// Served is an endpoint of a running service: it admits requests, serves as many at a time as its bound allows, lets
// others wait in a queue, and counts them.
type Served struct {
	Endpoint

	env       *environment
	isPattern bool // its subject holds wildcards

	// The handlers' contexts come from ctx, so that Stop can end those that it stops waiting for.
	ctx    context.Context //nolint:containedctx // there is no call to pass it through: requests come from the wire
	cancel context.CancelFunc

	mu       sync.Mutex
	slots    int // that are taken, of MaxConcurrent
	running  list
	queue    queue
	callers  callers
	pace     pace
	refusals int           // being answered
	refusing bool          // answer 503 to whatever has not started
	draining bool          // no more requests come
	drained  chan struct{} // closed when no request is left

	inLine bool // for a ticket; the lock of the tickets guards it

	counts     atomic.Pointer[counts]
	full       atomic.Bool  // nothing has left a slot or the queue since a request was refused for lack of them
	unanswered atomic.Int64 // requests that were refused without an answer, as far as they were not reported
}

func newServed(e Endpoint, env *environment) *Served {
	s := &Served{
		Endpoint:  e,
		env:       env,
		isPattern: subject.HasWildcard(e.Subject),
		queue:     queue{maxRequests: e.MaxPending, maxBytes: e.MaxPendingBytes, expiry: newExpiry()},
		callers:   newCallers(),
		pace:      newPace(e.MaxConcurrent),
		drained:   make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.counts.Store(&counts{})
	return s
}

// Counts returns what was counted.
func (e *Served) Counts() Counts { return e.counts.Load().read() }

// ResetCounts sets it to zero. Requests that are being served are not counted afterwards.
func (e *Served) ResetCounts() { e.counts.Store(&counts{}) }

// admit implements [receiver]: the request starts now, waits in the queue, or is refused.
func (e *Served) admit(m *nats.Msg) *Request {
	now := e.env.clock.now()
	r := newRequest(m)
	r.clock, r.counts = &e.env.clock, e.counts.Load()
	facts, token := wire.FactsOf(m.Header, m.Reply)
	r.ContentType, r.cancellable, r.confirms = facts.ContentType, token.Arrived, token.Asked
	r.arrive(now, e.timeout(facts.Timeout))
	r.watched = e.Watcher != nil
	r.counts.requests.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.refusing:
		e.refuseLocked(r, wire.Stopping())
	case e.isPattern && subject.HasWildcard(m.Subject):
		e.refuseLocked(r, wire.NotConcrete(m.Subject))
	case e.slots < e.MaxConcurrent && e.queue.isEmpty() && e.env.tickets.take(e):
		e.slots++
		e.startLocked(r, now)
		e.callers.add(r)
	default:
		return e.queueLocked(r)
	}
	return r
}

// startLocked notes that a request has its slot.
func (e *Served) startLocked(r *Request, now time.Duration) {
	r.started, e.pace.taken = now, now
	if r.waited {
		r.counts.queued.Add(int64(now - r.arrived))
	}
	e.running.add(r)
}

// queueLocked lets a request wait. If there is no room for it, or no point in that, it refuses and returns it.
func (e *Served) queueLocked(r *Request) *Request {
	r.size = sizeOf(r.Msg)
	// What has a slot and waits for a ticket only is let in without an estimate, which knows nothing of other endpoints:
	// it could refuse all there is while they have the tickets.
	isFirst := e.slots < e.MaxConcurrent && e.queue.isEmpty()
	if !e.queue.hasRoomFor(r.size) || !isFirst && !e.pace.allows(r, e.queue.requests, e.MaxConcurrent) {
		e.full.Store(true)
		e.refuseLocked(r, wire.Overloaded())
		return r
	}
	e.queue.push(r)
	e.queue.expiry.set(r.arrived, e.needsLocked(r.arrived), e.expire)
	e.callers.add(r)
	return nil
}

// timeout is how long a request may take whose caller waits for so long. For both, 0 means that nobody says.
func (e *Served) timeout(caller time.Duration) time.Duration {
	if caller == 0 || e.Timeout == 0 {
		return max(caller, e.Timeout)
	}
	return min(caller, e.Timeout)
}

// proceed implements [receiver].
func (e *Served) proceed(r *Request) {
	if r.isRefused() {
		e.answerRefused(r)
		return
	}
	e.occupySlot(r)
}

// occupySlot serves r and then what waits in the queue, and if the service has a bound on all its endpoints what waits
// in theirs. The caller has taken a slot, and a ticket; both are given back once nothing waits for them.
func (e *Served) occupySlot(r *Request) {
	at, returned := e, false
	defer func() {
		// runtime.Goexit, which t.FailNow calls, has ended this goroutine. It cannot be stopped, only noticed: the slot
		// goes to another goroutine, which holds it and goes on with the queue.
		if !returned {
			at, ended := at, r // without it, r itself would be on the heap
			e.env.readers.Go(func() {
				if at, r := at.next(ended); r != nil {
					at.occupySlot(r)
				}
			})
		}
	}()
	for r != nil {
		at.serve(r)
		at, r = at.next(r)
	}
	returned = true
}

// next takes the request that has ended out of its slot and returns the one that is served in its place, with its endpoint.
// If there is none it gives the slot back.
func (e *Served) next(ended *Request) (*Served, *Request) {
	e.mu.Lock()
	e.leaveLocked(ended)
	if e.env.tickets == nil {
		defer e.mu.Unlock()
		return e, e.claimLocked()
	}
	if !e.queue.isEmpty() {
		e.env.tickets.lineUp(e)
	}
	e.mu.Unlock()
	for {
		first := e.env.tickets.pass()
		if first == nil {
			return nil, nil
		}
		if r := first.claim(); r != nil {
			return first, r
		}
	}
}

// leaveLocked takes the request that has ended out of its slot.
func (e *Served) leaveLocked(ended *Request) {
	e.running.remove(ended)
	e.callers.remove(ended)
	e.full.Store(false)
	began, took, ran := ended.started, ended.took, ended.Context != nil
	ended.recycle()
	e.slots--
	switch {
	case e.queue.isEmpty():
		if took > 0 { // what comes after the handler is left out: it would cost reading the clock
			e.pace.note(took)
		}
		e.noticeDrainedLocked()
	case ran:
		e.pace.note(e.env.clock.now() - began)
	}
}

// claim takes the next request for a ticket that the endpoint has got. It returns nil if there is none, or no slot for it.
func (e *Served) claim() *Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	var r *Request
	if e.slots < e.MaxConcurrent {
		r = e.claimLocked()
	}
	if e.queue.isEmpty() || e.slots == e.MaxConcurrent { // it stands in line again when one of its requests ends
		e.env.tickets.leave(e)
	}
	return r
}

// needsLocked is how long before a caller stops waiting a request has to start. If nothing of the endpoint has run for a
// while, because others have the tickets, nothing will put a wrong estimate right: then any request may.
func (e *Served) needsLocked(now time.Duration) time.Duration {
	if e.env.tickets != nil && e.slots == 0 && now-e.pace.taken > 2*e.pace.mean {
		return 0
	}
	return e.pace.needs()
}

// claimLocked gives a slot, which there is, to the request that has waited longest. It returns nil if none waits.
func (e *Served) claimLocked() *Request {
	r := e.queue.pop()
	if r == nil {
		return nil
	}
	now := e.env.clock.now()
	needs := e.needsLocked(now)
	e.slots++
	r.late = r.until-now < needs
	e.queue.expiry.set(now, needs, e.expire)
	e.startLocked(r, now)
	return r
}

// serve takes one request that has a slot to its last reply. Whatever happens, panics included, the caller gets one.
func (e *Served) serve(r *Request) {
	var out Outcome
	returned := false
	defer func() {
		if !returned {
			out = crash(recover())
		}
		if r.Context != nil && r.took == 0 { // it did not get as far as the handler, and guards may have kept the context
			r.Context.End(context.Canceled)
		}
		e.finish(r, out)
	}()
	switch {
	case r.expired():
		r.refusal = wire.DeadlinePassed()
	case r.cancelled():
		r.refusal = wire.CallerGone()
	case r.late:
		r.refusal = wire.Overloaded()
	}
	if r.isRefused() {
		out, returned = Fail(r.refusal), true
		return
	}
	e.Operation.Prepare(e.ctx, r)
	if e.Watcher != nil {
		e.Watcher.Begin(r)
	}
	out = e.Operation.Serve(r)
	returned = true
}

// finish counts the request and sends its last reply.
func (e *Served) finish(r *Request, out Outcome) {
	r.counts.processing.Add(int64(r.took))
	out = e.env.finish(r, out, e.Name)
	switch {
	case e.Watcher == nil:
	case r.isRefused():
		e.watchUnserved(r, out)
	default:
		e.Watcher.End(r, out)
	}
}

// refuseLocked marks a request that will not run; answerRefused must follow, without the lock.
func (e *Served) refuseLocked(r *Request, why wire.ErrorReply) {
	r.refusal = why
	if r.waited {
		r.counts.queued.Add(int64(r.Age()))
	}
	e.callers.remove(r)
	e.refusals++
}

// answerRefused answers a request that will not run.
func (e *Served) answerRefused(r *Request) {
	defer func() {
		r.recycle()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.refusals--
		e.noticeDrainedLocked()
	}()
	if e.env.IsClosed() {
		e.watchUnserved(r, Outcome{Unanswered: true})
		return
	}
	e.finish(r, Fail(r.refusal))
}

// turnAway implements [receiver].
func (e *Served) turnAway() bool {
	if !e.full.Load() {
		return false
	}
	counts := e.counts.Load()
	counts.requests.Add(1)
	counts.unanswered.Add(1)
	e.unanswered.Add(1)
	return true
}

// drop implements [receiver]. Nobody hears of the request but the statistics, see [attached.noticeDropped].
func (e *Served) drop(r *Request) {
	r.counts.unanswered.Add(1)
	e.unanswered.Add(1)
	r.recycle()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusals--
	e.noticeDrainedLocked()
}

func (e *Served) noticeDrainedLocked() {
	if e.draining && e.slots == 0 && e.refusals == 0 && e.queue.isEmpty() {
		select {
		case <-e.drained:
		default:
			close(e.drained)
		}
	}
}

// cancelCall ends the contexts of the requests with that reply subject, and reports whether there was one. Those that wait
// leave the queue: it returns the first of them, which the others follow, and answerAllRefused must be called for them.
func (e *Served) cancelCall(reply string) (waited *Request, found bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var abandoned list
	for r := e.callers.take(reply); r != nil; r = e.callers.take(reply) {
		found = true
		if !r.waits {
			r.end(ErrCallerGone)
			continue
		}
		e.queue.remove(r)
		e.full.Store(false)
		e.refuseLocked(r, wire.CallerGone())
		abandoned.add(r)
	}
	return abandoned.first, found
}

// answerAllRefused answers a request that will not run, and those that follow it in a list.
func (e *Served) answerAllRefused(r *Request) {
	for r != nil {
		next := r.next
		e.answerRefused(r)
		r = next
	}
}
