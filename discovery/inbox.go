package discovery

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// inbox is the subscription to which the answers of one query come, and what has come so far.
//
// Its queue has no bound: a query must not lose answers, however many come while its owner does something else. The
// alternatives in nats.go have a channel whose length the user chose for other purposes, and drop what doesn't fit.
type inbox struct {
	subject string
	sub     *nats.Subscription
	arrived chan struct{} // holds a token if the queue may have something
	gone    chan struct{} // closed once the subscription has ended, by whomever

	mu    sync.Mutex
	queue []*nats.Msg
}

// openInbox subscribes under the inbox prefix of nc.
func openInbox(nc *nats.Conn) (*inbox, error) {
	in := &inbox{subject: nc.NewInbox(), arrived: make(chan struct{}, 1), gone: make(chan struct{})}
	sub, err := nc.Subscribe(in.subject, in.push)
	if err != nil {
		return nil, err
	}
	in.sub = sub
	sub.SetClosedHandler(func(string) { close(in.gone) })
	// It fails only if the connection was closed since the line before the last, maybe unnoticed by that handler.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, nats.ErrConnectionClosed
	}
	return in, nil
}

func (in *inbox) push(msg *nats.Msg) {
	in.mu.Lock()
	in.queue = append(in.queue, msg)
	in.mu.Unlock()
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
