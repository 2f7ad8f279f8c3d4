package server

import "github.com/nats-io/nats.go"

// headerOverhead is what a key and a value of a header take in memory beside their text, in bytes. Without it, a header
// of many short ones would hold twenty times of what it counts.
const headerOverhead = 64

// queue is the requests that wait for a free slot, first in, first out, and the bounds on them. The endpoint's lock
// guards it.
type queue struct {
	maxRequests, maxBytes int

	list     list
	expiry   expiry // the same requests by when their time is over
	requests int
	bytes    int // that they hold, see [sizeOf]
}

// hasRoomFor reports whether a request of that size may wait.
func (q *queue) hasRoomFor(size int) bool {
	return q.requests < q.maxRequests && q.maxBytes > 0 && q.bytes+size <= q.maxBytes
}

func (q *queue) isEmpty() bool { return q.requests == 0 }

func (q *queue) push(r *Request) {
	r.waited, r.waits = true, true
	q.list.add(r)
	q.expiry.add(r)
	q.requests++
	q.bytes += r.size
}

// remove takes a request out that waits; the others keep their order.
func (q *queue) remove(r *Request) {
	r.waits = false
	q.list.remove(r)
	q.expiry.remove(r)
	q.requests--
	q.bytes -= r.size
}

// pop returns the request that has waited longest, nil if none waits.
func (q *queue) pop() *Request {
	r := q.list.first
	if r != nil {
		q.remove(r)
	}
	return r
}

// sizeOf is what counts of a message against the bound on bytes: its headers and its body, as they came.
func sizeOf(m *nats.Msg) int {
	size := m.Size() - len(m.Subject) - len(m.Reply)
	for _, values := range m.Header {
		size += headerOverhead * (1 + len(values))
	}
	return size
}
