package server

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// attached is an endpoint with its subscriptions.
type attached struct {
	*Served

	conn              *connection
	in                *intake
	leaves            sync.Once          // the intake
	requests, cancels *nats.Subscription // nil until they are made
	volunteers        volunteers         // see [anchor]
	dropped           int                // requests that nats.go dropped, as far as they were reported
}

// attachRequests starts the flow of requests.
func (a *attached) attachRequests() error {
	var err error
	a.requests, err = a.conn.subscribe(a.in, a.Subject, a.QueueGroup, a.Served)
	return a.failedToSubscribe(a.Subject, err)
}

// attachCancels starts the flow of cancellations. If the server refuses it, callers cannot end their handlers, and all
// else works.
func (a *attached) attachCancels() error {
	var err error
	subject := wire.CancelSubject(a.Subject)
	a.cancels, err = a.conn.subscribe(a.in, subject, "", canceller{a})
	return a.failedToSubscribe(subject, err)
}

// offer offers the service so many anchors, unless it has done so before.
func (a *attached) offer(n int) {
	if a.QueueGroup == "" || a.MaxConcurrent == 1 || a.volunteers.list() != nil {
		return
	}
	for range n {
		if err := a.volunteer(); err != nil {
			return // the connection is closed, or drains already
		}
	}
}

// volunteering returns the subscriptions that have not got their request.
func (a *attached) volunteering() []*nats.Subscription {
	var subs []*nats.Subscription
	for _, v := range a.volunteers.list() {
		if v.sub.IsValid() && !a.conn.anchor.holdsWith(v.sub) {
			subs = append(subs, v.sub)
		}
	}
	return subs
}

// dismissVolunteers ends those that have not got their request: the server refuses each as it refuses the endpoint.
func (a *attached) dismissVolunteers() {
	a.conn.unsubscribe(a.volunteering()...)
}

// failedToSubscribe says for which endpoint, and to what, a subscription has failed. It returns nil for no error.
func (a *attached) failedToSubscribe(subject string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("subscribe endpoint %q to %q: %w", a.Name, subject, err)
}

// detach ends both flows.
func (a *attached) detach() {
	a.conn.unsubscribe(a.requests, a.cancels)
	for _, v := range a.volunteers.list() {
		if !a.conn.anchor.holdsWith(v.sub) { // it stays until the service ends
			a.conn.unsubscribe(v.sub)
		}
	}
	a.leaves.Do(func() { a.conn.intakes.release(a.in) })
}

// noticeDropped reports the requests that nobody answers: those that came faster than they could be refused, which are
// counted already, and those that nats.go has dropped because nobody read them in time.
func (a *attached) noticeDropped() {
	if n := a.unanswered.Swap(0); n > 0 {
		err := fmt.Errorf("%w: %d requests were refused without an answer", nats.ErrSlowConsumer, n)
		counted := wire.Dropped(err)
		if counts := a.counts.Load(); counts.unanswered.Load() > 0 { // there was no reset since
			counts.fail(0, failureOf(counted))
		}
		a.conn.report(Report{Endpoint: a.Name, Subject: a.Subject, Err: err})
	}
	dropped, err := a.requests.Dropped()
	if err != nil || dropped <= a.dropped {
		return
	}
	n := dropped - a.dropped
	a.dropped = dropped
	err = fmt.Errorf("%w: %d requests", nats.ErrSlowConsumer, n)
	counted, counts := wire.Dropped(err), a.counts.Load()
	counts.requests.Add(int64(n))
	counts.fail(n, failureOf(counted))
	a.conn.report(Report{Endpoint: a.Name, Subject: a.Subject, Err: err})
}
