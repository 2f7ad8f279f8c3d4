package typednats

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/server"
)

// ServiceRequest is a request as a handler bound with [Endpoint.HandleWith] sees it. A test of a handler can make
// one with just a Value. It must not be kept after the handler has returned.
type ServiceRequest[In any] struct {
	// Value is the decoded request.
	Value In

	// Subject is where the request was sent: on a wildcard endpoint, the concrete subject.
	Subject string

	// Header holds the request's headers, or what interceptors have made of them; nil if there are none. It is for reading.
	Header nats.Header

	replyHeader nats.Header
}

// ReplyHeader returns the headers to send back, on success and on error, for the handler to fill in. It holds what
// interceptors have set. A key that NATS does not allow, or that is the library's to set (see [WithHeader]), fails the
// request with code 500.
func (r *ServiceRequest[In]) ReplyHeader() nats.Header {
	if r.replyHeader == nil {
		r.replyHeader = make(nats.Header)
	}
	return r.replyHeader
}

// handler is a bound function without its type parameters.
type handler interface {
	// prepare makes the input of a request, an exchange, and its context.
	prepare(parent context.Context, r *server.Request)

	// prepareBehind is prepare for a request behind interceptors. Its input is an exchangeBehind.
	prepareBehind(parent context.Context, r *server.Request)

	// handle calls the function with what was decoded, and puts its Out into the exchange. It returns the headers to send
	// back, if the function made some.
	handle(ctx context.Context, r *server.Request) (nats.Header, error)

	// handleBehind is handle behind interceptors: the function gets what inv says, and may be running several times. It
	// gives its Out to its own caller. The headers to send back are those given, which it may change, or some that the
	// function made if none were given.
	handleBehind(ctx context.Context, inv *Invocation, header nats.Header) (any, nats.Header, error)
}

// exchange holds the In and the Out of one request. Codecs and the pipeline see pointers to them.
type exchange interface {
	request() any
	reply() any
}

// given is what a function gets, with room for what it returns, in one allocation. It may keep what it got.
type given[In, Out any] struct {
	ctx lazy.Context
	in  In
	out Out
}

func (g *given[In, Out]) request() any { return &g.in }

func (g *given[In, Out]) reply() any { return &g.out }

func prepare[In, Out any](parent context.Context, r *server.Request) {
	g := new(given[In, Out])
	r.Begin(parent, &g.ctx, g)
}

// exchangeBehind is an exchange that interceptors see.
type exchangeBehind interface {
	exchange
	invocation() (*Invocation, *handoff)
}

// givenBehind is given with what interceptors get. Nothing of it is used again: they may leave the function running.
type givenBehind[In, Out any] struct {
	given[In, Out]

	inv     Invocation
	handoff handoff
}

func (g *givenBehind[In, Out]) invocation() (*Invocation, *handoff) { return &g.inv, &g.handoff }

func prepareBehind[In, Out any](parent context.Context, r *server.Request) {
	g := new(givenBehind[In, Out])
	r.Begin(parent, &g.ctx, g)
}

func givenOf[In, Out any](r *server.Request) (*given[In, Out], error) {
	g, ok := r.Input.(*given[In, Out])
	if !ok {
		return nil, fmt.Errorf("request holds a %T, want a %T", r.Input, g)
	}
	return g, nil
}

// requestOf returns the request of an Invocation, which was checked: it may be nil, and of a type that is assignable.
func requestOf[In any](inv *Invocation) In {
	if value, ok := inv.Request.(In); ok {
		return value
	}
	var value In
	store(&value, inv.Request)
	return value
}

// valueHandler is the handler of [Endpoint.Handle].
type valueHandler[In, Out any] func(context.Context, In) (Out, error)

func (h valueHandler[In, Out]) prepare(parent context.Context, r *server.Request) {
	prepare[In, Out](parent, r)
}

func (h valueHandler[In, Out]) prepareBehind(parent context.Context, r *server.Request) {
	prepareBehind[In, Out](parent, r)
}

func (h valueHandler[In, Out]) handle(ctx context.Context, r *server.Request) (nats.Header, error) {
	g, err := givenOf[In, Out](r)
	if err != nil {
		return nil, err
	}
	g.out, err = h(ctx, g.in)
	return nil, err
}

func (h valueHandler[In, Out]) handleBehind(
	ctx context.Context, inv *Invocation, header nats.Header,
) (any, nats.Header, error) {
	out, err := h(ctx, requestOf[In](inv))
	return out, header, err
}

// requestHandler is the handler of [Endpoint.HandleWith].
type requestHandler[In, Out any] func(context.Context, *ServiceRequest[In]) (Out, error)

func (h requestHandler[In, Out]) prepare(parent context.Context, r *server.Request) {
	prepare[In, Out](parent, r)
}

func (h requestHandler[In, Out]) prepareBehind(parent context.Context, r *server.Request) {
	prepareBehind[In, Out](parent, r)
}

func (h requestHandler[In, Out]) handle(ctx context.Context, r *server.Request) (nats.Header, error) {
	g, err := givenOf[In, Out](r)
	if err != nil {
		return nil, err
	}
	sr := &ServiceRequest[In]{Value: g.in, Subject: r.Msg.Subject, Header: r.Msg.Header}
	g.out, err = h(ctx, sr)
	return sr.replyHeader, err
}

func (h requestHandler[In, Out]) handleBehind(
	ctx context.Context, inv *Invocation, header nats.Header,
) (any, nats.Header, error) {
	sr := &ServiceRequest[In]{
		Value: requestOf[In](inv), Subject: inv.msg.Subject, Header: inv.Header, replyHeader: header,
	}
	out, err := h(ctx, sr)
	return out, sr.replyHeader, err
}
