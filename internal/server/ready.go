package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Ready makes a round trip to the server, and returns what is missing for requests to be served.
func (s *Server) Ready(ctx context.Context) error {
	select {
	case <-s.turn.stopping:
		return ErrStopped
	default:
	}
	nc := s.conn.nc
	switch {
	case nc.IsDraining():
		return nats.ErrConnectionDraining
	case !nc.IsConnected():
		return fmt.Errorf("%w: the connection is %v", nats.ErrDisconnected, nc.Status())
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("make a round trip to the server: %w", err)
	}
	if err := s.lookForSure(ctx); err != nil {
		return fmt.Errorf("look which subscriptions the server refuses: %w", err)
	}
	errs := []error{s.refusals.isFull()}
	for _, l := range listeners(s.current(), s.monitors) {
		if err := s.refusals.get(l.Subscription); err != nil {
			errs = append(errs, l.failed(err))
		}
	}
	return errors.Join(errs...)
}

// Subscribed returns the endpoints that the server does not refuse, in the order in which they were added.
func (s *Server) Subscribed() []*Served {
	var endpoints []*Served
	for _, a := range s.current() {
		if s.refusals.get(a.requests) == nil {
			endpoints = append(endpoints, a.Served)
		}
	}
	return endpoints
}
