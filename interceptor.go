package typednats

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/nats-io/nats.go"
)

// Handler takes a request to its reply: on a service it is the bound handler, on a client the call over the wire,
// each behind the interceptors inside it. A reply without an error is a value of the endpoint's Out.
type Handler func(ctx context.Context, inv *Invocation) (reply any, err error)

// Interceptor wraps a [Handler], on a service or on a client. What it returns may call next with another context,
// answer without calling next, and replace what next returned. It is called once for each request.
//
// Interceptors A, B and C wrap as A(B(C(handler))). Those of a service come before those of an endpoint, and those of
// a client before those of a call. WithInterceptors(A) and then WithInterceptors(B, C) is WithInterceptors(A, B, C).
//
// On a service, interceptors run inside panic recovery, the caller's deadline and the statistics, after the request
// was decoded: what is answered with code 400, 415, 503 or 504 without a handler is not seen. On a client they run
// outside retries, and see one request.
type Interceptor func(next Handler) Handler

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

	contract *contract
	request  *request // on a service
}

// Metadata returns the value of the endpoint's metadata for key, or "".
func (inv *Invocation) Metadata(key string) string { return inv.contract.metadata[key] }

// Outcome tells what err, which the next handler returned, is on the wire: its code, and whether it is one of the
// endpoint's declared errors. The code is 0 for nil, and for a call that failed without an answer of the service. On
// a service, an error that is not declared has code 500.
func (inv *Invocation) Outcome(err error) (code int, declared bool) {
	if err == nil {
		return 0, false
	}
	found, member := inv.contract.errors.find(err)
	if member != nil && inv.Side == ClientSide {
		return parseError(inv.ReplyHeader, nil).code(), true
	}
	if member != nil {
		_, code := inv.contract.errors.describe(found, member)
		return code, true
	}
	if se, ok := found.(*ServiceError); ok { //nolint:errorlint // find has unwrapped it
		return cleanCode(se.Code), false
	}
	if inv.Side == ServerSide {
		return codeInternal, false
	}
	return 0, false
}

// chain wraps h in interceptors, the first outermost.
func chain(interceptors []Interceptor, h Handler) Handler {
	for _, intercept := range slices.Backward(interceptors) {
		h = intercept(h)
	}
	return h
}

// checkInterceptors records interceptors that are nil.
func checkInterceptors(interceptors []Interceptor, m *mistakes) {
	for i, intercept := range interceptors {
		if intercept == nil {
			m.add("interceptor", fmt.Sprint(i), errNil)
		}
	}
}

// checkReplyType reports an interceptor's reply that is not an Out.
func (c *contract) checkReplyType(reply any) error {
	if t := reflect.TypeOf(reply); t != nil && t.AssignableTo(c.out) {
		return nil
	}
	if reply == nil && (c.outEmpty || c.out.Kind() == reflect.Interface) {
		return nil
	}
	return fmt.Errorf("an interceptor returned a reply of type %T, want %v", reply, c.out)
}
