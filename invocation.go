package typednats

import (
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// Side says where an interceptor runs.
type Side int

// The sides.
const (
	// ServerSide is a service, where Header came and ReplyHeader will be sent.
	ServerSide Side = iota + 1

	// ClientSide is a client, where Header will be sent and ReplyHeader has come once next has returned.
	ClientSide
)

// Invocation is one request as an [Interceptor] sees it. It must not be kept after the interceptor has returned.
//
// Interceptors share it: those inside see what one outside has changed, and those outside see, once next has returned,
// what one inside has. It is for one goroutine at a time. To call next in several, give each a copy with headers of its
// own, and take from one of the copies what is to count: its ReplyHeader.
//
// A test of an interceptor can make one with the fields that the interceptor looks at. It knows no metadata and no
// declared errors, and next must be a Handler of the test.
type Invocation struct {
	// Side says where the interceptor runs. This and what follows, up to Idempotent, is for reading: changes have no
	// effect beyond what other interceptors see.
	Side Side

	// Endpoint is the endpoint's name; it is empty for a call made with [Request].
	Endpoint string

	// Pattern is the endpoint's subject, which may hold wildcards; Subject is where the request was sent.
	Pattern, Subject string

	// Idempotent says that running the request twice does no harm.
	Idempotent bool

	// Request is the request, a value of the endpoint's In. What it is when next is called is what the handler gets, or
	// what is sent. It can be replaced by another value of In, nil if In is a pointer or an interface: of anything else,
	// next makes an error, which is code 500 on a service and [ErrInvalidConfig] on a client.
	Request any

	// Header holds the request's headers, which can be changed and replaced. On a client they are sent, and there is
	// always a map to write to. On a service they are those that came, nil if none did, and the handler gets them.
	Header nats.Header

	// ReplyHeader holds the reply's headers, which can be changed and replaced. On a service there is a map to write to
	// from the beginning; the handler finds and adds to what is there, and what is there in the end is sent. On a client
	// next stores those of the reply, nil if none came; [WithReplyHeader] gets them in the end.
	ReplyHeader nats.Header

	endpoint *compiled        // nil for one made by hand
	msg      *nats.Msg        // on a service
	context  *lazy.Context    // of the request, on a service
	call     *interceptedCall // on a client

	attempts   []func(Attempt)
	handoff    *handoff // nil for one made by hand
	calls      int      // of next with this Invocation, so far
	handlerSet replaced // of ReplyHeader, by the handler when it ran last
}

// Metadata returns the value of the endpoint's metadata for key, or "".
func (inv *Invocation) Metadata(key string) string {
	if inv.endpoint == nil {
		return ""
	}
	return inv.endpoint.metadata[key]
}

// Outcome tells what err, which the next handler returned, is on the wire: its code, and whether it is one of the
// endpoint's declared errors. The code is 0 for nil, and for a call that failed without an answer of the service. On
// a service, an error that is not declared has code 500, and one that is the end of the request's context 504, 499 or 503.
func (inv *Invocation) Outcome(err error) (code int, declared bool) {
	if err == nil {
		return 0, false
	}
	var table errorTable // that of an Invocation made by hand declares nothing
	if inv.endpoint != nil {
		table = inv.endpoint.errors
	}
	found := table.find(err)
	if inv.Side != ServerSide {
		return inv.answered(err, table, found)
	}
	switch {
	case found.member != nil:
		if _, code, err := table.describe(found.declared, found.member); err == nil {
			return code, true
		}
		return wire.DefaultCode, false
	case found.service != nil:
		return found.service.reply().Code, false
	case inv.isInterrupted(err):
		return wire.Interrupted(server.Interruption(inv.context, err)).Code, false
	default:
		return wire.DefaultCode, false
	}
}

// answered is Outcome on a client: the code is what the service has sent.
func (inv *Invocation) answered(err error, table errorTable, found finding) (int, bool) {
	if found.member != nil {
		if reply, failed := wire.ParseErrorReply(inv.ReplyHeader); failed {
			return reply.Code, true
		}
		if _, code, err := table.describe(found.declared, found.member); err == nil { // another interceptor made it
			return code, true
		}
	}
	if se, ok := errors.AsType[*ServiceError](err); ok {
		return se.reply().Code, false
	}
	return 0, false
}

// isInterrupted reports whether err is the end of a service's request, which is no failure of the service's.
func (inv *Invocation) isInterrupted(err error) bool {
	return inv.context != nil && server.Interruption(inv.context, err) != ""
}
