package typednats

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Codes that the library itself sends in [micro.ErrorCodeHeader], with HTTP's meaning. docs/wire.md lists them.
const (
	codeBadRequest       = 400 // the request could not be decoded
	codeUnsupportedMedia = 415 // the endpoint does not accept the request's codec
	codeCallerGone       = 499 // the caller gave up before the handler ran; nobody sees it but in statistics
	codeInternal         = 500 // the handler failed, or its reply could not be sent
	codeUnavailable      = 503 // too many requests, or the service is stopping
	codeDeadline         = 504 // the caller's deadline had passed before the handler ran
)

// maxDescription bounds the description of an error on the wire, in bytes.
const maxDescription = 4 << 10

// internalDescription is all that a client learns of an error that was not declared.
const internalDescription = "internal error"

// Failures of the library itself. They are wrapped with what they are about; test for them with [errors.Is].
var (
	// ErrInvalidEndpoint is returned when an endpoint's descriptor has a mistake.
	ErrInvalidEndpoint = errors.New("typednats: invalid endpoint")

	// ErrInvalidConfig is returned when a [ServiceConfig] or an option has a bad value.
	ErrInvalidConfig = errors.New("typednats: invalid configuration")

	// ErrEncodeRequest is returned when the codec cannot encode a request. Nothing was sent.
	ErrEncodeRequest = errors.New("typednats: request cannot be encoded")

	// ErrDecodeReply is returned when a successful reply came that the codec cannot decode.
	ErrDecodeReply = errors.New("typednats: reply cannot be decoded")

	// ErrClientClosed is returned by calls through a [Client] after [Client.Close]. Nothing more is received.
	ErrClientClosed = errors.New("typednats: client is closed")

	// ErrServiceStopped is returned when endpoints are added to, or removed from, a service that was stopped.
	ErrServiceStopped = errors.New("typednats: service is stopped")

	// ErrEndpointNotFound is returned when no endpoint of a service has the given name or subject, or when several
	// have the name.
	ErrEndpointNotFound = errors.New("typednats: no such endpoint")

	// ErrCallerGone is the [context.Cause] of the end of a handler's context where the caller cancelled its call, or
	// its connection is gone. Callers through a [Client] are recognised.
	ErrCallerGone = errors.New("typednats: caller is gone")

	// ErrAbandoned is returned when a service or an endpoint was stopped before all that it had accepted was
	// answered by a handler. The error says how many requests that was.
	ErrAbandoned = errors.New("typednats: requests were abandoned")
)

// What is wrong with single values, as it stands in the errors above.
var (
	errAtIsForClients = errors.New("At is for clients; bind a handler to the endpoint without it")
	errAtLeastOne     = errors.New("want at least 1")
	errEmpty          = errors.New("it is empty")
	errNegative       = errors.New("it is negative")
	errNil            = errors.New("it is nil")
	errNotUTF8        = errors.New("it is not UTF-8, which $SRV.INFO could not show")
)

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
}

// Errorf returns an error that a handler sends to its caller as code and description. The text crosses the wire,
// that of wrapped errors included.
func Errorf(code int, format string, args ...any) *ServiceError {
	return &ServiceError{Code: code, Description: fmt.Errorf(format, args...).Error()}
}

// code is 0 for no error.
func (e *ServiceError) code() int {
	if e == nil {
		return 0
	}
	return e.Code
}

// Error returns the code, the tag if there is one, and the description.
func (e *ServiceError) Error() string {
	if e.Type != "" {
		return fmt.Sprintf("service error %d (%s): %s", e.Code, e.Type, e.Description)
	}
	return fmt.Sprintf("service error %d: %s", e.Code, e.Description)
}

// CallError is what [RequestService] and [Request] return for every failure but a declared error: it says which call
// failed. Err, which [errors.Is] and [errors.As] reach, is one of
//
//   - a [*ServiceError] that the service replied with,
//   - [nats.ErrNoResponders]: nobody serves the subject, nothing was run,
//   - [context.DeadlineExceeded] or [context.Canceled]: no reply came in time, and the request may have been run,
//   - [nats.ErrConnectionClosed], [nats.ErrConnectionDraining], [nats.ErrDisconnected] or [ErrClientClosed],
//   - [nats.ErrMaxPayload]: the request is larger than the server allows, nothing was sent,
//   - [ErrEncodeRequest] or [ErrDecodeReply], with the codec's error,
//   - [ErrInvalidEndpoint] or [ErrInvalidConfig], a mistake in the call,
//   - another error of the [Requester].
type CallError struct {
	// Endpoint is the endpoint's name; it is empty for a call made with Request.
	Endpoint string

	// Subject is where the request was sent.
	Subject string

	// Err is what went wrong.
	Err error
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

// cleanDescription makes s safe to be a header's value: one line of valid UTF-8 of bounded length. Text that is
// empty then is replaced by fallback.
func cleanDescription(s, fallback string) string {
	clean := func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}
	s = cutText(s, 2*maxDescription) // bounds the work; the exact cut follows
	s = strings.TrimSpace(strings.Map(clean, strings.ToValidUTF8(s, string(utf8.RuneError))))
	s = strings.TrimSpace(cutText(s, maxDescription))
	if s == "" {
		return fallback
	}
	return s
}

// cutText returns as much of s as fits into limit bytes without splitting a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// cleanCode makes code safe to be sent.
func cleanCode(code int) int {
	if code < 1 {
		return codeInternal
	}
	return code
}
