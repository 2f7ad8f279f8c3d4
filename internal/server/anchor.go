package server

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// anchor keeps a connection that drains ([nats.Conn.Drain]) from going on until its service has answered what it has
// accepted.
//
// A connection that drains ends all its subscriptions, waits for them, refuses to publish from then on, and closes. It
// waits while a subscription has messages that were not processed, and for one that delivers into a channel nats.go
// takes delivered for processed. The subscriptions of a service do (see intake), so after a round trip the replies of
// its handlers would be refused. What nats.go does wait for is a callback that has not returned. Once it drains it
// makes no subscription any more, and it may have told the server to end those that there are: an anchor must be down
// before. It is a callback that got a message and does not return until the service is stopped.
//
// Where does the message come from? If the server asks nobody for a login, there are no permissions, and the service
// sends it to itself when it starts. With a login it must not: the user may be allowed to answer only, and the refusal
// would go to the connection's error handler, which belongs to the user. With [nats.NoEcho] it would not get the message.
// Then the message is a request, which a [volunteer] takes beside the endpoint's own subscription.
//
//   - A copy of a request, to a subscription without the queue group, would be an anchor for sure. But the server takes the
//     second delivery to a connection that may only answer for the answer, and refuses the real one.
//   - A volunteer hands its request on a moment later than the channel does. So endpoints that run one request at a time,
//     and keep their order, have none, and neither have those without a queue group, which would run a request twice.
//   - A callback that has begun counts as delivered. So nats.go does not subscribe to it again after a reconnect, keeps it
//     among its subscriptions, and the connection waits for it all the same.
//   - It waits up to its own nats.DrainTimeout, 30 s by default.
//   - [nats.Conn.Barrier] waits for all callbacks on its connection, and so for the end of the service.
//
// An anchor is a goroutine of nats.go, which runs callbacks; so is each volunteer.
type anchor struct {
	nc     *nats.Conn
	raised chan struct{} // closed once the service is stopped

	mu   sync.Mutex
	sent *nats.Subscription // where the service sends its message; nil if it has not
	down *nats.Subscription // the one whose callback waits; nil if there is none yet
	over bool               // the service is stopped
}

func newAnchor(nc *nats.Conn) *anchor { return &anchor{nc: nc, raised: make(chan struct{})} }

// drop lets the service send a message to itself, if it needs no permission for that.
func (a *anchor) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.down != nil || !a.nc.IsConnected() || !a.reachesItself() {
		return // before there is a connection, nobody knows what the server asks for
	}
	if a.sent == nil {
		sub, err := a.nc.Subscribe(a.nc.NewInbox(), func(m *nats.Msg) { a.hold(m.Sub) })
		if err != nil {
			return // the connection is closed, or drains already
		}
		_ = sub.AutoUnsubscribe(1) // these fail for the same reasons
		a.sent = sub
	}
	_ = a.nc.Publish(a.sent.Subject, nil)
	_ = a.nc.FlushTimeout(flushTimeout) // the message is here when this returns
}

// hold waits for the end of the service if the calling callback is the first. Nothing may come after its message: it
// would not be read.
func (a *anchor) hold(sub *nats.Subscription) {
	a.mu.Lock()
	if a.over || a.down != nil {
		a.mu.Unlock()
		return
	}
	a.down = sub
	a.mu.Unlock()
	<-a.raised
}

// needsVolunteers reports whether the service has no anchor and cannot make one itself.
func (a *anchor) needsVolunteers() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down == nil && a.nc.IsConnected() && !a.reachesItself()
}

// reachesItself reports whether the service may send itself a message, and would get it.
func (a *anchor) reachesItself() bool { return !a.nc.AuthRequired() && !a.nc.Opts.NoEcho }

// holdsWith reports whether the callback of sub waits for the end of the service.
func (a *anchor) holdsWith(sub *nats.Subscription) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down == sub
}

// raise lets a connection that drains go on. It is called once.
func (a *anchor) raise() {
	a.mu.Lock()
	a.over = true
	for _, sub := range []*nats.Subscription{a.sent, a.down} {
		if sub != nil {
			_ = sub.Unsubscribe() // it fails while the connection drains; the end of the callback ends it then
		}
	}
	a.mu.Unlock()
	close(a.raised)
}
