package wire

import (
	"errors"
	"fmt"
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
	ReplyTokenHeader = "Typednats-Reply-Token" //nolint:gosec // nothing secret

	// ContentTypeHeader names the codec of a request that is not JSON.
	ContentTypeHeader = "Content-Type"

	// ErrorTextHeader holds an error's description in full, percent-encoded, if the plain one had to be escaped.
	ErrorTextHeader = "Typednats-Error-Text"

	// RefusedHeader says why the library answered a request without running its handler.
	RefusedHeader = "Typednats-Refused"

	// InterruptedHeader says why the context of a handler ended that returned that end.
	InterruptedHeader = "Typednats-Interrupted"

	// StatusHeader is where nats.go puts the status of a message that has one, such as 503 for no responders. As a
	// header of a reply it would be taken for one.
	StatusHeader = "Status"
)

// headerPrefix begins the names of the library's own headers, and of those that it may have one day.
const headerPrefix = "Typednats-"

// reservedHeaders are those that a program may not set, beside those with the library's prefix.
func reservedHeaders() [5]string {
	return [...]string{micro.ErrorHeader, micro.ErrorCodeHeader, ErrorTypeHeader, ContentTypeHeader, StatusHeader}
}

// IsReserved reports whether the header is the library's to set. Keys are compared without case: other languages read
// them so.
func IsReserved(key string) bool {
	if len(key) >= len(headerPrefix) && strings.EqualFold(key[:len(headerPrefix)], headerPrefix) {
		return true
	}
	for _, reserved := range reservedHeaders() {
		if strings.EqualFold(key, reserved) {
			return true
		}
	}
	return false
}

// CheckHeader reports why a program may not send a header: nats.go does not publish its key, it is the library's to set,
// or a value is not ASCII, which ADR-4 asks for. The reader thread of a Java client ends at the first byte that is not.
func CheckHeader(key string, values []string) error {
	if !IsHeaderKey(key) {
		return errors.New("want letters, digits or dashes, as in HTTP")
	}
	if IsReserved(key) {
		return errors.New("the library sets it itself")
	}
	for _, value := range values {
		if i := strings.IndexFunc(value, func(r rune) bool { return (r < ' ' || r > '~') && r != '\t' }); i >= 0 {
			return fmt.Errorf("value %+q: want printable ASCII; encode the rest, as with url.PathEscape", value)
		}
	}
	return nil
}

// IsHeaderKey reports whether nats.go publishes a message with this header. It is stricter than ADR-4: what separates
// words in HTTP is refused, too.
func IsHeaderKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// HeaderValue returns the first value of a header, or "". The key is compared without case: clients of other languages
// write it as they like. If there are several spellings, that of key counts, and then the first in the order of bytes.
func HeaderValue(h nats.Header, key string) string {
	if values := HeaderValues(h, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// HeaderValues returns the values of a header, nil if it has none, found as [HeaderValue] does.
func HeaderValues(h nats.Header, key string) []string {
	if values := h[key]; len(values) > 0 {
		return values
	}
	spelling := ""
	for other, values := range h {
		if len(values) > 0 && strings.EqualFold(other, key) && (spelling == "" || other < spelling) {
			spelling = other
		}
	}
	return h[spelling]
}

// DropHeader deletes a header in every spelling.
func DropHeader(h nats.Header, key string) {
	maps.DeleteFunc(h, func(other string, _ []string) bool { return strings.EqualFold(other, key) })
}

// HeaderWith returns a copy of h with more values of a header.
func HeaderWith(h nats.Header, key string, values ...string) nats.Header {
	next := make(nats.Header, len(h)+1)
	maps.Copy(next, h)
	next[key] = slices.Concat(next[key], values)
	return next
}

// Refuse says in the header of an error reply why no handler ran.
func Refuse(h nats.Header, why Refusal) nats.Header {
	return HeaderWith(h, RefusedHeader, string(why))
}

// MergeReplyHeader adds what a handler wants to send back to the header that the library sets. It reports the first
// header that may not be sent.
func MergeReplyHeader(own, extra nats.Header) (nats.Header, error) {
	if len(extra) == 0 {
		return own, nil
	}
	if own == nil {
		own = make(nats.Header, len(extra))
	}
	for key, values := range extra {
		if err := CheckHeader(key, values); err != nil {
			return nil, fmt.Errorf("reply header %q: %w", key, err)
		}
		own[key] = values
	}
	return own, nil
}
