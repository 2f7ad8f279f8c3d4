package server

import "github.com/nats-io/nats.go"

const (
	// volunteers is how many subscriptions of a service volunteer to be its anchor, about. With more, or fewer, it takes
	// more requests until one of them has got all of its own.
	volunteers = 3

	// volunteered is how many requests a volunteer takes. It cannot be one: if that came before the limit was set, nats.go
	// would forget the subscription, and what else was on its way.
	volunteered = 2
)

// volunteer is a subscription in the queue group of an endpoint's own that takes a few requests, the last of which may
// make it the [anchor]. It needs no permission that the endpoint does not need, and its requests are served as any other. The
// server picks a member of the group at random: a service that has got 6 requests has an anchor with 94 chances in 100,
// and one that has got 10 with 999 in 1,000.
//
// The server learns the limit after the subscription, and may have sent more until then. nats.go would drop those. So the first
// callback waits until the server knows the limit, and raises it to what was sent.
type volunteer struct {
	conn    *connection
	in      *intake
	limited chan struct{} // closed once the limit is set
	got     int           // only callbacks use it, and those come one after another
	limit   int
}

// volunteer subscribes to a few requests of an endpoint with a queue group.
func (c *connection) volunteer(in *intake, subject, queueGroup string, to receiver) (*nats.Subscription, error) {
	v := &volunteer{conn: c, in: in, limited: make(chan struct{}), limit: volunteered}
	defer close(v.limited)
	sub, err := c.intakes.routes.add(func() (*nats.Subscription, error) {
		return c.nc.QueueSubscribe(subject, queueGroup, v.take)
	}, to)
	if err == nil {
		err = sub.AutoUnsubscribe(volunteered)
	}
	return sub, err
}

// take hands a request on. If it is the last one, it offers to be the anchor.
func (v *volunteer) take(m *nats.Msg) {
	v.in.messages <- m
	v.got++
	if v.got == 1 {
		<-v.limited
		v.settle(m.Sub)
	}
	if v.got >= v.limit {
		v.conn.anchor.hold(m.Sub)
	}
}

// settle raises the limit to what the server has sent before it knew the limit.
func (v *volunteer) settle(sub *nats.Subscription) {
	nc := v.conn.nc
	for nc.FlushTimeout(flushTimeout) != nil && nc.IsConnected() {
		// The server is slow. A connection that was lost, and made anew, told it of both at once.
	}
	if sent, _, err := sub.Pending(); err == nil && sent > v.limit { // the calling callback's message included
		v.limit = sent
		_ = sub.AutoUnsubscribe(sent) // it fails if the subscription, or the connection, is gone
	}
}
