package typednats

import (
	"context"
	"errors"
	"fmt"

	"github.com/typednats/typednats/internal/replies"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// Failures of the library itself. They are wrapped with what they are about; test for them with [errors.Is].
var (
	// ErrInvalidEndpoint is returned when an endpoint's descriptor has a mistake.
	ErrInvalidEndpoint = server.ErrInvalidEndpoint

	// ErrInvalidConfig is returned when a [ServiceConfig] or an option has a bad value.
	ErrInvalidConfig = errors.New("typednats: invalid configuration")

	// ErrEncodeRequest is returned when the codec cannot encode a request. Nothing was sent.
	ErrEncodeRequest = errors.New("typednats: request cannot be encoded")

	// ErrInvalidRequest is returned when [Validation] on a client finds the request invalid. Nothing was sent.
	ErrInvalidRequest = errors.New("typednats: invalid request")

	// ErrDecodeReply is returned when a successful reply came that the codec cannot decode.
	ErrDecodeReply = errors.New("typednats: reply cannot be decoded")

	// ErrStreamAcknowledged is returned when the acknowledgement of a JetStream stream came in place of the service's reply:
	// the stream takes the endpoint's subject. The service may have run the request. A [Client] waits for the reply, and
	// says this if none comes; a bare connection gets only the first message.
	ErrStreamAcknowledged = replies.ErrAcknowledged

	// ErrClientClosed is returned by calls through a [Client] after [Client.Close]. Nothing more is received.
	ErrClientClosed = replies.ErrClosed

	// ErrServiceStopped is returned when endpoints are added to, or removed from, a service that was stopped.
	ErrServiceStopped = server.ErrStopped

	// ErrEndpointNotFound is returned when no endpoint of a service has the given name or subject, or when several
	// have the name.
	ErrEndpointNotFound = server.ErrEndpointNotFound

	// ErrCallerGone is the [context.Cause] of the end of a handler's context if the caller cancelled its call. Callers
	// through a [Client] are recognised. It is [context.Canceled], too, for [errors.Is].
	ErrCallerGone = server.ErrCallerGone

	// ErrAbandoned is returned when a service or an endpoint was stopped before all that it had accepted was
	// answered by a handler. The error says how many requests that was.
	ErrAbandoned = server.ErrAbandoned
)

// Never is the Err of an endpoint that has no domain error. No type implements it.
type Never interface {
	error
	never()
}

// ServiceError is a failure that a service reports with a code and a description, without a declared Go type: the
// errors made with [Errorf], those that the library sends itself, and declared errors that this client does not know.
type ServiceError struct {
	// Code has HTTP's meaning and is at least 1; a lower one is sent as 500.
	Code int

	// Description is for people. It is sent without control characters, cut at 4 KiB.
	Description string

	// Type is the wire tag of a declared error that the client could not turn into a Go value, else empty. It is
	// never sent.
	Type string

	// Data is the reply's body, as it came. It is never sent.
	Data []byte

	// Refused says why the service answered without running its handler; see [RefusedOverload] and those below it. It
	// is empty if the handler ran, and for a service that does not use this library. It is never sent.
	Refused string
}

// Errorf returns an error that a handler sends to its caller as code and description. The text crosses the wire,
// that of wrapped errors included.
func Errorf(code int, format string, args ...any) *ServiceError {
	return &ServiceError{Code: code, Description: fmt.Errorf(format, args...).Error()}
}

// errorOf returns the error that an error reply stands for, if it is not a declared one.
func errorOf(e wire.ErrorReply, body []byte) error {
	se := &ServiceError{Code: e.Code, Description: e.Description, Type: e.Type, Data: body, Refused: string(e.Refused)}
	switch {
	case e.IsTimeUp():
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, se)
	case e.IsGivenUp():
		return fmt.Errorf("%w: %w", context.Canceled, se)
	default:
		return se
	}
}

// reply is what the error is on the wire.
func (e *ServiceError) reply() wire.ErrorReply {
	return wire.ErrorReply{Code: wire.CleanCode(e.Code), Description: e.Description}
}

// Error returns the code, the tag if there is one, and the description.
func (e *ServiceError) Error() string {
	if e.Type != "" {
		return fmt.Sprintf("service error %d (%s): %s", e.Code, e.Type, e.Description)
	}
	return fmt.Sprintf("service error %d: %s", e.Code, e.Description)
}

// invalidEndpoint begins the mistakes of the endpoint with the given name.
func invalidEndpoint(name string) error {
	return fmt.Errorf("%w %q", ErrInvalidEndpoint, name)
}

// CallError is what [RequestService] and [Request] return for every failure but a declared error: it says which call
// failed. Err, which [errors.Is] and [errors.As] reach, is one of
//
//   - a [*ServiceError] that the service replied with,
//   - [nats.ErrNoResponders]: nobody serves the subject, nothing was run,
//   - [context.DeadlineExceeded] or [context.Canceled]: the time of the call was over, or it was given up. Whoever
//     noticed that first, it is this error; if it was the service, its [*ServiceError] with code 504 or 499 is there
//     beside it. The [context.Cause] of the call's context is in the tree, and [nats.ErrDisconnected] if the
//     connection was down meanwhile. If the cause is the failure of another call, [errors.Is] finds it, but not what is in
//     it: that is no answer to this one,
//   - [nats.ErrPermissionViolation]: the server refused the request or the client's inbox; with [context.DeadlineExceeded]
//     if that was known only when the time was up,
//   - [nats.ErrDisconnected]: the connection was lost and the request not sent again; with [nats.ErrReconnectBufExceeded]
//     if it was down and nothing was sent,
//   - [nats.ErrConnectionClosed], [nats.ErrConnectionDraining] or [ErrClientClosed],
//   - [nats.ErrMaxPayload]: the request is larger than the server allows, nothing was sent,
//   - [ErrEncodeRequest] or [ErrDecodeReply], with the codec's error,
//   - [ErrInvalidRequest], with that of the request's method Validate,
//   - [ErrStreamAcknowledged], of a stream in the service's place,
//   - [ErrInvalidEndpoint] or [ErrInvalidConfig], a mistake in the call,
//   - another error of the [Requester].
type CallError struct {
	// Endpoint is the endpoint's name; it is empty for a call made with Request.
	Endpoint string

	// Subject is where the request was sent.
	Subject string

	// Err is what went wrong.
	Err error

	run execution // see WasRun
}

// Error names the endpoint and the subject.
func (e *CallError) Error() string {
	if e.Endpoint == "" {
		return fmt.Sprintf("call %q: %v", e.Subject, e.Err)
	}
	return fmt.Sprintf("call %q at %q: %v", e.Endpoint, e.Subject, e.Err)
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }
