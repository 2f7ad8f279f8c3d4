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
	isEnd := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if !isEnd || ctx.Err() == nil {
		return ""
	}
	if _, panicked := errors.AsType[*PanicError](err); panicked {
		return ""
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrCallerGone):
		return wire.InterruptedByCaller
	case errors.Is(cause, context.DeadlineExceeded):
		return wire.InterruptedByDeadline
	default:
		return wire.InterruptedByStop
	}
}
