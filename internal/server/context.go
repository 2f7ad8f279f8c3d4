package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

// Context is the context of a handler. It ends with the caller's deadline, when the caller gives up, when the service
// stops waiting, and once the handler has returned.
//
// What it takes to tell somebody about that (a channel, a timer, a place among the children of its parent) is nine
// allocations of the context package, which costs more than many handlers do, and most handlers never ask. So it is
// made when somebody asks for Done, or when there is an end to tell of; until then the context is two fields. From then
// on the context only passes questions on, so that the context package ties children to it as to one of its own.
//
// The endpoint allocates it, together with what else it gives a handler; see [NewRequest].
type Context struct {
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
func (c *Context) end(cause error) {
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

// Interruption says why the context has ended, if it has and err, which the handler returned, is that end: then it is not
// the handler's failure. It is asked before the request is [Request.Handled], which ends the context in any case.
func (c *Context) Interruption(err error) wire.Interruption {
	isEnd := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if !isEnd || c.Err() == nil {
		return ""
	}
	switch cause := context.Cause(c); {
	case errors.Is(cause, ErrCallerGone):
		return wire.InterruptedByCaller
	case errors.Is(cause, context.DeadlineExceeded):
		return wire.InterruptedByDeadline
	default:
		return wire.InterruptedByStop
	}
}

// endedBy returns the cause that end was called with, or nil.
func (c *Context) endedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Deadline implements [context.Context]. The parent has none.
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full == nil {
		c.full = c.newFullLocked()
	}
	return c.full.Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	if full := c.fullIfAsked(); full != nil {
		return full.Err()
	}
	return nil
}

// Value implements [context.Context]. The context package asks for a key of its own, to find the context that it can
// tie others to, and the cause of the end.
func (c *Context) Value(key any) any {
	if full := c.fullIfAsked(); full != nil {
		return full.Value(key)
	}
	return c.parent.Value(key)
}

// fullIfAsked returns the full context if somebody has asked for it, or if there is an end to tell of. Otherwise there
// is nothing that the two fields do not tell, and it returns nil.
func (c *Context) fullIfAsked() *fullContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full == nil && c.hasEndedLocked() {
		c.full = c.newFullLocked()
	}
	return c.full
}

func (c *Context) newFullLocked() *fullContext {
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

func (c *Context) hasEndedLocked() bool {
	return c.cause != nil || c.parent.Err() != nil || !c.deadline.IsZero() && !time.Now().Before(c.deadline)
}
