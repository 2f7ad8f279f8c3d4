package discovery

import "errors"

// The errors of this package. Those that a query returns say which question was asked, so test with [errors.Is].
var (
	// ErrNotFound is returned when the one instance that was asked did not answer.
	ErrNotFound = errors.New("service instance not found")

	// ErrNoContract is returned when an instance does not have the contract that it was asked for, or what it sent is
	// another one.
	ErrNoContract = errors.New("contract not found")

	// ErrInvalidArgument is returned when an option, a service name or an instance id cannot be used. Nothing was
	// sent.
	ErrInvalidArgument = errors.New("invalid argument")

	// ErrIncomplete is returned when there may be more answers than those that were handed on: more came than
	// [WithMaxBytes] allows, or than could be read in time.
	ErrIncomplete = errors.New("not all answers were read")

	// ErrDuplicate is given to the function of [WithReplyError] when an instance answered one question again.
	ErrDuplicate = errors.New("instance answered more than once")

	// ErrOddField is given to the function of [WithReplyError] when a field of an answer is not of the type that the
	// protocol says, or out of range. The answer counts all the same; that field is at zero.
	ErrOddField = errors.New("field of an unexpected type")
)
