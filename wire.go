package typednats

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Headers that typednats adds to those of the NATS service protocol, [micro.ErrorHeader] and
// [micro.ErrorCodeHeader]. docs/wire.md says who sends them and when.
const (
	// ErrorTypeHeader holds the wire tag of a declared error. zio-nats uses the same header.
	ErrorTypeHeader = "Nats-Service-Error-Type"

	// TimeoutHeader holds how long the caller still waits, as a positive whole number of milliseconds.
	TimeoutHeader = "Typednats-Timeout"

	// ContentTypeHeader names the codec of a request that is not JSON.
	ContentTypeHeader = "Content-Type"
)

// statusHeader is where nats.go puts the status of a message that has one, such as 503 for no responders. As a
// header of a reply it would be taken for one.
const statusHeader = "Status"

// noRespondersStatus is the status of the message that the server sends where nobody serves a subject (ADR-22).
const noRespondersStatus = "503"

// isReserved reports whether the library sets the header itself. Keys are compared without case: other languages
// read them so.
func isReserved(key string) bool {
	for _, reserved := range []string{
		micro.ErrorHeader, micro.ErrorCodeHeader, ErrorTypeHeader, TimeoutHeader, ContentTypeHeader, statusHeader,
	} {
		if strings.EqualFold(key, reserved) {
			return true
		}
	}
	return false
}

