package wire

import (
	"cmp"
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

// Token is what a service finds in place of the last token that a client gave a reply subject.
type Token struct {
	Arrived bool // as it was made: nobody has rewritten the reply subject
	Asked   bool // it arrived and says what the headers say: the caller asks whether it does
}

// FactsOf reads what a request says about itself. A header counts before the reply subject: whoever sends one means it.
func FactsOf(h nats.Header, reply string) (Facts, Token) {
	inToken, arrived := ParseReplyToken(reply)
	if h == nil {
		return inToken, Token{Arrived: arrived}
	}
	inHeader := Facts{
		ContentType: HeaderValue(h, ContentTypeHeader),
		Timeout:     parseTimeout(HeaderValue(h, TimeoutHeader)),
	}
	return Facts{
		ContentType: cmp.Or(inHeader.ContentType, inToken.ContentType),
		Timeout:     cmp.Or(inHeader.Timeout, inToken.Timeout),
	}, Token{Arrived: arrived, Asked: arrived && inHeader.Timeout > 0 && inHeader == inToken}
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
