package server

import "github.com/nats-io/nats.go"

// connection is a service's part of a NATS connection: its subscriptions, and what they deliver into. The connection's own handlers belong to the user and are left alone.
type connection struct {
	nc      *nats.Conn
	intakes *intakes
	anchor  *anchor
	report  func(Report)
}

// subscribe starts the flow of messages on a subject to a receiver, through an intake. The queue group may be empty.
func (c *connection) subscribe(in *intake, subject, queueGroup string, to receiver) (*nats.Subscription, error) {
	return c.intakes.routes.add(func() (*nats.Subscription, error) {
		if queueGroup == "" {
			return c.nc.ChanSubscribe(subject, in.messages)
		}
		return c.nc.ChanQueueSubscribe(subject, queueGroup, in.messages)
	}, to)
}

// unsubscribe ends subscriptions, also those that were never made, and those that draining has ended already.
func (c *connection) unsubscribe(subs ...*nats.Subscription) {
	for _, sub := range subs {
		if sub != nil {
			_ = sub.Unsubscribe() // it fails if the subscription, or the connection, is gone
			c.intakes.routes.remove(sub)
		}
	}
}
