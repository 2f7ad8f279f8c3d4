package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

const (
	// probeInterval is how soon after another a probe is made for an error that only might hide a refusal.
	probeInterval = 10 * time.Second

	// probeTimeout bounds the round trips of a probe, for which a stop may have to wait.
	probeTimeout = 2 * time.Second

	// probeBudget is how long a look may take, with all its probes.
	probeBudget = 5 * time.Second
)

// refusals knows which subscriptions of a running service the server does not serve: because it has taken the permission
// away, or because it did not give it when the connection was made anew.
//
// The server says so to the connection, which tells its error handler, which belongs to the user, and keeps the last error
// only. So a service looks whether that has changed: each second, when the connection is made anew, and when
// somebody asks whether it is ready. A new error that refuses a subscription of the service is what it looks for. Whatever
// else it is, it may stand in the place of one: a server that takes permissions away refuses many subscriptions at once.
// Then the others are probed: the service subscribes to the same subject once more, for a round trip, and the server
// refuses or not.
//
//   - A probe that is allowed is a member of the queue group for that time: what it gets is served, and it ends without
//     losing anything. Without a queue group it gets a copy, which is dropped.
//   - Each refusal that a probe gets is told to the connection's error handler, too. So a subscription that is known to be
//     refused is not probed before the connection is made anew: only then nats.go subscribes again.
//   - One probe is a batch of subscriptions and shows the last that is refused of them. What comes before that one is
//     probed again, in batches that get small after a refusal and large without one.
//   - What stays hidden: a refusal that the same error value follows that was there before, within the second. Those
//     of nats.go itself are such values.
type refusals struct {
	mu     sync.Mutex
	of     map[*nats.Subscription]error
	giveUp context.CancelFunc // ends the last look; nil if there was none
	seen   error              // the connection's last error when the service looked
	anew   bool               // the connection was made anew since
	full   error              // nil unless the server took not all subscriptions when the connection was made anew
	hidden bool               // there was an error since the last probe that may hide refusals
	probed time.Time          // when the last probe was made
}

// listener is a subscription that requests or questions come through.
type listener struct {
	*nats.Subscription

	endpoint string // its name; "" for questions
	to       receiver
	in       *intake
}

// refusedBy reports whether err is the server's refusal of the subscription.
func (l listener) refusedBy(err error) bool { return wire.RefusesMember(err, l.Subject, l.Queue) }

// failed says that it could not be made, or kept.
func (l listener) failed(err error) error {
	if l.endpoint == "" {
		return fmt.Errorf("subscribe to %q: %w", l.Subject, err)
	}
	return fmt.Errorf("subscribe endpoint %q to %q: %w", l.endpoint, l.Subject, err)
}

// refused is the report that the server does not serve it any more.
func (l listener) refused(err error) Report {
	return Report{Endpoint: l.endpoint, Subject: l.Subject, Err: fmt.Errorf("the subscription is refused: %w", err)}
}

// lastRefused returns which of several is the last that err refuses, -1 if it refuses none.
func lastRefused(among []listener, err error) int {
	for i, l := range slices.Backward(among) {
		if l.refusedBy(err) {
			return i
		}
	}
	return -1
}

// listeners returns the subscriptions that endpoints and monitors depend on, those left out that a service can do without.
func listeners(endpoints []*attached, monitors []*monitor) []listener {
	var all []listener
	for _, a := range endpoints {
		all = append(all, listener{a.requests, a.Name, a.Served, a.in})
	}
	for _, m := range monitors {
		if m.extra {
			continue
		}
		for _, sub := range m.subs {
			all = append(all, listener{sub, "", m, m.in})
		}
	}
	return all
}

// look finds out about refusals and reports new ones, unless somebody else is at it. It waits for the server up to some
// seconds, or until ctx ends, or the service is stopped.
func (s *Server) look(ctx context.Context) {
	select {
	case s.looking <- struct{}{}:
		s.lookInTurn(ctx)
	default:
	}
}

// lookForSure is look for who must know: it waits for somebody else who is at it, and returns an error if ctx ends, or the
// service is stopped, before that is known.
func (s *Server) lookForSure(ctx context.Context) error {
	select {
	case s.looking <- struct{}{}:
		s.lookInTurn(ctx)
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.turn.stopping:
		return ErrStopped
	}
}

// lookInTurn is look for the one who is at it.
func (s *Server) lookInTurn(ctx context.Context) {
	found := s.findRefusals(ctx)
	<-s.looking
	for _, r := range found {
		s.conn.report(r)
	}
}

// findRefusals returns reports of refusals that were not known.
func (s *Server) findRefusals(ctx context.Context) []Report {
	nc, r := s.conn.nc, &s.refusals
	if !nc.IsConnected() || nc.IsDraining() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeBudget)
	defer cancel()
	r.begin(cancel)
	anew := r.takeAnew()
	if anew && nc.FlushWithContext(ctx) != nil { // what the server refuses of the subscriptions is known after it
		r.renew()
		return nil
	}
	err := nc.LastError()
	if anew && r.fill(err) {
		return []Report{{Err: r.isFull()}}
	}
	all := listeners(s.current(), s.monitors)
	if !r.notice(err) {
		if anew {
			r.forget(all)
		}
		if !r.isProbeDue(false) {
			return nil
		}
	}
	var found []Report
	if i := lastRefused(all, err); i >= 0 && r.add(all[i].Subscription, err) {
		found = append(found, all[i].refused(err))
	}
	if anew || r.isProbeDue(wire.IsRefusedSubscription(err)) {
		found = append(found, s.probe(ctx, anew)...)
	}
	return found
}

