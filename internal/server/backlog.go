package server

import (
	"sync"
	"sync/atomic"
)

// maxBacklog is how many refused requests of one subscription wait for their answers. What comes beyond is dropped.
const maxBacklog = 1 << 14

// backlog is the refused requests of one subscription that have yet to be answered. Answers go out one after the other, on
// one goroutine, which ends with the last: a flood of one endpoint neither holds up the reader that leads, nor takes more
// of the processors than one goroutine does.
type backlog struct {
	mu      sync.Mutex
	list    list
	n       int
	working bool
	isFull  atomic.Bool
}

// add takes a request, or what follows it in a list, and reports whether somebody must call work, and whether there was
// room.
func (b *backlog) add(r *Request) (begin, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n >= maxBacklog {
		return false, false
	}
	b.n++
	b.isFull.Store(b.n == maxBacklog)
	r.forgetMessage()
	b.list.add(r)
	begin = !b.working
	b.working = true
	return begin, true
}

// work hands on what there is, until there is nothing.
func (b *backlog) work(to receiver) {
	for {
		b.mu.Lock()
		r := b.list.first
		if r == nil {
			b.working = false
			b.mu.Unlock()
			return
		}
		b.list.remove(r)
		b.n--
		b.isFull.Store(false)
		b.mu.Unlock()
		to.proceed(r)
	}
}
