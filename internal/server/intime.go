package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// endGrace is how long after the end of its context a function waits for what is as good as done: requests on their
	// way are refused then, replies flushed.
	endGrace = 90 * time.Millisecond

	// turnGrace is the same for the turn, before that.
	turnGrace = 40 * time.Millisecond
)

// errStuck says what keeps a function that returns before it is through.
var errStuck = errors.New("the connection does not take what is sent")

// inTime runs f, and returns soon after the end of ctx even if f does not: nats.go writes to a socket under a lock, for as
// long as [nats.FlusherTimeout] says, and whatever needs that lock waits. f goes on, on a goroutine that ends with it.
func inTime(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case err := <-result:
		return err
	case <-grace.C:
		return fmt.Errorf("%w: %w", errStuck, ctx.Err())
	}
}

// whileConnected returns a context that ends with ctx, or when the connection is closed for good: no reply can be sent
// then.
func (s *Server) whileConnected(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.lost:
			cancel(nats.ErrConnectionClosed)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
