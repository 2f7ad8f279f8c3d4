package wire

import (
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ErrorReply is what the headers of an error reply say.
type ErrorReply struct {
	Code        int
	Description string
	Type        string       // the wire tag of a declared error, else empty
	Refused     Refusal      // why no handler ran, else empty
	Interrupted Interruption // why the handler's context ended, if the handler returned that end, else empty
}

// Refusal says why the library answered a request without running its handler.
type Refusal string

// The refusals.
const (
	RefusedOverload  Refusal = "overload"  // the handlers are busy and the queue is full
	RefusedStopping  Refusal = "stopping"  // the service stops, and the request had not started
	RefusedExpired   Refusal = "expired"   // the time for the request was over before it started
	RefusedAbandoned Refusal = "abandoned" // the caller gave up before the request started
	RefusedCodec     Refusal = "codec"     // the endpoint does not accept the codec
	RefusedDecode    Refusal = "decode"    // the request cannot be decoded
	RefusedGuard     Refusal = "guard"     // a guard did not let it pass
	RefusedInvalid   Refusal = "invalid"   // it was found invalid
)

// Interruption says why the context of a handler ended that returned that end.
type Interruption string

// The interruptions.
const (
	InterruptedByDeadline Interruption = "deadline"  // the time for the request was over
	InterruptedByCaller   Interruption = "cancelled" // the caller gave up
	InterruptedByStop     Interruption = "stopping"  // the service stopped waiting
)

// Header returns the headers of the reply. Description and code must be clean; both headers are always there, because
// clients of other makes look at either. Values are ASCII.
func (e ErrorReply) Header() nats.Header {
	h := make(nats.Header, 4)
	escaped := escapeText(e.Description)
	h[micro.ErrorHeader] = []string{escaped}
	h[micro.ErrorCodeHeader] = []string{strconv.Itoa(e.Code)}
	if escaped != e.Description {
		h[ErrorTextHeader] = []string{encodeText(e.Description)}
	}
	if e.Type != "" {
		h[ErrorTypeHeader] = []string{e.Type}
	}
	if e.Refused != "" {
		h[RefusedHeader] = []string{string(e.Refused)}
	}
	if e.Interrupted != "" {
		h[InterruptedHeader] = []string{string(e.Interrupted)}
	}
	return h
}

// ParseErrorReply reads the headers of a reply. It reports false for a successful one. Either error header makes it an
// error, and a code that is not a positive number counts as 500.
func ParseErrorReply(h nats.Header) (e ErrorReply, failed bool) {
	if len(h) == 0 {
		return ErrorReply{}, false
	}
	descriptions, codes := HeaderValues(h, micro.ErrorHeader), HeaderValues(h, micro.ErrorCodeHeader)
	if len(descriptions) == 0 && len(codes) == 0 {
		return ErrorReply{}, false
	}
	e = ErrorReply{
		Code:        codeInternal,
		Type:        HeaderValue(h, ErrorTypeHeader),
		Refused:     Refusal(HeaderValue(h, RefusedHeader)),
		Interrupted: Interruption(HeaderValue(h, InterruptedHeader)),
	}
	if len(descriptions) > 0 {
		e.Description = descriptions[0]
	}
	if text, ok := decodeText(HeaderValue(h, ErrorTextHeader)); ok {
		e.Description = text
	}
	if len(codes) > 0 {
		if code, err := strconv.Atoi(strings.TrimSpace(codes[0])); err == nil {
			e.Code = CleanCode(code)
		}
	}
	return e, true
}

// IsUnavailable reports whether an error reply says that the service was stopping, or had no room for the request. A
// declared error with the same code says something else.
func (e ErrorReply) IsUnavailable() bool { return e.Code == codeUnavailable && e.Type == "" }

// NeverRan reports whether an error reply proves that no handler ran, and that one may well run a little later.
func (e ErrorReply) NeverRan() bool {
	return e.Refused == RefusedOverload || e.Refused == RefusedStopping
}

// IsStopping reports whether the library says that the service stops: another instance may have time.
func (e ErrorReply) IsStopping() bool {
	return e.Refused == RefusedStopping || e.Interrupted == InterruptedByStop
}

// IsTimeUp reports whether the library says that the time for the request was over.
func (e ErrorReply) IsTimeUp() bool {
	return e.Refused == RefusedExpired || e.Interrupted == InterruptedByDeadline
}

// IsGivenUp reports whether the library says that the caller has given up.
func (e ErrorReply) IsGivenUp() bool {
	return e.Refused == RefusedAbandoned || e.Interrupted == InterruptedByCaller
}

// CleanCode makes code fit to be sent.
func CleanCode(code int) int {
	if code < 1 {
		return codeInternal
	}
	return code
}
