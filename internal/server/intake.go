package server

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	// intakeSize is how many messages nats.go can hand over before one is read; it drops what comes beyond, and reports
	// a slow consumer. A reader is always waiting, so this bridges bursts that come faster than they can be refused.
	// It takes 256 KiB, half of what one of nats.go's own synchronous subscriptions does.
	intakeSize = 1 << 15

	// crowd is how many messages have been handed over when the reader that leads stops running handlers itself.
	crowd = 1 << 10

	// idleReaders is how many readers wait for the next message after a burst; the others end.
	idleReaders = 4

	// maxReply bounds reply subjects, in bytes; a longer one is as if it were absent. A server closes the connection
	// for good over a protocol line longer than its max_control_line, 4096 by default. The line of a reply can be longer
	// than that of the request: the sender of a request must not choose so.
	maxReply = 3 << 10
)

// receiver is what the messages of one subscription go to.
type receiver interface {
	// admit decides what becomes of a message. It neither waits nor calls anything of the user's: it is called under
	// a lock. It returns a request if there is more to do; proceed must follow.
	admit(m *nats.Msg) *Request

	// turnAway reports whether a message would be refused for sure, and then counts it without looking at it. It is asked
	// when the messages that were refused before have yet to be answered, and takes no time.
	turnAway() bool

	// proceed does what was decided of a request: it serves it, and those that have queued behind it, or refuses it.
	proceed(r *Request)

	// drop takes the place of proceed for a request that was refused, if there are too many to answer them all. It does
	// not wait either.
	drop(r *Request)
}

// intake is a channel that the subscriptions of an endpoint deliver into, or of several, and the goroutines that read it.
//
// Subscriptions deliver into a channel, because with callbacks nats.go runs a goroutine for each subscription and
// calls one handler at a time on it; to run handlers concurrently, each message would have to change goroutines. Here
// the reader that takes a message runs its handler, so a fast handler costs no switch.
//
// The reader that leads takes a message and admits it. Taking and admitting are under one lock: otherwise two readers
// could take two messages and admit them the other way round, and an endpoint that runs one request at a time would not
// keep the order in which they came. Then it gives up the lead and runs the handler on its own goroutine. Before it
// does, it makes sure that another reader waits for the next message, because the handler may block. So there are as
// many goroutines as handlers block at a time, and a few more.
//
// A flood should not fill the channel: nats.go would drop what comes, and its callers would hear of nothing. Whoever leads
// reads faster than nats.go writes, as long as it does not stop: it keeps the lead if a message needs no handler,
// leaves answers to refused requests to the [backlog] of their subscription, and starts goroutines for handlers while many
// messages wait. Then it is the flooded endpoint's own bounds that the flood meets.
//
// The service owns the goroutines; close ends them, and readers.Wait waits for that.
type intake struct {
	messages chan *nats.Msg // what was delivered, fences, and the end mark
	routes   *routes
	endMark  nats.Msg // stands in the channel behind all else
	fence    atomic.Pointer[fence]

	lead    sync.Mutex // held by the reader that takes and admits a message
	idle    atomic.Int32
	closed  atomic.Bool
	readers *sync.WaitGroup

	endpoints int // that deliver into it; the lock of the intakes guards it
}

// fence stands in the channel behind what was delivered before it.
//
// Once the server has confirmed that a subscription has ended, everything that will ever come is in the channel, or with
// a reader that has not admitted it yet. Comparing numbers with [nats.Subscription.Delivered] would need a subscription
// that nats.go may have removed by then. A fence needs none: when the reader that leads gets to it, all before it is
// admitted.
type fence struct {
	mark   nats.Msg
	passed chan struct{}
}

// newIntake returns an intake with its first reader running.
func newIntake(all *intakes) *intake {
	in := &intake{messages: make(chan *nats.Msg, intakeSize), routes: all.routes, readers: &all.readers}
	in.startReader()
	return in
}

func (in *intake) startReader() {
	in.idle.Add(1)
	in.readers.Go(in.read)
}

// read takes messages and runs them until the intake is closed or enough other readers wait.
func (in *intake) read() {
	for {
		to, r, open := in.take()
		if !open {
			return
		}
		to.proceed(r) // a handler that calls runtime.Goexit ends this reader; another one is waiting
		if in.closed.Load() || !in.becomeIdle() {
			return
		}
	}
}

// becomeIdle reports whether the calling reader is to wait for another message. It counts with compare-and-swap, because
// a reader that was counted and then left would hide that nobody waits.
func (in *intake) becomeIdle() bool {
	for {
		n := in.idle.Load()
		if n >= idleReaders {
			return false
		}
		if in.idle.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// take waits for a message, makes sure that another reader waits for the next one, and admits it. It reports false
// once the intake is closed.
func (in *intake) take() (to receiver, r *Request, open bool) {
	in.lead.Lock()
	defer in.lead.Unlock()
	for {
		m, open := in.next()
		if !open {
			return nil, nil, false
		}
		to := in.routes.find(m.Sub)
		if to == nil || to.receiver == nil {
			continue
		}
		if to.refused.isFull.Load() && to.turnAway() {
			continue
		}
		if len(m.Reply) > maxReply {
			m.Reply = ""
		}
		switch r := to.admit(m); {
		case r == nil:
		case r.isRefused():
			in.refuse(to, r)
		case len(in.messages) > crowd:
			in.readers.Go(func() { to.proceed(r) })
		default:
			if in.idle.Add(-1) == 0 {
				in.startReader()
			}
			return to, r, true
		}
	}
}

// refuse leaves the answers to a refused request, and to those that follow it in a list, to another goroutine.
func (in *intake) refuse(to *route, r *Request) {
	for r != nil {
		next := r.next
		r.prev, r.next = nil, nil
		begin, ok := to.refused.add(r)
		if !ok {
			to.drop(r)
		}
		if begin {
			in.readers.Go(func() { to.refused.work(to) })
		}
		r = next
	}
}

// next waits for a message that was delivered, and lets fences pass. It reports false at the end mark, which stays in
// the channel for the other readers.
func (in *intake) next() (m *nats.Msg, open bool) {
	for {
		m = <-in.messages
		switch {
		case m == &in.endMark:
			in.messages <- m
			return nil, false
		case m.Sub == nil:
			in.passFence(m)
		default:
			return m, true
		}
	}
}

// passFence tells who waits for the fence; nobody does if it was given up.
func (in *intake) passFence(mark *nats.Msg) {
	if f := in.fence.Load(); f != nil && mark == &f.mark {
		close(f.passed)
	}
}

// awaitAdmitted waits until what was delivered before is admitted. It must not be called concurrently.
func (in *intake) awaitAdmitted(ctx context.Context) error {
	f := &fence{passed: make(chan struct{})}
	in.fence.Store(f)
	select {
	case in.messages <- &f.mark:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-f.passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the readers, each after the handler that it runs, once they have read what was delivered. Nothing may
// deliver into the intake any more.
func (in *intake) close() {
	if in.closed.CompareAndSwap(false, true) {
		in.messages <- &in.endMark
	}
}
