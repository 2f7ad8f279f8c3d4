package typednats

import (
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// Headers that typednats adds to those of the NATS service protocol, [micro.ErrorHeader] and
// [micro.ErrorCodeHeader]. docs/wire.md says who sends them and when.
const (
	// ErrorTypeHeader holds the wire tag of a declared error. zio-nats uses the same header.
	ErrorTypeHeader = wire.ErrorTypeHeader

	// TimeoutHeader holds how long the caller still waits, as a positive whole number of milliseconds.
	TimeoutHeader = wire.TimeoutHeader

	// ReplyTokenHeader says, in a reply, that what the request's reply subject said has arrived.
	ReplyTokenHeader = wire.ReplyTokenHeader

	// ErrorTextHeader holds an error's description in full, percent-encoded, if it is not ASCII: header values are, and
	// the plain description is escaped then.
	ErrorTextHeader = wire.ErrorTextHeader

	// RefusedHeader says, in one word, why the library answered a request without running its handler; see
	// [ServiceError].
	RefusedHeader = wire.RefusedHeader

	// InterruptedHeader says why the context of a handler ended that returned that end: "deadline", "cancelled" or
	// "stopping".
	InterruptedHeader = wire.InterruptedHeader

	// ContentTypeHeader names the codec of a request that is not JSON.
	ContentTypeHeader = wire.ContentTypeHeader
)

// HeaderValue returns the first value of a header, or "" if there is none. Unlike [nats.Header.Get] it compares the
// name without case: a proxy, or a client in another language, may write Traceparent for traceparent. It is for handlers
// and interceptors that read headers of requests.
func HeaderValue(h nats.Header, name string) string { return wire.HeaderValue(h, name) }

// checkHeader records the headers that a program may not send.
func checkHeader(h nats.Header, m *mistakes) {
	var bad []string
	for key, values := range h {
		if wire.CheckHeader(key, values) != nil {
			bad = append(bad, key)
		}
	}
	slices.Sort(bad) // a call with good headers, behind interceptors, does not pay for the order
	for _, key := range bad {
		m.add("header", key, wire.CheckHeader(key, h[key]))
	}
}
