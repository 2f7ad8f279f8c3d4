package server

import (
	"context"
	"errors"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/wire"
)

// Interruption says why the context of a handler has ended, if it has and err, which the handler returned, is that end:
// then it is not the handler's failure. It is asked before the request is [Request.Handled], which ends the context in any
// case.
func Interruption(ctx *lazy.Context, err error) wire.Interruption {
	if err == nil || ctx.Err() == nil {
		return ""
	}
	cause := context.Cause(ctx)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, cause) {
		return ""
	}
	if _, panicked := errors.AsType[*PanicError](err); panicked {
		return ""
	}
	switch {
	case errors.Is(cause, ErrCallerGone):
		return wire.InterruptedByCaller
	case errors.Is(cause, context.DeadlineExceeded):
		return wire.InterruptedByDeadline
	default:
		return wire.InterruptedByStop
	}
}
