package wire

import (
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Facts is what a request says about itself beside its body, in headers or in its reply subject. The zero value is a
// JSON request without a deadline.
type Facts struct {
	ContentType string        // "" means JSON
	Timeout     time.Duration // how long the caller still waits; 0 means that it did not say
}

// FactsOf reads what a request says about itself, and whether a client of this library made its reply subject. A
// header counts before the reply subject: whoever sends one means it.
func FactsOf(h nats.Header, reply string) (f Facts, fromClient bool) {
	f, fromClient = ParseReplyToken(reply)
	if h == nil {
		return f, fromClient
	}
	if contentType := HeaderValue(h, ContentTypeHeader); contentType != "" {
		f.ContentType = contentType
	}
	if timeout := parseTimeout(HeaderValue(h, TimeoutHeader)); timeout > 0 {
		f.Timeout = timeout
	}
	return f, fromClient
}

// AddTo writes the facts as headers into h, which it makes if it is nil.
func (f Facts) AddTo(h nats.Header) nats.Header {
	if h == nil {
		h = make(nats.Header, 2)
	}
	if f.ContentType != "" {
		h[ContentTypeHeader] = []string{f.ContentType}
	}
	if f.Timeout > 0 {
		h[TimeoutHeader] = []string{strconv.FormatInt(milliseconds(f.Timeout), 10)}
	}
	return h
}

// milliseconds rounds up: rounding down would end a handler before its caller.
func milliseconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d-1)/time.Millisecond) + 1
}

// parseTimeout reads a positive whole number of milliseconds. Anything else is 0, as if it were absent.
func parseTimeout(s string) time.Duration {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0
	}
	ms, err := strconv.ParseUint(s, 10, 64)
	if err != nil || ms > math.MaxInt64/uint64(time.Millisecond) {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
