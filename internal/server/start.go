package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// open starts the flow of requests to endpoints, and of questions to monitors: all or nothing. When it returns, the
// server knows of the subscriptions. A subscription is only on its way when nats.go returns from subscribing; another
// connection's request could overtake it and find nobody.
func (s *Server) open(endpoints []Endpoint, monitors []*monitor) error {
	if err := s.checkAnswers(endpoints); err != nil {
		return err
	}
	s.conn.anchor.drop()
	lastError := s.conn.nc.LastError()
	added := make([]*attached, len(endpoints))
	for i, e := range endpoints {
		added[i] = &attached{Served: newServed(e, &s.env), conn: &s.conn, in: s.conn.intakes.assign()}
	}
	err := s.attach(added, monitors)
	if err == nil {
		err = s.confirm(added, monitors, lastError)
	}
	if err == nil {
		s.volunteer(added)
		return nil
	}
	return errors.Join(err, s.undo(added, monitors))
}

// checkAnswers reports whether the answers to $SRV would not fit into a message with further endpoints. What the server
// allows is not known before there is a connection, and may be less after a reconnect.
func (s *Server) checkAnswers(added []Endpoint) error {
	if len(s.host.Answers) == 0 {
		return nil
	}
	size, all := s.host.AnswerSize, len(added)
	for _, e := range added {
		size += e.AnswerSize
	}
	for _, a := range s.current() {
		size += a.AnswerSize
		all++
	}
	if most := s.conn.nc.MaxPayload(); most > 0 && int64(size) > most {
		return fmt.Errorf("%d endpoints: answers to $SRV.INFO and $SRV.STATS of up to %d bytes, the server's max_payload is %d: %w",
			all, size, most, nats.ErrMaxPayload)
	}
	return nil
}

// attach starts the flow of cancellations, and of questions that need no answer, then that of requests: a connection keeps
// the server's last refusal only, and one that does no harm must not stand in the place of another.
func (s *Server) attach(added []*attached, monitors []*monitor) error {
	for _, a := range added {
		if err := a.attachCancels(); err != nil {
			return err
		}
	}
	if err := s.ask(monitors, true); err != nil {
		return err
	}
	for _, a := range added {
		if err := a.attachRequests(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.endpoints = slices.Concat(s.endpoints, added)
	s.mu.Unlock()
	return s.ask(monitors, false)
}

// ask starts the flow of questions to the monitors that the service can do without, or to the others.
func (s *Server) ask(monitors []*monitor, extra bool) error {
	for _, m := range monitors {
		if m.extra != extra {
			continue
		}
		if err := m.attach(&s.conn); err != nil {
			return err
		}
	}
	return nil
}

// tellRefusedExtras reports what the server refuses of the questions that the service can do without.
func (s *Server) tellRefusedExtras(refusal error) {
	for _, m := range s.monitors {
		for _, sub := range m.subs {
			if m.extra && wire.RefusesSubscription(refusal, sub.Subject) {
				s.host.Report(Report{Subject: sub.Subject, Err: fmt.Errorf("%s: %w", m.without, refusal)})
			}
		}
	}
}

// confirm waits until the server has taken the subscriptions, and returns its refusal if it has refused one. A refusal
// comes asynchronously, too: after the round trip it is the connection's last error, unless that is the one from
// before. That the server takes no more subscriptions is one value of nats.go's each time it says so: then one from before
// counts, since nobody knows, and a service that is deaf is worse than one that does not start. A connection that is still being made, or made again, takes the subscriptions when it is there.
func (s *Server) confirm(added []*attached, monitors []*monitor, before error) error {
	nc := s.conn.nc
	if !nc.IsConnected() {
		return nil
	}
	if err := nc.FlushTimeout(flushTimeout); errors.Is(err, nats.ErrConnectionClosed) && nc.IsClosed() {
		return fmt.Errorf("flush subscriptions: %w", err)
	}
	refusal := nc.LastError()
	full := errors.Is(refusal, nats.ErrMaxSubscriptionsExceeded)
	if !full && !errors.Is(refusal, nats.ErrPermissionViolation) {
		return nil
	}
	if full {
		return crowded(refusal)
	}
	if refusal == before { //nolint:errorlint // the very one, from before; the kinds above can be compared, others may not
		return nil
	}
	return s.refused(listeners(added, monitors), refusal)
}

// refused returns what the server has refused of new subscriptions, joined, if the connection's last error is new.
// Another error than a refusal of one of them may hide one. Those that do no harm cannot: they come first.
func (s *Server) refused(all []listener, last error) error {
	i := lastRefused(all, last)
	if i < 0 && wire.RefusesExtra(last) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	var errs []error
	_ = s.conn.findRefused(ctx, all, func(l listener, err error) { errs = append(errs, l.failed(err)) })
	if len(errs) == 0 && i >= 0 {
		return all[i].failed(last)
	}
	slices.Reverse(errs)
	return errors.Join(errs...)
}

// volunteer offers the service anchors, if it has none, and the server knows of the endpoints. See [anchor]. The caller
// has the turn.
func (s *Server) volunteer(endpoints []*attached) {
	if len(endpoints) == 0 || !s.conn.anchor.needsVolunteers() {
		return
	}
	for _, a := range endpoints {
		a.offer(max(1, wantedVolunteers/len(endpoints)))
	}
	_ = s.conn.nc.FlushTimeout(flushTimeout) // it fails if the connection is lost, or slow
}

// undo ends what open has begun. Requests that have come meanwhile get their answers.
func (s *Server) undo(added []*attached, monitors []*monitor) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.host.DrainTimeout)
	defer cancel()
	s.withdraw(added)
	defer s.detach(monitors)
	return errors.Join(s.conn.cutOff(ctx, subscriptionsOf(added, monitors)), s.finish(ctx, added))
}

// detach ends the subscriptions of monitors, if draining them has not.
func (s *Server) detach(monitors []*monitor) {
	for _, m := range monitors {
		s.conn.unsubscribe(m.subs...)
	}
}

// subscriptionsOf returns the subscriptions that must be drained: those to requests and questions. Cancellations flow
// on while requests are served.
func subscriptionsOf(endpoints []*attached, monitors []*monitor) []*nats.Subscription {
	var subs []*nats.Subscription
	for _, a := range endpoints {
		if a.requests != nil {
			subs = append(subs, a.requests)
		}
		subs = append(subs, a.volunteering()...)
	}
	for _, m := range monitors {
		subs = append(subs, m.subs...)
	}
	return subs
}
