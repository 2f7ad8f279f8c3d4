package wire

import "fmt"

// Codes that the library itself sends in [micro.ErrorCodeHeader], with HTTP's meaning.
const (
	CodeBadRequest       = 400 // also that of a request which its own check finds invalid
	codeNotFound         = 404
	codeUnsupportedMedia = 415
	codeCallerGone       = 499
	codeInternal         = 500
	codeUnavailable      = 503
	codeDeadline         = 504
)

// The library's own error replies follow, each with its code and its text. The texts are for strangers: they say what
// happened, and nothing of the inside of a service.

// NotDecodable is the reply to a request that the codec cannot decode.
func NotDecodable(cause error) ErrorReply {
	return ErrorReply{
		Code:        CodeBadRequest,
		Description: fmt.Sprintf("request cannot be decoded: %v", cause),
		Refused:     RefusedDecode,
	}
}

// NotConcrete is the reply to a request that was sent to an endpoint's pattern as it is written, instead of a subject that
// matches it. NATS delivers such a message to the endpoint.
func NotConcrete(subject string) ErrorReply {
	return ErrorReply{
		Code: CodeBadRequest,
		Description: fmt.Sprintf(
			"the request was sent to %q, which holds a wildcard: put a value in place of each * and >", subject),
		Refused: RefusedDecode,
	}
}

// NotAccepted is the reply to a request in a codec that the endpoint does not accept. The content type is empty for a
// request that names none, which means JSON; its caller may never have heard of content types.
func NotAccepted(contentType string, accepted fmt.Stringer) ErrorReply {
	description := fmt.Sprintf("content type %q is not accepted; accepted: %v", contentType, accepted)
	if contentType == "" {
		description = fmt.Sprintf("the request names no content type, which means JSON, and that is not accepted; accepted: %v", accepted)
	}
	return ErrorReply{Code: codeUnsupportedMedia, Description: description, Refused: RefusedCodec}
}

// CallerGone is the reply to a request whose caller gave up before the handler ran. Nobody sees it but in statistics.
func CallerGone() ErrorReply {
	return ErrorReply{
		Code:        codeCallerGone,
		Description: "the caller gave up before the handler ran",
		Refused:     RefusedAbandoned,
	}
}

// Interrupted is the reply to a request whose handler returned that its context had ended, for that reason.
func Interrupted(by Interruption) ErrorReply {
	e := ErrorReply{Interrupted: by}
	switch by {
	case InterruptedByDeadline:
		e.Code, e.Description = codeDeadline, "the time for the request was over before the handler was done"
	case InterruptedByCaller:
		e.Code, e.Description = codeCallerGone, "the caller gave up before the handler was done"
	case InterruptedByStop:
		e.Code, e.Description = codeUnavailable, "the service stopped before the handler was done"
	}
	return e
}

// Internal is all that a caller learns of an error that was not declared, or of a panic.
func Internal() ErrorReply {
	return ErrorReply{Code: codeInternal, Description: "internal error"}
}

// NotEncodable is sent in place of a reply that the codec cannot encode.
func NotEncodable() ErrorReply {
	return ErrorReply{Code: codeInternal, Description: "reply cannot be encoded"}
}

// TooLarge is sent in place of a reply that the server would not accept. Sizes are in bytes.
func TooLarge(size int, limit int64) ErrorReply {
	return ErrorReply{
		Code:        codeInternal,
		Description: fmt.Sprintf("reply of %d bytes is larger than the server's max_payload of %d", size, limit),
	}
}

// Overloaded is the reply to a request for which there is neither a free handler nor room to wait.
func Overloaded() ErrorReply {
	return ErrorReply{Code: codeUnavailable, Description: "too many requests", Refused: RefusedOverload}
}

// NoContract is the reply to a question for a contract document that none of the service's endpoints has.
func NoContract() ErrorReply {
	return ErrorReply{Code: codeNotFound, Description: "no endpoint has a contract with this digest"}
}

// IsNoContract reports whether an instance says that it does not have a contract document.
func (e ErrorReply) IsNoContract() bool { return e.Code == codeNotFound }

// Stopping is the reply to a request that was accepted and had not started when the service stopped waiting.
func Stopping() ErrorReply {
	return ErrorReply{Code: codeUnavailable, Description: "service is stopping", Refused: RefusedStopping}
}

// Dropped is what is counted for requests that nats.go dropped because nobody read them in time. It is never sent.
func Dropped(cause error) ErrorReply {
	return ErrorReply{Code: codeUnavailable, Description: cause.Error()}
}

// DeadlinePassed is the reply to a request whose time was over before the handler ran: the caller had stopped waiting.
func DeadlinePassed() ErrorReply {
	return ErrorReply{
		Code:        codeDeadline,
		Description: "the time for the request was over before the handler ran",
		Refused:     RefusedExpired,
	}
}

// IsMisread reports whether an error reply may come of a content type that has not arrived.
func (e ErrorReply) IsMisread() bool {
	return e.Refused == RefusedDecode || e.Refused == RefusedCodec
}

// IsServiceFault reports whether a code says that the service is to blame, and not its caller.
func IsServiceFault(code int) bool { return code >= codeInternal }

// DefaultCode is the code of an error that says none.
const DefaultCode = codeInternal
