package discovery

import "errors"

// The errors of this package. Those that a query returns say which question was asked, so test with [errors.Is].
var (
	// ErrNotFound is returned when the one instance that was asked did not answer.
	ErrNotFound = errors.New("service instance not found")

	// ErrInvalidArgument is returned when an option, a service name or an instance id cannot be used. Nothing was
	// sent.
	ErrInvalidArgument = errors.New("invalid argument")

	// ErrDuplicate is given to the function of [WithReplyError] when an instance answered one question again.
	ErrDuplicate = errors.New("instance answered more than once")
)
