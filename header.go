package typednats

import (
	"errors"
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

	// ContentTypeHeader names the codec of a request that is not JSON.
	ContentTypeHeader = wire.ContentTypeHeader
)

// checkHeader records the headers that a program may not send.
func checkHeader(h nats.Header, m *mistakes) {
	var bad []string
	for key := range h {
		if checkHeaderKey(key) != nil {
			bad = append(bad, key)
		}
	}
	slices.Sort(bad) // a call with good headers, behind interceptors, does not pay for the order
	for _, key := range bad {
		m.add("header", key, checkHeaderKey(key))
	}
}

// checkHeaderKey reports why a program may not send a header.
func checkHeaderKey(key string) error {
	switch {
	case !wire.IsHeaderKey(key):
		return errors.New("want letters, digits or dashes, as in HTTP")
	case wire.IsReserved(key):
		return errors.New("the library sets it itself")
	}
	return nil
}