// probe asks the server for the subscriptions that are not known to be refused or, if the connection was made anew, for
// all. It returns reports of refusals that were not known.
func (s *Server) probe(ctx context.Context, anew bool) []Report {
	if s.turn.take(ctx) != nil {
		return nil // the service is being stopped
	}
	defer s.turn.pass()
	r := &s.refusals
	all := listeners(s.current(), s.monitors)
	if !anew {
		all = slices.DeleteFunc(all, func(l listener) bool { return r.get(l.Subscription) != nil })
	}
	last := s.conn.nc.LastError()
	refused := make(map[*nats.Subscription]error)
	var found []Report
	err := s.conn.findRefused(ctx, all, func(l listener, err error) {
		last = err
		refused[l.Subscription] = err
		if r.add(l.Subscription, err) {
			found = append(found, l.refused(err))
		}
	})
	r.probedAll(last, err == nil) // what came beside the probe is for the next look
	if err != nil && anew {
		r.renew()
	}
	if err == nil {
		r.forget(slices.DeleteFunc(all, func(l listener) bool { return refused[l.Subscription] != nil }))
	}
	for _, a := range s.current() {
		if r.get(a.requests) != nil {
			a.dismissVolunteers()
		}
	}
	return found
}

// findRefused tells which subscriptions the server refuses, from the last to the first.
func (c *connection) findRefused(ctx context.Context, all []listener, tell func(listener, error)) error {
	for size := len(all); len(all) > 0; {
		size = min(size, len(all))
		batch := all[len(all)-size:]
		refusal, err := c.probe(ctx, batch)
		if err != nil {
			return err
		}
		i := lastRefused(batch, refusal)
		if i < 0 {
			all = all[:len(all)-size]
			size *= 2
			continue
		}
		tell(batch[i], refusal)
		all = all[:len(all)-size+i]
		size = (size + 7) / 8
	}
	return nil
}

// probe subscribes once more for a round trip, and returns the connection's last error if that is new then.
func (c *connection) probe(ctx context.Context, batch []listener) (refusal, failed error) {
	before := c.nc.LastError()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var subs []*nats.Subscription
	defer func() {
		failed = errors.Join(failed, c.cutOff(ctx, subs))
		c.unsubscribe(subs...)
	}()
	for _, l := range batch {
		to := l.to
		if l.Queue == "" {
			to = nil // the subscription itself gets the same
		}
		sub, err := c.subscribe(l.in, l.Subject, l.Queue, to)
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub)
	}
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return nil, err
	}
	if after := c.nc.LastError(); after != before { //nolint:errorlint // the very one
		return after, nil
	}
	return nil, nil // there is no refusal
}

// renew notes that the connection was made anew.
func (r *refusals) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.anew = true
}

func (r *refusals) takeAnew() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	anew := r.anew
	r.anew = false
	return anew
}

// fill notes, with the connection's last error after it was made anew, whether the server has taken all subscriptions. It
// does not say which ones it has not taken. That it took no more at some later time is no trouble of this service.
func (r *refusals) fill(last error) (full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = nil
	if errors.Is(last, nats.ErrMaxSubscriptionsExceeded) {
		r.full = crowded(last)
	}
	return r.full != nil
}

// isFull returns what fill has noted.
func (r *refusals) isFull() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// crowded says of a limit that it was passed.
func crowded(err error) error {
	return fmt.Errorf("the server did not take all subscriptions of the connection, and does not say which: %w", err)
}

// notice reports whether the connection's last error is a new one.
func (r *refusals) notice(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == r.seen { //nolint:errorlint // the very one
		return false
	}
	r.seen = err
	r.hidden = r.hidden || err != nil
	return err != nil
}

// probedAll notes that a probe has ended, and with which last error of the connection. One that was given up is made
// again.
func (r *refusals) probedAll(last error, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.hidden, r.probed = last, !all, time.Now()
}

// isProbeDue reports whether there may be refusals that an error hides. It is due at once if others are known.
func (r *refusals) isProbeDue(others bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hidden || !others && time.Since(r.probed) < probeInterval {
		return false
	}
	return true
}

// add reports whether the refusal is new.
func (r *refusals) add(sub *nats.Subscription, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[*nats.Subscription]error)
	}
	_, known := r.of[sub]
	r.of[sub] = err
	return !known
}

// begin notes how the look that begins is ended.
func (r *refusals) begin(giveUp context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.giveUp = giveUp
}

// interrupt ends a look that waits for the server.
func (r *refusals) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.giveUp != nil {
		r.giveUp()
	}
}

// forget is for subscriptions that the server serves.
func (r *refusals) forget(served []listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range served {
		delete(r.of, l.Subscription)
	}
}

// get returns the server's refusal, nil if it serves the subscription.
func (r *refusals) get(sub *nats.Subscription) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[sub]
}
