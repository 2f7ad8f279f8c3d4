package typednats

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// answer is what comes of a call: a reply, or why there is none.
type answer struct {
	msg *nats.Msg
	err error
}

// waiter is where one call waits. Whoever removes it from the waiting calls sends it one answer, or releases it.
type waiter struct {
	number  uint64
	answers chan answer // takes one

	limited    bool
	until      time.Duration // when a limited one is given up, on the clock of the waiting calls
	prev, next *waiter       // of those that are limited
}

var waiters = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	return &waiter{answers: make(chan answer, 1)}
}}

// take waits for the answer. The waiter is free then.
func (w *waiter) take() answer {
	a := <-w.answers
	w.release()
	return a
}

// release gives a waiter back to which no answer is on its way.
func (w *waiter) release() { waiters.Put(w) }

// nonceBits is how much of a call's number is random; the rest is its place. Whoever answers one call knows the inbox,
// and must not guess the numbers of others. There is room for 16 million calls at a time.
const nonceBits = 40

// waitingCalls is the calls of a client that wait for their replies. The client's lock guards it.
//
// Those whose context has no deadline are limited, all by the same timeout. So they are given up in the order in
// which they came, and one timer, set for the first of them, does for all: a timer for each call would cost more than
// the rest of the waiting.
type waitingCalls struct {
	places []*waiter // nil where nobody waits; a map would cost more than all else here
	free   []int     // places

	start       time.Time   // of the clock: reading the time since then is cheaper than the time
	first, last *waiter     // of those that are limited
	alarm       func()      // what the timer calls
	timer       *time.Timer // nil until there is one
	running     bool        // the timer, for the first one or for one that was
}

func newWaitingCalls(alarm func()) waitingCalls { return waitingCalls{start: time.Now(), alarm: alarm} }

// add enters a call under a number of its own.
func (c *waitingCalls) add() *waiter {
	w, _ := waiters.Get().(*waiter)
	place := len(c.places)
	if last := len(c.free) - 1; last >= 0 {
		place, c.free = c.free[last], c.free[:last]
		c.places[place] = w
	} else {
		c.places = append(c.places, w)
	}
	const mask = 1<<nonceBits - 1
	w.number = uint64(place+1)<<nonceBits | rand.Uint64()&mask //nolint:gosec // ChaCha8, seeded by the operating system
	return w
}

// limit has a call given up after timeout, which must not be before those that were limited earlier.
func (c *waitingCalls) limit(w *waiter, timeout time.Duration) {
	w.limited, w.until = true, time.Since(c.start)+timeout
	w.prev = c.last
	if c.last == nil {
		c.first = w
	} else {
		c.last.next = w
	}
	c.last = w
	switch {
	case c.running:
	case c.timer == nil:
		c.timer = time.AfterFunc(timeout, c.alarm)
	default:
		c.timer.Reset(timeout)
	}
	c.running = true
}

// remove returns the call with that number, or nil if it does not wait any more.
func (c *waitingCalls) remove(number uint64) *waiter {
	place := int(number>>nonceBits) - 1
	if place < 0 || place >= len(c.places) || c.places[place] == nil || c.places[place].number != number {
		return nil
	}
	w := c.places[place]
	c.places[place] = nil
	c.free = append(c.free, place)
	if !w.limited {
		return w
	}
	if w.prev == nil {
		c.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		c.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.limited, w.prev, w.next = false, nil, nil
	return w
}

// expire ends the calls whose time is up, and sets the timer for the next one.
func (c *waitingCalls) expire(a answer) {
	now := time.Since(c.start)
	for c.first != nil && c.first.until <= now {
		w := c.remove(c.first.number)
		w.answers <- a
	}
	c.running = c.first != nil
	if c.running {
		c.timer.Reset(c.first.until - now)
	}
}

// endAll ends all calls.
func (c *waitingCalls) endAll(a answer) {
	for _, w := range c.places {
		if w != nil {
			c.remove(w.number)
			w.answers <- a
		}
	}
	if c.timer != nil {
		c.timer.Stop()
		c.running = false
	}
}
