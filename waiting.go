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

	limited bool
	until   time.Time // when a limited one is given up

	prev, next *waiter // of those that are limited
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

// waitingCalls is the calls of a client that wait for their replies. The client's lock guards it.
//
// Those whose context has no deadline are limited, all by the same timeout. So they are given up in the order in
// which they came, and one timer, set for the first of them, does for all: a timer for each call would cost more than
// the rest of the waiting.
type waitingCalls struct {
	byNumber    map[uint64]*waiter
	first, last *waiter     // of those that are limited
	alarm       func()      // what the timer calls
	timer       *time.Timer // nil until there is one
	running     bool        // the timer, for the first one or for one that was
}

func newWaitingCalls(alarm func()) waitingCalls {
	return waitingCalls{byNumber: make(map[uint64]*waiter), alarm: alarm}
}

// add enters a call under a number of its own.
func (c *waitingCalls) add() *waiter {
	// Whoever answers one call knows the inbox, and must not guess the numbers of other calls. As text, 51 bits are ten
	// characters, two more than nats.go has.
	number := uint64(noCall)
	for number == noCall || c.byNumber[number] != nil {
		number = rand.Uint64() >> 13 //nolint:gosec // it is ChaCha8, seeded by the operating system
	}
	w, _ := waiters.Get().(*waiter)
	w.number = number
	c.byNumber[number] = w
	return w
}

// limit has a call given up after timeout, which must not be before those that were limited earlier.
func (c *waitingCalls) limit(w *waiter, timeout time.Duration) {
	w.limited, w.until = true, time.Now().Add(timeout)
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
	w := c.byNumber[number]
	if w == nil {
		return nil
	}
	delete(c.byNumber, number)
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
	now := time.Now()
	for c.first != nil && !now.Before(c.first.until) {
		w := c.remove(c.first.number)
		w.answers <- a
	}
	c.running = c.first != nil
	if c.running {
		c.timer.Reset(c.first.until.Sub(now))
	}
}

// endAll ends all calls.
func (c *waitingCalls) endAll(a answer) {
	for number := range c.byNumber {
		w := c.remove(number)
		w.answers <- a
	}
	if c.timer != nil {
		c.timer.Stop()
		c.running = false
	}
}
