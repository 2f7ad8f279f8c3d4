package server

import "github.com/nats-io/nats.go"

// headerOverhead is what a key and a value of a header take in memory beside their text, in bytes. Without it, a header
// of many short ones would hold twenty times of what it counts.
const headerOverhead = 64

// queue is the requests that wait for a free slot, first in, first out, and the bounds on them. The endpoint's lock
// guards it. The list goes through the requests themselves, so that waiting costs no allocation.
type queue struct {
	maxRequests, maxBytes int

	head, tail *Request
	requests   int
	bytes      int // that they hold, see [sizeOf]
}

// hasRoomFor reports whether a request of that size may wait.
func (q *queue) hasRoomFor(size int) bool {
	return q.requests < q.maxRequests && q.maxBytes > 0 && q.bytes+size <= q.maxBytes
}

func (q *queue) isEmpty() bool { return q.head == nil }

func (q *queue) push(r *Request) {
	r.waited = true
	if q.tail == nil {
		q.head = r
	} else {
		q.tail.next = r
	}
	q.tail = r
	q.requests++
	q.bytes += r.size
}

// pop returns the request that has waited longest, nil if none waits.
func (q *queue) pop() *Request {
	r := q.head
	if r == nil {
		return nil
	}
	q.head, r.next = r.next, nil
	if q.head == nil {
		q.tail = nil
	}
	q.requests--
	q.bytes -= r.size
	return r
}

// cancel ends the contexts of the waiting requests with that reply subject. They keep their places.
func (q *queue) cancel(reply string) {
	for r := q.head; r != nil; r = r.next {
		if r.Msg.Reply == reply {
			r.end(ErrCallerGone)
		}
	}
}

// sizeOf is what counts of a message against the bound on bytes: its headers and its body, as they came.
func sizeOf(m *nats.Msg) int {
	size := m.Size() - len(m.Subject) - len(m.Reply)
	for _, values := range m.Header {
		size += headerOverhead * (1 + len(values))
	}
	return size
}
