package server

import (
	"container/heap"
	"math"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

// never is a moment on a service's clock that does not come.
const never = time.Duration(math.MaxInt64)

// expiry is the requests that wait and whose callers do not wait for ever, and the one timer that takes them out of the
// queue when their time is over, or so little is left of it that they could not be served any more, see [pace]. The
// endpoint's lock guards it.
//
// The timer is set for the first of all. When it goes off, a goroutine answers those whose time is over, one after the
// other, and sets it again: there is one such goroutine at a time, even if the connection does not take what it sends. The
// timer is not stopped when the request that it was set for leaves the queue earlier, which most do; it then finds nothing
// to do.
type expiry struct {
	waiting requestHeap
	timer   *time.Timer   // nil until there is one
	at      time.Duration // when it goes off; never if it is not set, or the goroutine is at work
	working bool          // the goroutine
}

func newExpiry() expiry { return expiry{at: never} }

func (x *expiry) add(r *Request) {
	if r.until != never {
		heap.Push(&x.waiting, r)
	}
}

func (x *expiry) remove(r *Request) {
	if r.until != never {
		heap.Remove(&x.waiting, r.expires)
	}
}

// next is when the first request's time is over, but for what it needs.
func (x *expiry) next(needs time.Duration) time.Duration {
	if len(x.waiting) == 0 {
		return never
	}
	return x.waiting[0].until - needs
}

// set sets the timer for the next request, unless it goes off before.
func (x *expiry) set(now, needs time.Duration, alarm func()) {
	next := x.next(needs)
	if x.working || next >= x.at {
		return
	}
	x.at = next
	if x.timer == nil {
		x.timer = time.AfterFunc(next-now, alarm)
		return
	}
	x.timer.Reset(next - now)
}

// stop is for when nothing will wait any more.
func (x *expiry) stop() {
	if x.timer != nil {
		x.timer.Stop()
	}
}

// expire is what the timer calls: it answers the requests that wait and whose time is over, until there are none.
func (e *Served) expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := &e.queue.expiry
	if x.at = never; x.working {
		return
	}
	for {
		now := e.env.clock.now()
		expired := e.takeExpiredLocked(now)
		if expired == nil {
			x.set(now, e.needsLocked(now), e.expire)
			return
		}
		x.working = true
		e.mu.Unlock()
		e.answerAllRefused(expired)
		e.mu.Lock()
		x.working = false
	}
}

// takeExpiredLocked takes the requests out of the queue whose time is over, or nearly. It returns the first of them, which the others
// follow.
func (e *Served) takeExpiredLocked(now time.Duration) *Request {
	var expired list
	for e.queue.expiry.next(e.needsLocked(now)) <= now {
		r := e.queue.expiry.waiting[0]
		e.queue.remove(r)
		e.full.Store(false)
		why := wire.DeadlinePassed()
		if now < r.until {
			why = wire.Overloaded()
		}
		e.refuseLocked(r, why)
		expired.add(r)
	}
	return expired.first
}

// requestHeap is requests, the one whose time is over first at the root. It implements [heap.Interface].
type requestHeap []*Request

func (h *requestHeap) Len() int { return len(*h) }

func (h *requestHeap) Less(i, j int) bool { return (*h)[i].until < (*h)[j].until }

func (h *requestHeap) Swap(i, j int) {
	a, b := (*h)[i], (*h)[j]
	(*h)[i], (*h)[j] = b, a
	a.expires, b.expires = j, i
}

// Push implements [heap.Interface].
func (h *requestHeap) Push(x any) {
	r, _ := x.(*Request)
	r.expires = len(*h)
	*h = append(*h, r)
}

// Pop implements [heap.Interface].
func (h *requestHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}
