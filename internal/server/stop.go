package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// startRemoval ends the flow of requests to the endpoint with the given unique name or subject.
func (s *Server) startRemoval(ctx context.Context, name string) ([]*attached, error) {
	if err := s.turn.take(ctx); err != nil {
		return nil, err
	}
	defer s.turn.pass()
	a := find(s.current(), name)
	if a == nil {
		return nil, fmt.Errorf("%w with this unique name or subject", ErrEndpointNotFound)
	}
	leaving := []*attached{a}
	s.withdraw(leaving)
	return leaving, s.conn.cutOff(ctx, subscriptionsOf(leaving, nil))
}

// withdraw takes endpoints out of what is served. They are leaving until finish is through.
func (s *Server) withdraw(endpoints []*attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = without(s.endpoints, endpoints)
	s.leaving = slices.Concat(s.leaving, endpoints)
}

// finish waits for the requests that endpoints have accepted, and flushes the replies. Their flow must be cut off.
func (s *Server) finish(ctx context.Context, endpoints []*attached) error {
	var errs []error
	for _, a := range endpoints {
		errs = append(errs, a.awaitDrained(ctx))
		a.detach()
	}
	if err := s.conn.flush(ctx); err != nil {
		errs = append(errs, fmt.Errorf("flush replies: %w", err))
	}
	s.refusals.forget(listeners(endpoints, nil))
	s.mu.Lock()
	s.leaving = without(s.leaving, endpoints)
	s.mu.Unlock()
	return errors.Join(errs...)
}

// halt ends everything. Whoever calls it marks the service as stopped afterwards.
//
// What was delivered gets an answer: all subscriptions are drained, those to questions included, what they delivered is
// admitted, each endpoint is drained until nothing of it runs, waits or is being refused, and the replies are flushed.
func (s *Server) halt(ctx context.Context) error {
	defer s.conn.anchor.raise()
	defer s.detach(s.monitors)
	endpoints := s.inService()
	if s.conn.nc.IsClosed() {
		var errs []error
		for _, a := range endpoints {
			errs = append(errs, a.discard())
			a.detach()
		}
		s.conn.intakes.close()
		if s.Drained() { // who drains a connection is told what that has cost, who closes it knows
			return errors.Join(errs...)
		}
		return nil
	}
	err := errors.Join(s.conn.cutOff(ctx, subscriptionsOf(endpoints, s.monitors)), s.finish(ctx, endpoints))
	s.conn.intakes.close()
	if err != nil {
		return err
	}
	return s.awaitReaders(ctx)
}

// awaitReaders waits for the goroutines of the service. Handlers are through by then; what can still run is the
// user's StatsHandler, or a reply that the connection does not take.
func (s *Server) awaitReaders(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.env.readers.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for what is being sent, or a StatsHandler: %w", context.Cause(ctx))
	}
}

// current returns the endpoints. The slice must not be changed.
func (s *Server) current() []*attached {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}

// inService returns the endpoints whose handlers may run, those that are being removed included.
func (s *Server) inService() []*attached {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.endpoints, s.leaving)
}

func (s *Server) isStopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func without(all, some []*attached) []*attached {
	left := make(map[*attached]bool, len(some))
	for _, a := range some {
		left[a] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(a *attached) bool { return left[a] })
}
