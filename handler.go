package typednats

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/server"
)

// ServiceRequest is a request as a handler bound with [Endpoint.HandleWith] sees it. A test of a handler can make
// one with just a Value. It must not be kept after the handler has returned.
type ServiceRequest[In any] struct {
	// Value is the decoded request.
	Value In

	// Subject is where the request was sent: on a wildcard endpoint, the concrete subject.
	Subject string

	// Header holds the request's headers; nil if it has none. It is for reading.
	Header nats.Header

	replyHeader nats.Header
}

// ReplyHeader returns the headers to send back, on success and on error, for the handler to fill in. A key that NATS
// does not allow, or that the library sets itself (see [WithHeader]), fails the request with code 500.
func (r *ServiceRequest[In]) ReplyHeader() nats.Header {
	if r.replyHeader == nil {
		r.replyHeader = make(nats.Header)
	}
	return r.replyHeader
}

// handler is a bound function without its type parameters.
type handler interface {
	// newRequest is the function newRequest for the handler's In.
	newRequest(parent context.Context, m *nats.Msg) *server.Request

	// handle calls the function with what was decoded, and returns its Out and the headers to send back: header, or
	// others if the function made some.
	handle(ctx context.Context, r *server.Request, header nats.Header) (any, nats.Header, error)
}

// given is what a function gets, in one allocation. It may keep both.
type given[In any] struct {
	ctx   server.Context
	value In
}

// newRequest returns a request whose input is a pointer to a zero In.
func newRequest[In any](parent context.Context, m *nats.Msg) *server.Request {
	g := new(given[In])
	return server.NewRequest(parent, m, &g.ctx, &g.value)
}

func inputOf[In any](r *server.Request) (*In, error) {
	value, ok := r.Input.(*In)
	if !ok {
		return nil, fmt.Errorf("request is a %T, want a %T", r.Input, value)
	}
	return value, nil
}

// valueHandler is the handler of [Endpoint.Handle].
type valueHandler[In, Out any] func(context.Context, In) (Out, error)

func (h valueHandler[In, Out]) newRequest(parent context.Context, m *nats.Msg) *server.Request {
	return newRequest[In](parent, m)
}

func (h valueHandler[In, Out]) handle(
	ctx context.Context, r *server.Request, header nats.Header,
) (any, nats.Header, error) {
	value, err := inputOf[In](r)
	if err != nil {
		return nil, header, err
	}
	out, err := h(ctx, *value)
	return out, header, err
}

// requestHandler is the handler of [Endpoint.HandleWith].
type requestHandler[In, Out any] func(context.Context, *ServiceRequest[In]) (Out, error)

func (h requestHandler[In, Out]) newRequest(parent context.Context, m *nats.Msg) *server.Request {
	return newRequest[In](parent, m)
}

func (h requestHandler[In, Out]) handle(
	ctx context.Context, r *server.Request, header nats.Header,
) (any, nats.Header, error) {
	value, err := inputOf[In](r)
	if err != nil {
		return nil, header, err
	}
	sr := &ServiceRequest[In]{Value: *value, Subject: r.Msg.Subject, Header: r.Msg.Header, replyHeader: header}
	out, err := h(ctx, sr)
	return out, sr.replyHeader, err
}
