package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// flushTimeout bounds a round trip to the server if the caller sets no bound.
	flushTimeout = 10 * time.Second

	// flushGrace is how long a step of ending may take when the caller's time is up: without it, requests on their
	// way would not even be refused.
	flushGrace = time.Second
)

// cutOff ends the flow of subscriptions: when it returns, all that they will ever deliver is admitted.
func (c *connection) cutOff(ctx context.Context, subs []*nats.Subscription) error {
	c.endFlow(ctx, subs)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience(ctx))
	defer cancel()
	if err := c.intakes.awaitAdmitted(ctx); err != nil {
		return fmt.Errorf("read what was delivered: %w", err)
	}
	return nil
}

// endFlow unsubscribes without losing what the server has sent by then. [nats.Subscription.Unsubscribe] alone forgets
// the subscription at once, and nats.go then drops requests that were sent already. Drain tells the server, and keeps
// the subscription until a round trip has shown that nothing more comes. endFlow makes a round trip of its own, since
// it cannot see when that of nats.go is over.
func (c *connection) endFlow(ctx context.Context, subs []*nats.Subscription) {
	if !c.nc.IsConnected() { // nothing is on its way
		for _, sub := range subs {
			_ = sub.Unsubscribe() // it fails on a closed connection only
		}
		return
	}
	before := c.nc.Stats().Reconnects
	for _, sub := range subs {
		_ = sub.Drain() // it fails on a closed connection only
	}
	flushed := c.flush(ctx) == nil
	if flushed {
		c.awaitCallbacks(subs)
	}
	reconnected := func() bool { return c.nc.Stats().Reconnects != before }
	if !flushed && c.nc.IsConnected() && !reconnected() {
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
		c.reconnect(ctx)
	}
}

// awaitCallbacks waits until callbacks have handed on what was delivered. They do so at once.
func (c *connection) awaitCallbacks(subs []*nats.Subscription) {
	for _, sub := range subs {
		for sub.Type() == nats.AsyncSubscription {
			if pending, _, err := sub.Pending(); err != nil || pending == 0 || c.anchor.holdsWith(sub) {
				break
			}
			runtime.Gosched()
		}
	}
}

// reconnect makes the connection anew: only that tells the server about subscriptions that nats.go has forgotten.
func (c *connection) reconnect(ctx context.Context) {
	if c.nc.ForceReconnect() != nil {
		return // it is closed
	}
	_ = c.nc.FlushTimeout(patience(ctx)) // if it fails there is no connection, and replies wait for one
	c.report(Report{Err: errors.New("the connection was lost while endpoints were drained, and was made anew")})
}

// flush makes a round trip to the server, unless there is no connection to make it on.
func (c *connection) flush(ctx context.Context) error {
	for c.nc.IsConnected() {
		err := c.nc.FlushTimeout(patience(ctx))
		if !errors.Is(err, nats.ErrConnectionClosed) || c.nc.IsClosed() {
			return err
		}
		// It was lost meanwhile, which nats.go calls closed, too. What was sent waits for the next one.
	}
	return nil
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
