package discovery

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// weight is what a message takes beside its body and its headers, in bytes; roughly.
const weight = 512

// inbox is the subscription to which the answers of one attempt at a query come, and what has come so far.
//
// It keeps what comes while its owner does something else, since a query must not lose answers, up to a bound on all that
// comes, since anybody can answer. The alternatives in nats.go have a channel whose length the user chose for other
// purposes, and drop what doesn't fit.
type inbox struct {
	subject string
	sub     *nats.Subscription
	arrived chan struct{} // holds a token if the queue may have something
	full    chan struct{} // closed when more has come than fits
	gone    chan struct{} // closed once the subscription has ended, by whomever

	mu    sync.Mutex
	queue []*nats.Msg
	room  int // bytes
}

// openInbox subscribes under the inbox prefix of nc.
func openInbox(nc *nats.Conn, maxBytes int) (*inbox, error) {
	in := &inbox{
		subject: nc.NewInbox(),
		arrived: make(chan struct{}, 1), full: make(chan struct{}), gone: make(chan struct{}),
		room: maxBytes,
	}
	sub, err := nc.Subscribe(in.subject, in.push)
	if err != nil {
		return nil, err
	}
	in.sub = sub
	sub.SetClosedHandler(func(string) { close(in.gone) })
	// The bound is push's, which takes no time. It fails only if the connection was closed since the line before the last,
	// maybe unnoticed by that handler.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, nats.ErrConnectionClosed
	}
	return in, nil
}

func (in *inbox) push(msg *nats.Msg) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.room < 0 {
		return
	}
	if in.room -= weight + msg.Size(); in.room < 0 {
		close(in.full)
		return
	}
	in.queue = append(in.queue, msg)
	select {
	case in.arrived <- struct{}{}:
	default:
	}
}

// take removes what has come, oldest first.
func (in *inbox) take() []*nats.Msg {
	in.mu.Lock()
	defer in.mu.Unlock()
	msgs := in.queue
	in.queue = nil
	return msgs
}

func (in *inbox) close() {
	// It fails only if the connection is closed or draining, and then the connection ends the subscription.
	_ = in.sub.Unsubscribe()
}
