package typednats

import (
	"context"
	"sync"
	"time"
)

// requestContext is the context of a handler. It ends with the caller's deadline, when the caller gives up, when the
// service stops waiting, and once the handler has returned. What it takes to tell somebody about that (a channel, a
// timer, a place among the children of its parent) costs more than many handlers do, so it is made when it is first
// asked for. Until then the context is two fields.
type requestContext struct {
	parent   context.Context //nolint:containedctx // it is a context itself
	deadline time.Time       // when the caller stops waiting; zero if it did not say

	mu    sync.Mutex
	cause error        // why it ended, if end ended it
	full  *fullContext // what was made when somebody asked; nil before that
}

// fullContext is a context of the context package.
type fullContext struct {
	context.Context //nolint:containedctx // it is a context itself

	end context.CancelCauseFunc
}

// end ends the context, unless it has ended.
func (c *requestContext) end(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	cause, full := c.cause, c.full
	c.mu.Unlock()
	if full != nil {
		full.end(cause)
	}
}

// endedBy returns the cause that end was called with, or nil.
func (c *requestContext) endedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Deadline implements [context.Context]. The parent has none.
func (c *requestContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements [context.Context].
func (c *requestContext) Done() <-chan struct{} { return c.needed(true).Done() }

// Err implements [context.Context].
func (c *requestContext) Err() error {
	if full := c.needed(false); full != nil {
		return full.Err()
	}
	return nil
}

// Value implements [context.Context]. The context package asks for a key of its own, to find the context that it can
// tie others to, and the cause of the end.
func (c *requestContext) Value(key any) any {
	if full := c.needed(false); full != nil {
		return full.Value(key)
	}
	return c.parent.Value(key)
}

// needed returns the full context. Where it is not there yet, it is made if it is wanted, or if there is an end to
// tell of; otherwise needed returns nil.
func (c *requestContext) needed(wanted bool) *fullContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full == nil && (wanted || c.hasEndedLocked()) {
		c.full = c.newFullLocked()
	}
	return c.full
}

func (c *requestContext) newFullLocked() *fullContext {
	parent := c.parent
	if c.cause != nil { // the first end counts, even if the parent has ended since
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithCancelCause(parent)
	if c.cause != nil {
		cancel(c.cause)
	}
	if c.deadline.IsZero() {
		return &fullContext{ctx, cancel}
	}
	timed, stop := context.WithDeadline(ctx, c.deadline)
	return &fullContext{timed, func(cause error) {
		cancel(cause)
		stop()
	}}
}

func (c *requestContext) hasEndedLocked() bool {
	return c.cause != nil || c.parent.Err() != nil || !c.deadline.IsZero() && !time.Now().Before(c.deadline)
}
