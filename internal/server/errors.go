package server

import "errors"

// Failures of a service. The root package exports them under names of its own, with what they mean to its users.
var (
	ErrInvalidEndpoint  = errors.New("typednats: invalid endpoint")
	ErrStopped          = errors.New("typednats: service is stopped")
	ErrEndpointNotFound = errors.New("typednats: no such endpoint")
	ErrCallerGone       = errors.New("typednats: caller is gone")
	ErrAbandoned        = errors.New("typednats: requests were abandoned")
)
