package server

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	// wantedVolunteers is how many subscriptions of a service volunteer to be its anchor, about. With more, or fewer, it takes
	// more requests until one of them has got all of its own.
	wantedVolunteers = 3

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
//
// What the channel gets may overtake a request here. A cancellation that finds no request is remembered while there are
// some that were not admitted: see [volunteers].
type volunteer struct {
	*attached // whose requests it takes

	sub     *nats.Subscription
	limited chan struct{} // closed once the limit is set
	got     int           // only callbacks use it, and those come one after another
	limit   int

	returned atomic.Int64 // callbacks
	admitted int64        // requests; the intake's lead guards it
}

// volunteer subscribes to a few requests of an endpoint with a queue group.
func (a *attached) volunteer() error {
	v := &volunteer{attached: a, limited: make(chan struct{}), limit: volunteered}
	defer close(v.limited)
	_, err := a.conn.intakes.routes.add(func() (sub *nats.Subscription, err error) {
		if v.sub, err = a.conn.nc.QueueSubscribe(a.Subject, a.QueueGroup, v.take); err == nil {
			a.volunteers.add(v) // before the cancellation of its first request is read
		}
		return v.sub, err
	}, v)
	if err == nil {
		err = v.sub.AutoUnsubscribe(volunteered)
	}
	return err
}

// take hands a request on. If it is the last one, it offers to be the anchor.
func (v *volunteer) take(m *nats.Msg) {
	defer v.returned.Add(1)
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

// admit implements [receiver]. It ends a request whose cancellation came before it.
func (v *volunteer) admit(m *nats.Msg) *Request {
	r := v.attached.admit(m)
	v.admitted++
	if v.volunteers.wasOvertaken(m.Reply) {
		if waited, _ := v.cancelCall(m.Reply); waited != nil {
			return waited // and r is nil: it was to wait
		}
	}
	return r
}

// turnAway implements [receiver].
func (v *volunteer) turnAway() bool {
	if !v.attached.turnAway() {
		return false
	}
	v.admitted++
	return true
}

// holdsBack reports whether requests have come that were not admitted.
func (v *volunteer) holdsBack() bool {
	pending, _, err := v.sub.Pending() // that of a callback that runs, or has just returned, included
	return err == nil && int64(pending)+v.returned.Load() > v.admitted
}

// volunteers are those of an endpoint, and the cancellations that came while one of them held requests back.
type volunteers struct {
	mu  sync.Mutex
	all []*volunteer // they enter while messages come already

	overtaken map[string]struct{} // by reply subject; the intake's lead guards it
}

func (v *volunteers) add(one *volunteer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, one)
}

func (v *volunteers) list() []*volunteer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all
}

// overtake remembers a cancellation that has found no request, if that may come from a volunteer.
func (v *volunteers) overtake(reply string) {
	if !v.holdBack() || len(v.overtaken) == intakeSize {
		return
	}
	if v.overtaken == nil {
		v.overtaken = make(map[string]struct{})
	}
	v.overtaken[reply] = struct{}{}
}

// wasOvertaken reports whether a request's cancellation has come before it. It forgets all once no request is held back.
func (v *volunteers) wasOvertaken(reply string) bool {
	_, overtaken := v.overtaken[reply]
	if v.overtaken != nil && !v.holdBack() {
		v.overtaken = nil
	}
	return overtaken
}

func (v *volunteers) holdBack() bool { return slices.ContainsFunc(v.list(), (*volunteer).holdsBack) }
