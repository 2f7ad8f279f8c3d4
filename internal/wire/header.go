package wire

import (
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Headers that typednats adds to those of the NATS service protocol, [micro.ErrorHeader] and
// [micro.ErrorCodeHeader].
const (
	// ErrorTypeHeader holds the wire tag of a declared error. zio-nats uses the same header.
	ErrorTypeHeader = "Nats-Service-Error-Type"

	// TimeoutHeader holds how long the caller still waits, as a positive whole number of milliseconds.
	TimeoutHeader = "Typednats-Timeout"

	// ReplyTokenHeader says, in a reply, that what the request's reply subject said has arrived. A service sends it if
	// the request's headers say the same.
	ReplyTokenHeader = "Typednats-Reply-Token"

	// ContentTypeHeader names the codec of a request that is not JSON.
	ContentTypeHeader = "Content-Type"

	// StatusHeader is where nats.go puts the status of a message that has one, such as 503 for no responders. As a
	// header of a reply it would be taken for one.
	StatusHeader = "Status"
)

// reservedHeaders are those that a program may not set.
func reservedHeaders() [7]string {
	return [...]string{
		micro.ErrorHeader, micro.ErrorCodeHeader, ErrorTypeHeader, TimeoutHeader, ReplyTokenHeader, ContentTypeHeader,
		StatusHeader,
	}
}

// IsReserved reports whether the library sets the header itself. Keys are compared without case: other languages read
// them so.
func IsReserved(key string) bool {
	for _, reserved := range reservedHeaders() {
		if strings.EqualFold(key, reserved) {
			return true
		}
	}
	return false
}

// IsHeaderKey reports whether nats.go publishes a message with this header. It is stricter than ADR-4: what separates
// words in HTTP is refused, too.
func IsHeaderKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// HeaderValue returns the first value of a header, or "". Unlike [nats.Header.Get] it stands an empty list.
func HeaderValue(h nats.Header, key string) string {
	if values := h[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// HeaderWith returns a copy of h with more values of a header.
func HeaderWith(h nats.Header, key string, values ...string) nats.Header {
	next := make(nats.Header, len(h)+1)
	maps.Copy(next, h)
	next[key] = slices.Concat(next[key], values)
	return next
}

// MergeReplyHeader adds what a handler wants to send back to the header that the library sets. It reports the first
// key that may not be sent.
func MergeReplyHeader(own, extra nats.Header) (merged nats.Header, badKey string) {
	if len(extra) == 0 {
		return own, ""
	}
	if own == nil {
		own = make(nats.Header, len(extra))
	}
	for key, values := range extra {
		if !IsHeaderKey(key) || IsReserved(key) {
			return nil, key
		}
		own[key] = values
	}
	return own, ""
}
