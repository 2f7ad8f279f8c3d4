package typednats

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	// intakeSize is how many messages nats.go can hand over before one is read; it drops what comes beyond, and reports
	// a slow consumer. A reader is always waiting, so this bridges bursts that come faster than they can be refused.
	// It takes 512 KiB, as one of nats.go's own synchronous subscriptions does.
	intakeSize = 1 << 16

	// idleReaders is how many readers wait for the next message after a burst; the others end.
	idleReaders = 4

	// maxReply bounds reply subjects, in bytes; a longer one is as if it were absent. A server closes the connection
	// for good over a protocol line longer than its max_control_line, 4096 by default. The line of a reply, or of a
	// probe for its caller, can be longer than that of the request: the sender of a request must not choose so.
	maxReply = 3 << 10
)

// receiver is what the messages of one subscription go to.
type receiver interface {
	// admit decides what becomes of a message. It neither waits nor calls anything of the user's: it is called under
	// a lock. It returns the request that the caller is to run now, or nil where nothing is left to do.
	admit(m *nats.Msg) *request

	// run runs an admitted request, and those that have queued behind it, or refuses it.
	run(r *request)
}

// intake is a channel that subscriptions deliver into and the goroutines that read it. The reader that leads takes a
// message and admits it, so that requests are admitted in the order in which they came. Then it gives up the lead and
// runs the handler on its own goroutine, which is the fastest for handlers that are; before it does, it makes sure
// that another reader waits. So there are as many goroutines as handlers block at a time, and a few more.
//
// The service owns the goroutines; close ends them, and readers.Wait waits for that.
type intake struct {
	messages chan *nats.Msg // nil is the word to end; what has no subscription is a fence
	routes   *routes
	fence    atomic.Pointer[fence]

	lead    sync.Mutex // held by the reader that takes and admits a message
	idle    atomic.Int32
	closed  atomic.Bool
	readers sync.WaitGroup
}

// fence stands in the channel behind what was delivered before it.
type fence struct {
	msg    nats.Msg
	passed chan struct{}
}

// newIntake returns an intake with its first reader running.
func newIntake(r *routes) *intake {
	in := &intake{messages: make(chan *nats.Msg, intakeSize), routes: r}
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
		to, r, ok := in.take()
		if !ok {
			return
		}
		if r != nil {
			to.run(r) // a handler that calls runtime.Goexit ends this reader; another one is waiting
		}
		if in.closed.Load() || !in.becomeIdle() {
			return
		}
	}
}

// becomeIdle reports whether the calling reader is to wait for another message. It never counts a reader that does
// not wait, which could hide that none does.
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
func (in *intake) take() (to receiver, r *request, ok bool) {
	in.lead.Lock()
	defer in.lead.Unlock()
	m := <-in.messages
	for m != nil && m.Sub == nil {
		if f := in.fence.Load(); f != nil && m == &f.msg {
			close(f.passed)
		}
		m = <-in.messages
	}
	if m == nil {
		in.messages <- nil
		return nil, nil, false
	}
	if in.idle.Add(-1) == 0 {
		in.startReader()
	}
	if to = in.routes.find(m.Sub); to == nil {
		return nil, nil, true
	}
	if len(m.Reply) > maxReply {
		m.Reply = ""
	}
	return to, to.admit(m), true
}

// awaitAdmitted waits until what was delivered before is admitted. It must not be called concurrently.
func (in *intake) awaitAdmitted(ctx context.Context) error {
	f := &fence{passed: make(chan struct{})}
	in.fence.Store(f)
	select {
	case in.messages <- &f.msg:
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
		in.messages <- nil
	}
}

// routes finds the receiver of a message by its subscription.
type routes struct {
	mu             sync.RWMutex
	bySubscription map[*nats.Subscription]receiver
}

func newRoutes() *routes { return &routes{bySubscription: make(map[*nats.Subscription]receiver)} }

// add subscribes and enters the subscription before a message of it is looked up.
func (r *routes) add(subscribe func() (*nats.Subscription, error), to receiver) (*nats.Subscription, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sub, err := subscribe()
	if err == nil {
		r.bySubscription[sub] = to
	}
	return sub, err
}

func (r *routes) remove(sub *nats.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.bySubscription, sub)
}

// find returns nil for a subscription that was removed.
func (r *routes) find(sub *nats.Subscription) receiver {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bySubscription[sub]
}
