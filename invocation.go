package typednats

import (
	"github.com/nats-io/nats.go"

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
// A test of an interceptor can make one with the fields that the interceptor looks at. It knows no metadata and no
// declared errors.
type Invocation struct {
	// Side says where the interceptor runs.
	Side Side

	// Endpoint is the endpoint's name; it is empty for a call made with [Request].
	Endpoint string

	// Pattern is the endpoint's subject, which may hold wildcards; Subject is where the request was sent.
	Pattern, Subject string

	// Idempotent says that running the request twice does no harm.
	Idempotent bool

	// Request is the request, a value of the endpoint's In.
	Request any

	// Header holds the request's headers. A client's interceptor may add to it; on a service it is for reading.
	Header nats.Header

	// ReplyHeader holds the reply's headers. A service's interceptor may add to it; on a client it is for reading.
	ReplyHeader nats.Header

	endpoint *compiled       // nil for one made by hand
	request  *server.Request // on a service
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
// a service, an error that is not declared has code 500.
func (inv *Invocation) Outcome(err error) (code int, declared bool) {
	if err == nil {
		return 0, false
	}
	var table errorTable // that of an Invocation made by hand declares nothing
	if inv.endpoint != nil {
		table = inv.endpoint.errors
	}
	found, member := table.find(err)
	if member != nil && inv.Side == ClientSide {
		reply, _ := wire.ParseErrorReply(inv.ReplyHeader)
		return reply.Code, true
	}
	if member != nil {
		if _, code, err := table.describe(found, member); err == nil {
			return code, true
		}
		return wire.DefaultCode, false
	}
	if se, ok := found.(*ServiceError); ok { //nolint:errorlint // find has unwrapped it
		return se.reply().Code, false
	}
	if inv.Side == ServerSide {
		return wire.DefaultCode, false
	}
	return 0, false
}
