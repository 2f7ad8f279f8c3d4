package replies

import (
	"container/heap"
	"time"
)

// limits is the calls that are given up at a time of their own. The inbox's lock guards it.
//
// Most calls have no deadline, and the client's timeout. So they are given up in the order in which they came: a call that
// is given up after the last of a list goes to its end, which costs nothing that grows. The others, such as those of a
// handler with its caller's deadline, are in a heap. One timer, set for the first of all, does for both: a timer for each
// call would cost more than the rest of the waiting.
type limits struct {
	start       time.Time // of the clock: reading the time since then is cheaper than the time
	first, last *Call     // in the list
	others      callHeap

	alarm   func()        // what the timer calls
	timer   *time.Timer   // nil until there is one
	running bool          // the timer
	at      time.Duration // when it runs out, which may be before the first call is due
}

func newLimits(alarm func()) limits { return limits{start: time.Now(), alarm: alarm} }

// limit has a call given up after timeout.
func (l *limits) limit(c *Call, timeout time.Duration) {
	c.until = time.Since(l.start) + timeout
	if l.last == nil || c.until >= l.last.until {
		c.limited, c.prev = inList, l.last
		if l.last == nil {
			l.first = c
		} else {
			l.last.next = c
		}
		l.last = c
	} else {
		c.limited = inHeap
		heap.Push(&l.others, c)
	}
	if !l.running || c.until < l.at {
		l.run(c.until, timeout)
	}
}

// unlimit takes a call out, if it is limited.
func (l *limits) unlimit(c *Call) {
	switch c.limited {
	case unlimited:
	case inHeap:
		heap.Remove(&l.others, c.index)
	case inList:
		if c.prev == nil {
			l.first = c.next
		} else {
			c.prev.next = c.next
		}
		if c.next == nil {
			l.last = c.prev
		} else {
			c.next.prev = c.prev
		}
		c.prev, c.next = nil, nil
	}
	c.limited = unlimited
}

// due returns a call whose time is up. If there is none it sets the timer for the next one, and returns nil.
func (l *limits) due() *Call {
	next := l.next()
	if next == nil {
		l.running = false
		return nil
	}
	now := time.Since(l.start)
	if next.until <= now {
		return next
	}
	l.run(next.until, next.until-now)
	return nil
}

// next returns the call that is given up first, or nil.
func (l *limits) next() *Call {
	if len(l.others) == 0 || l.first != nil && l.first.until <= l.others[0].until {
		return l.first
	}
	return l.others[0]
}

// run sets the timer.
func (l *limits) run(at, after time.Duration) {
	l.at, l.running = at, true
	if l.timer == nil {
		l.timer = time.AfterFunc(after, l.alarm)
		return
	}
	l.timer.Reset(after)
}

// stop stops the timer.
func (l *limits) stop() {
	if l.timer != nil {
		l.timer.Stop()
		l.running = false
	}
}

// callHeap is calls, the one that is given up first at the root. It implements [heap.Interface].
type callHeap []*Call

func (h *callHeap) Len() int { return len(*h) }

func (h *callHeap) Less(i, j int) bool { return (*h)[i].until < (*h)[j].until }

func (h *callHeap) Swap(i, j int) {
	a, b := (*h)[i], (*h)[j]
	(*h)[i], (*h)[j] = b, a
	a.index, b.index = j, i
}

// Push implements [heap.Interface].
func (h *callHeap) Push(x any) {
	c, _ := x.(*Call)
	c.index = len(*h)
	*h = append(*h, c)
}

// Pop implements [heap.Interface].
func (h *callHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}
