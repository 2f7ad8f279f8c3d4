package server

import (
	"context"
	"errors"
)

// Failures of a service. The root package exports them under names of its own, with what they mean to its users.
var (
	ErrInvalidEndpoint        = errors.New("typednats: invalid endpoint")
	ErrStopped                = errors.New("typednats: service is stopped")
	ErrEndpointNotFound       = errors.New("typednats: no such endpoint")
	ErrCallerGone       error = callerGone{}
	ErrAbandoned              = errors.New("typednats: requests were abandoned")
)

// callerGone is the cause of the end of a handler's context. It is [context.Canceled], too: what waits for a context, such
// as net/http, may fail with its cause in place of its error, and a handler that returns that returns the end.
type callerGone struct{}

func (callerGone) Error() string { return "typednats: caller is gone" }

func (callerGone) Unwrap() error { return context.Canceled }
