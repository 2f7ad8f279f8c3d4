package replies

import (
	"math/rand/v2"
	"time"
)

// nonceBits is how much of a call's number is random; the rest is its place. Whoever answers one call knows the inbox,
// and must not guess the numbers of others. There is room for 16 million calls at a time.
const nonceBits = 40

// waiting is the calls of a client that wait for their replies. The inbox's lock guards it.
//
// Calls whose context has no deadline are limited, all by the same timeout. So they are given up in the order in
// which they came, and one timer, set for the first of them, does for all: a timer for each call would cost more than
// the rest of the waiting.
type waiting struct {
	places []*Call // nil if nobody waits; a map would cost more than all else here
	free   []int   // places

	start       time.Time   // of the clock: reading the time since then is cheaper than the time
	first, last *Call       // of those that are limited
	alarm       func()      // what the timer calls
	timer       *time.Timer // nil until there is one
	running     bool        // the timer, for the first one or for one that was
}

func newWaiting(alarm func()) waiting { return waiting{start: time.Now(), alarm: alarm} }

// add enters a call under a number of its own.
func (w *waiting) add() *Call {
	c, _ := calls.Get().(*Call)
	place := len(w.places)
	if last := len(w.free) - 1; last >= 0 {
		place, w.free = w.free[last], w.free[:last]
		w.places[place] = c
	} else {
		w.places = append(w.places, c)
	}
	const mask = 1<<nonceBits - 1
	c.expects, c.stream = nil, ""
	c.number = uint64(place+1)<<nonceBits | rand.Uint64()&mask //nolint:gosec // ChaCha8, seeded by the operating system
	return c
}

// limit has a call given up after timeout, which must not be before those that were limited earlier.
func (w *waiting) limit(c *Call, timeout time.Duration) {
	c.limited, c.until = true, time.Since(w.start)+timeout
	c.prev = w.last
	if w.last == nil {
		w.first = c
	} else {
		w.last.next = c
	}
	w.last = c
	switch {
	case w.running:
	case w.timer == nil:
		w.timer = time.AfterFunc(timeout, w.alarm)
	default:
		w.timer.Reset(timeout)
	}
	w.running = true
}

// find returns the call with that number, or nil if no such call waits any more.
func (w *waiting) find(number uint64) *Call {
	place := int(number>>nonceBits) - 1
	if place < 0 || place >= len(w.places) || w.places[place] == nil || w.places[place].number != number {
		return nil
	}
	return w.places[place]
}

// remove takes out the call with that number. It returns nil if no such call waits any more.
func (w *waiting) remove(number uint64) *Call {
	c := w.find(number)
	if c == nil {
		return nil
	}
	place := int(number>>nonceBits) - 1
	w.places[place] = nil
	w.free = append(w.free, place)
	if c.limited {
		w.unlimit(c)
	}
	return c
}

// acknowledge notes that a stream has acknowledged a request. It reports whether that is not the reply, so that the
// call waits on.
func (w *waiting) acknowledge(number uint64, stream string) bool {
	c := w.find(number)
	if c == nil || c.expects == nil || c.expects.IncludesAcknowledgement() {
		return false
	}
	c.stream = stream
	return true
}

// unlimit takes a call out of the list of those that are limited.
func (w *waiting) unlimit(c *Call) {
	if c.prev == nil {
		w.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		w.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.limited, c.prev, c.next = false, nil, nil
}

// endDue ends the calls whose time is up, and sets the timer for the next one.
func (w *waiting) endDue(e ending) {
	now := time.Since(w.start)
	for w.first != nil && w.first.until <= now {
		w.remove(w.first.number).end(e)
	}
	w.running = w.first != nil
	if w.running {
		w.timer.Reset(w.first.until - now)
	}
}

// endAll ends all calls.
func (w *waiting) endAll(e ending) {
	for _, c := range w.places {
		if c != nil {
			w.remove(c.number).end(e)
		}
	}
	if w.timer != nil {
		w.timer.Stop()
		w.running = false
	}
}
