package server

import (
	"slices"
	"sync"
)

// tickets bound how many requests of all endpoints of a service are served at a time: a request needs a slot of its endpoint
// and a ticket.
//
// Endpoints that have requests for which there is no ticket stand in line, each once. A ticket goes from a request that has
// ended to the first of them, which goes to the end of the line and takes one request: endpoints take turns, whatever their
// queues are, and the requests of each keep their order. It leaves the line, under its own lock, when it finds that it has
// no more requests, or no slot for them. Not before: of two tickets that come at a time the second would find nobody.
// So an endpoint with requests that wait and a slot for them is in line, and as long as somebody is no ticket gets free. One
// that stands there in vain, because its queue was emptied, passes the ticket on. An endpoint's lock comes before that of
// the tickets.
type tickets struct {
	mu    sync.Mutex
	free  int
	first []*Served // in line
}

// newTickets returns nil for no bound.
func newTickets(n int) *tickets {
	if n == 0 {
		return nil
	}
	return &tickets{free: n}
}

// take reports whether there is a ticket, for a request of e. If not, e stands in line. e must be locked.
func (t *tickets) take(e *Served) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		t.lineUpLocked(e)
		return false
	}
	t.free--
	return true
}

// lineUp has e stand in line, whose requests wait. e must be locked.
func (t *tickets) lineUp(e *Served) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lineUpLocked(e)
}

func (t *tickets) lineUpLocked(e *Served) {
	if !e.inLine {
		e.inLine = true
		t.first = append(t.first, e)
	}
}

// pass hands the ticket of a request that has ended to the endpoint that is first in line, which is returned. It is nil if
// nobody is: then the ticket is free.
func (t *tickets) pass() *Served {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.first) == 0 {
		t.free++
		return nil
	}
	e := t.first[0]
	copy(t.first, t.first[1:])
	t.first[len(t.first)-1] = e
	return e
}

// leave has e leave the line, if it is there. e must be locked.
func (t *tickets) leave(e *Served) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.inLine {
		e.inLine = false
		t.first = slices.DeleteFunc(t.first, func(other *Served) bool { return other == e })
	}
}
