package typednats

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// errNilContext is returned by whatever waits and got no context.
var errNilContext = fmt.Errorf("%w: the context is nil", ErrInvalidConfig)

// fail wraps what went wrong with a call.
func (c *call) fail(err error) error { return c.failAs(err, c.executionOf(err)) }

func (c *call) failAs(err error, run execution) error {
	return &CallError{Endpoint: c.name, Subject: c.target, Err: err, run: run}
}

// failIn wraps what went wrong with a call that has a context. If the call has ended with that, it says why the context
// has ended.
func (c *call) failIn(ctx context.Context, err error) error {
	run := c.executionOf(err) // of which the cause knows nothing
	if errors.Is(err, context.DeadlineExceeded) {
		awaitDeadline(ctx)
	}
	end := ctx.Err()
	if end == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return c.failAs(err, run)
	}
	if !errors.Is(err, end) {
		err = fmt.Errorf("%w: %w", end, err)
	}
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, c.asCause(cause))
	}
	return c.failAs(err, run)
}

// asCause returns a context's cause as part of this call's error. How another call has failed, for which a group of calls is
// given up, is told by its text, and is found as itself; it is no answer to this one.
func (c *call) asCause(cause error) error {
	_, isReply := errors.AsType[*ServiceError](cause)
	if isReply || isCallError(cause) || c.errors.find(cause).member != nil {
		return &causeOfEnd{cause}
	}
	return cause
}

// causeOfEnd is an error of another call. It has no Unwrap: what is in it says nothing about this call.
type causeOfEnd struct{ cause error }

func (e *causeOfEnd) Error() string { return e.cause.Error() }

// Is reports whether target is the cause itself.
func (e *causeOfEnd) Is(target error) bool {
	return reflect.ValueOf(e.cause).Comparable() && e.cause == target
}

// isCallError reports whether an error is, or wraps, what a call has returned.
func isCallError(err error) bool {
	_, ok := errors.AsType[*CallError](err)
	return ok
}
