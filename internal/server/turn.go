package server

import (
	"context"
	"fmt"
)

// turn is the right to change what a service serves: to add endpoints, to remove one, or to stop. One at a time has it.
type turn struct {
	taken    chan struct{} // holds a token while somebody has the turn
	stopping chan struct{} // closed once the service has begun to stop
}

func newTurn() turn { return turn{taken: make(chan struct{}, 1), stopping: make(chan struct{})} }

// take waits for the turn to add or remove endpoints. A service that has begun to stop does not give it: a handler that
// asks would wait for a stop that waits for the handler.
func (t turn) take(ctx context.Context) error {
	if err := t.wait(ctx, t.stopping); err != nil {
		return err
	}
	select {
	case <-t.stopping:
		t.pass()
		return ErrStopped
	default:
		return nil
	}
}

// takeToStop waits for the turn to stop. The first to get it begins to stop.
func (t turn) takeToStop(ctx context.Context) error { return t.wait(ctx, nil) }

// wait has a little patience even if ctx has ended, as the other steps of ending have: most changes take a round trip
// to the server.
func (t turn) wait(ctx context.Context, stopping <-chan struct{}) error {
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-stopping:
		return ErrStopped
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnGrace)
	defer cancel()
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-stopping:
		return ErrStopped
	case <-grace.Done():
		return fmt.Errorf("wait for another change: %w", ctx.Err())
	}
}

// pass gives the turn back.
func (t turn) pass() { <-t.taken }
