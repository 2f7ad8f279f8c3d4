// Package lazy is the context of a handler, and of a call behind interceptors: one that costs something only when it is
// used.
package lazy

import (
	"context"
	"sync"
	"time"
)

// Context is a context with a deadline that somebody ends. A handler's ends with the caller's deadline, when the caller
// gives up, when the service stops waiting, and once the handler has returned; a call's, with its timeout and when it
// returns.
//
// What it takes to tell somebody about that (a channel, a timer, a place among the children of its parent) is nine
// allocations of the context package, which costs more than many handlers do, and most handlers never ask. So it is
// made when somebody asks for Done, or when there is an end to tell of; until then the context is a few fields. From then
// on the context only passes questions on, so that the context package ties children to it as to one of its own.
//
// Who waits for something else beside the end, and has a clock, needs no channel: see [Context.Watch].
//
// It is part of what its owner allocates. The zero value must be begun.
type Context struct {
	parent   context.Context //nolint:containedctx // it is a context itself
	told     bool            // of the end of the parent, by a call of End
	deadline time.Time       // zero if there is none

	mu      sync.Mutex
	cause   error        // why it ended, if End ended it
	full    *fullContext // what was made when somebody asked; nil before that
	watcher Watcher      // nil if nobody watches
	number  uint64       // that the watcher is told
}

// Watcher is told that a context has ended.
type Watcher interface {
	// ContextEnded is called with the number of the watch, maybe more than once, and maybe when the watch is over already.
	// It must not wait.
	ContextEnded(number uint64)
}

// fullContext is a context of the context package.
type fullContext struct {
	context.Context //nolint:containedctx // it is a context itself

	end context.CancelCauseFunc
}

// Begin makes c a context that ends with parent, which has no deadline, and must be ended with [Context.End].
func (c *Context) Begin(parent context.Context) { c.parent = parent }

// BeginTold is Begin for an owner that calls End when the parent ends, too.
func (c *Context) BeginTold(parent context.Context) { c.parent, c.told = parent, true }

// SetDeadline sets the deadline. It must be called before anybody else has the context.
func (c *Context) SetDeadline(t time.Time) { c.deadline = t }

// End ends the context, unless it has ended.
func (c *Context) End(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	cause, full, watcher, number := c.cause, c.full, c.watcher, c.number
	c.watcher = nil
	c.mu.Unlock()
	if full != nil {
		full.end(cause)
	}
	if watcher != nil {
		watcher.ContextEnded(number)
	}
}

// Watch has w told of the end of the context, with a number of its own for this watch. It reports false if the context
// has ended, or somebody else watches; Done remains. Who watches looks at the deadline itself, and waits for the channel
// also, which may be nil. It must call [Context.Unwatch] in the end.
func (c *Context) Watch(w Watcher, number uint64) (also <-chan struct{}, ok bool) {
	parent, isLazy := c.parent.(*Context)
	switch {
	case c.told:
	case isLazy:
		if also, ok = parent.Watch(w, number); !ok {
			return nil, false
		}
	default:
		also = c.parent.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watcher == nil && !c.hasEndedLocked() {
		c.watcher, c.number = w, number
		return also, true
	}
	if isLazy && !c.told {
		parent.Unwatch(number)
	}
	return nil, false
}

// Unwatch ends a watch.
func (c *Context) Unwatch(number uint64) {
	c.mu.Lock()
	if c.watcher != nil && c.number == number {
		c.watcher = nil
	}
	c.mu.Unlock()
	if parent, ok := c.parent.(*Context); ok && !c.told {
		parent.Unwatch(number)
	}
}

// EndedBy returns the cause that End was called with, or nil.
func (c *Context) EndedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Deadline implements [context.Context].
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