// isHeaderKey reports whether nats.go publishes a message with this header. It is stricter than ADR-4: what separates
// words in HTTP is refused, too.
func isHeaderKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// headerValue returns the first value of a header, or "". Unlike [nats.Header.Get] it stands an empty list.
func headerValue(h nats.Header, key string) string {
	if values := h[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// headerWith returns a copy of h with more values of a header.
func headerWith(h nats.Header, key string, values ...string) nats.Header {
	next := make(nats.Header, len(h)+1)
	maps.Copy(next, h)
	next[key] = slices.Concat(next[key], values)
	return next
}

// requestFacts is what a request says about itself beside its body. The zero value is a JSON request without a
// deadline.
type requestFacts struct {
	contentType string        // "" means JSON
	timeout     time.Duration // how long the caller still waits; 0 means that it did not say
}

// replyTokenMark begins the last token of a reply subject that carries facts. Tokens that other clients make are
// letters and digits.
const replyTokenMark = "~"

// noCall is the number in a reply subject that is nobody's.
const noCall = 0

// fitsReplyToken reports whether a content type, which may have parameters, can be part of a subject's token.
func fitsReplyToken(contentType string) bool {
	if contentType != "" && !strings.Contains(contentType, "/") { // it would be taken for a short one
		return false
	}
	return len(contentType) <= maxMediaType && !strings.ContainsFunc(contentType, func(r rune) bool {
		return r <= ' ' || r >= '~' || r == '.' || r == '*' || r == '>'
	})
}

// applicationTypes begins most media types. In a reply subject it is left out: every byte there is read and written
// six times on the way.
const applicationTypes = "application/"

// shortMediaType is a media type without applicationTypes.
func shortMediaType(mediaType string) string {
	if short, ok := strings.CutPrefix(mediaType, applicationTypes); ok && short != "" && !strings.Contains(short, "/") {
		return short
	}
	return mediaType
}

// longMediaType undoes shortMediaType, for the library's own codecs without an allocation.
func longMediaType(short string) string {
	switch {
	case short == "" || strings.Contains(short, "/"):
		return short
	case short == "msgpack":
		return "application/msgpack"
	case short == "octet-stream":
		return rawMediaType
	default:
		return applicationTypes + short
	}
}

// replySubject is the subject for the reply to a call. Its last token holds facts and the call's number: mark,
// milliseconds, short media type, number, joined with ~.
func replySubject(inbox string, f requestFacts, number uint64) string {
	b := make([]byte, 0, 128)
	b = append(b, inbox...)
	b = append(b, '.')
	b = append(b, replyTokenMark...)
	b = strconv.AppendInt(b, milliseconds(f.timeout), 10)
	b = append(b, '~')
	b = append(b, shortMediaType(f.contentType)...)
	b = append(b, '~')
	b = strconv.AppendUint(b, number, 36)
	return string(b)
}

// parseReplyToken reads the facts in the last token of what replySubject wrote. It reports false for a subject that
// ends in anything else. Whatever stands in place of the number is the caller's affair.
func parseReplyToken(subject string) (f requestFacts, ok bool) {
	facts, number, ok := cutReplyToken(subject)
	timeout, contentType, found := strings.Cut(facts, "~")
	if !ok || !found || number == "" || strings.Contains(contentType, "~") {
		return requestFacts{}, false
	}
	return requestFacts{contentType: longMediaType(contentType), timeout: parseTimeout(timeout)}, true
}

// parseReplyNumber reads the number in the last token of what replySubject wrote.
func parseReplyNumber(subject string) (uint64, bool) {
	_, digits, ok := cutReplyToken(subject)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 36, 64)
	return number, err == nil
}

// cutReplyToken cuts the last token of what replySubject wrote into facts and number.
func cutReplyToken(subject string) (facts, number string, ok bool) {
	token, ok := strings.CutPrefix(subject[strings.LastIndexByte(subject, '.')+1:], replyTokenMark)
	last := strings.LastIndexByte(token, '~')
	if !ok || last < 0 {
		return "", "", false
	}
	return token[:last], token[last+1:], true
}

// factsOf reads what a request says about itself, and whether a [Client] made its reply subject. A header counts
// before the reply subject.
func factsOf(h nats.Header, reply string) (f requestFacts, fromClient bool) {
	f, fromClient = parseReplyToken(reply)
	if h == nil {
		return f, fromClient
	}
	if contentType := headerValue(h, ContentTypeHeader); contentType != "" {
		f.contentType = contentType
	}
	if timeout := parseTimeout(headerValue(h, TimeoutHeader)); timeout > 0 {
		f.timeout = timeout
	}
	return f, fromClient
}

// addTo writes the facts as headers.
func (f requestFacts) addTo(h nats.Header) nats.Header {
	if h == nil {
		h = make(nats.Header, 2)
	}
	if f.contentType != "" {
		h[ContentTypeHeader] = []string{f.contentType}
	}
	if f.timeout > 0 {
		h[TimeoutHeader] = []string{strconv.FormatInt(milliseconds(f.timeout), 10)}
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

// errorHeader is the header of an error reply. The tag is empty for an error that was not declared. Description and
// code must be clean.
func errorHeader(description string, code int, tag string) nats.Header {
	h := make(nats.Header, 3)
	h[micro.ErrorHeader] = []string{description}
	h[micro.ErrorCodeHeader] = []string{strconv.Itoa(code)}
	if tag != "" {
		h[ErrorTypeHeader] = []string{tag}
	}
	return h
}

// parseError returns the service error that a reply holds, or nil for a successful reply. Either error header makes
// it one. A code that is not a positive number counts as 500.
func parseError(h nats.Header, body []byte) *ServiceError {
	if len(h) == 0 || len(h[micro.ErrorHeader]) == 0 && len(h[micro.ErrorCodeHeader]) == 0 {
		return nil
	}
	code, err := strconv.Atoi(strings.TrimSpace(headerValue(h, micro.ErrorCodeHeader)))
	if err != nil {
		code = codeInternal
	}
	return &ServiceError{
		Code:        cleanCode(code),
		Description: headerValue(h, micro.ErrorHeader),
		Type:        headerValue(h, ErrorTypeHeader),
		Data:        body,
	}
}

// mergeReplyHeader adds what a handler wants to send back to the header that the library sets. It reports the first
// key that may not be sent.
func mergeReplyHeader(own, extra nats.Header) (merged nats.Header, badKey string) {
	if len(extra) == 0 {
		return own, ""
	}
	if own == nil {
		own = make(nats.Header, len(extra))
	}
	for key, values := range extra {
		if !isHeaderKey(key) || isReserved(key) {
			return nil, key
		}
		own[key] = values
	}
	return own, ""
}
