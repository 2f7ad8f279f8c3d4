package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// overtime is how long a query that is over reads what had come before that. The body of a loop does not count.
const overtime = 250 * time.Millisecond

// exchange returns nil when the query is over in a way that needs no mention.
func (q *query) exchange(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	nc := q.client.nc
	wait, cancel := context.WithTimeout(ctx, q.client.settings.maxWait)
	defer cancel()
	lastErr := nc.LastError()
	in, err := openInbox(nc, q.client.settings.maxBytes)
	if err != nil {
		return err
	}
	defer in.close()
	if err := nc.PublishRequest(q.subject, in.subject, nil); err != nil {
		return err
	}
	// A server that refuses the question or the inbox says so before it answers this. If it does not answer in time, neither
	// will the services.
	if nc.FlushWithContext(wait) == nil {
		if err := q.refusal(lastErr, in.subject); err != nil {
			return err
		}
	}
	r := reading{query: q, inbox: in, timeIsUp: wait.Done(), isHeard: func() bool { return q.isHeard(wait) }}
	end, err := r.run()
	switch {
	case end != timeIsUp || err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case !nc.IsConnected():
		return nats.ErrDisconnected
	default:
		return q.refusal(lastErr, in.subject)
	}
}

// isHeard asks once more, to find out whether the server says that nobody hears the question, or somebody who does hear it
// says so to hide the others. The server says it while it looks at the question. So the subscription for the replies ends
// right behind that, and what comes all the same was either first or has been faster than the connection's next line; to
// be believed that must happen twice.
func (q *query) isHeard(wait context.Context) bool {
	const proofs, room = 2, 64
	nc := q.client.nc
	for range proofs {
		replies := make(chan *nats.Msg, room)
		sub, err := nc.ChanSubscribe(nc.NewInbox(), replies)
		if err != nil {
			return true // nobody knows
		}
		err = errors.Join(nc.PublishRequest(q.subject, sub.Subject, nil), sub.Drain(), nc.FlushWithContext(wait))
		_ = sub.Unsubscribe() // it fails if the connection is gone, or nats.go has done it
		if err != nil || !isNobody(replies) {
			return true
		}
	}
	return false
}

// isNobody reports whether the first of the replies says that nobody heard the question.
func isNobody(replies <-chan *nats.Msg) bool {
	select {
	case msg := <-replies:
		return wire.IsNoResponders(msg)
	default:
		return false
	}
}

// refusal explains why the services may not have heard the question. It returns nil if nothing speaks for that. A server
// that refuses the question or the inbox says so on the connection only, so lastErr, the connection's error before the
// question, tells whether that happened since.
func (q *query) refusal(lastErr error, inbox string) error {
	err := q.client.nc.LastError()
	if len(q.seen) > 0 || !errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, lastErr) {
		return nil
	}
	if wire.RefusesPublish(err, q.subject) || wire.RefusesSubscription(err, inbox) {
		return err
	}
	return nil
}

// ending is how a query has ended.
type ending int

const (
	goesOn ending = iota
	enough
	timeIsUp
)

// errHeard is told to the owner of the client.
var errHeard = errors.New(`"no responders" from somebody who heard the question`)

// reading is what a query reads of its inbox.
type reading struct {
	*query
	inbox *inbox

	timeIsUp <-chan struct{} // closed when the time of the query is up
	isHeard  func() bool
	heard    bool // the question

	stall   <-chan time.Time // fires after a pause; nil, which never fires, until the first answer
	stallAt time.Time        // when it does

	late  bool          // time is up, or there was a pause
	spent time.Duration // on reading since then
}

// run reads until the query ends. What came before that counts, so an end is followed by one more look.
func (r *reading) run() (ending, error) {
	for {
		if end, err := r.readAll(); end != goesOn {
			return end, err
		}
		end, cause := enough, error(nil)
		select {
		case <-r.inbox.arrived:
			continue
		case <-r.stall:
		case <-r.timeIsUp:
			end = timeIsUp
		case <-r.inbox.full:
			cause = fmt.Errorf("%w: more than %d bytes have come (WithMaxBytes)", ErrIncomplete, r.client.settings.maxBytes)
		case <-r.inbox.gone:
			cause = nats.ErrConnectionClosed
		}
		if last, err := r.readAll(); last != goesOn {
			return last, err
		}
		return end, cause
	}
}

// readAll reads what has come, whatever that is and however much, unless it is too late.
func (r *reading) readAll() (ending, error) {
	before := len(r.seen)
	for _, msg := range r.inbox.take() {
		if r.isTooLate(before) {
			return enough, fmt.Errorf("%w: the time is up, and not all that has come was read", ErrIncomplete)
		}
		if end := r.read(msg); end != goesOn {
			return end, nil
		}
	}
	if stall := r.client.settings.stall; stall > 0 && len(r.seen) > before {
		r.stall, r.stallAt = time.After(stall), time.Now().Add(stall)
	}
	return goesOn, nil
}

// isTooLate reports whether what has come is left unread. An answer that was read since there were as many as before puts
// a pause off.
func (r *reading) isTooLate(before int) bool {
	if !r.late {
		select {
		case <-r.timeIsUp:
			r.late = true
		default:
			r.late = r.stall != nil && len(r.seen) == before && time.Now().After(r.stallAt)
		}
	}
	return r.late && r.spent > overtime
}

// read hands a message on if it is an answer to the question.
func (r *reading) read(msg *nats.Msg) ending {
	if wire.IsNoResponders(msg) {
		if r.heard = r.heard || r.isHeard(); !r.heard {
			return enough
		}
		r.tell(errHeard)
		return goesOn
	}
	r.heard = true
	began := time.Now()
	who, err := r.check(msg)
	if r.late {
		r.spent += time.Since(began)
	}
	if err != nil {
		r.tell(err)
		return goesOn
	}
	r.seen[who.instance] = struct{}{}
	if err := who.odd.err(who.instance); err != nil {
		r.tell(err)
	}
	if !r.yield() || len(r.seen) == r.client.settings.maxResults {
		return enough
	}
	return goesOn
}
