package typednats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// flushTimeout bounds a round trip to the server where the caller sets no bound.
	flushTimeout = 10 * time.Second

	// flushGrace is how long a step of ending may take when the caller's time is up: without it, requests on their
	// way would not even be refused.
	flushGrace = time.Second
)

// cutOff ends the flow of requests to endpoints, and of questions to monitors: when it returns, all that they will ever
// get is admitted.
func (s *Service) cutOff(ctx context.Context, endpoints []*servedEndpoint, monitors []*monitor) error {
	var subs []*nats.Subscription
	for _, e := range endpoints {
		if e.sub != nil {
			subs = append(subs, e.sub)
		}
	}
	for _, m := range monitors {
		subs = append(subs, m.subs...)
	}
	s.endFlow(ctx, subs)
	return s.awaitAdmitted(ctx)
}

// endFlow unsubscribes without losing what the server has sent by then.
func (s *Service) endFlow(ctx context.Context, subs []*nats.Subscription) {
	if !s.nc.IsConnected() { // nothing is on its way
		for _, sub := range subs {
			_ = sub.Unsubscribe() // it fails on a closed connection only
		}
		return
	}
	before := s.nc.Stats().Reconnects
	for _, sub := range subs {
		_ = sub.Drain() // it fails on a closed connection only
	}
	flushed := s.flush(ctx) == nil
	reconnected := func() bool { return s.nc.Stats().Reconnects != before }
	if !flushed && s.nc.IsConnected() && !reconnected() {
		return // the server is slow; what it has sent may still come
	}
	// When it reconnects, nats.go subscribes again to what it is draining, and may forget the subscription only then,
	// without a word to the server, which would go on to send requests that nobody receives.
	orphaned := false
	for _, sub := range subs {
		forgotten := errors.Is(sub.Unsubscribe(), nats.ErrBadSubscription)
		orphaned = orphaned || forgotten && reconnected()
	}
	if orphaned {
		s.reconnect(ctx)
	}
}

// reconnect makes the connection anew: only that tells the server about subscriptions that nats.go has forgotten.
func (s *Service) reconnect(ctx context.Context) {
	if s.nc.ForceReconnect() != nil {
		return // it is closed
	}
	_ = s.nc.FlushTimeout(patience(ctx)) // if it fails there is no connection, and replies wait for one
	s.report(ErrorReport{Err: errors.New("the connection was lost while endpoints were drained, and was made anew")})
}

// finish waits for the requests that endpoints have accepted, and flushes the replies. It must follow cutOff.
func (s *Service) finish(ctx context.Context, endpoints []*servedEndpoint) error {
	var errs []error
	for _, e := range endpoints {
		errs = append(errs, e.awaitDrained(ctx))
	}
	if err := s.flush(ctx); err != nil {
		errs = append(errs, fmt.Errorf("flush replies: %w", err))
	}
	s.mu.Lock()
	s.leaving = without(s.leaving, endpoints)
	s.mu.Unlock()
	return errors.Join(errs...)
}

// awaitAdmitted waits until no delivered request is without a decision about it.
func (s *Service) awaitAdmitted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience(ctx))
	defer cancel()
	if err := s.intake.awaitAdmitted(ctx); err != nil {
		return fmt.Errorf("read what was delivered: %w", err)
	}
	return nil
}

// flush makes a round trip to the server, unless there is no connection to make it on.
func (s *Service) flush(ctx context.Context) error {
	if !s.nc.IsConnected() {
		return nil
	}
	return s.nc.FlushTimeout(patience(ctx))
}

// patience is how long a step of ending may take that is needed even if ctx has ended.
func patience(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return flushGrace
	}
	if deadline, ok := ctx.Deadline(); ok {
		return min(flushTimeout, max(time.Until(deadline), flushGrace))
	}
	return flushTimeout
}
