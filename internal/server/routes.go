package server

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// routes finds the receiver of a message by its subscription.
type routes struct {
	mu             sync.RWMutex
	bySubscription map[*nats.Subscription]*route
}

func newRoutes() *routes { return &routes{bySubscription: make(map[*nats.Subscription]*route)} }

// route is where the messages of one subscription go. The receiver is nil if nobody wants them.
type route struct {
	receiver

	refused backlog
}

// add subscribes and enters the subscription before a message of it is looked up.
func (r *routes) add(subscribe func() (*nats.Subscription, error), to receiver) (*nats.Subscription, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sub, err := subscribe()
	if err == nil {
		r.bySubscription[sub] = &route{receiver: to}
	}
	return sub, err
}

func (r *routes) remove(sub *nats.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.bySubscription, sub)
}

// find returns nil for a subscription that was removed.
func (r *routes) find(sub *nats.Subscription) *route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bySubscription[sub]
}
