package typednats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
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

// operation is a handler without its type parameters.
type operation interface {
	// newRequest is the function newRequest for the handler's In.
	newRequest(ctx context.Context, m *nats.Msg) *request

	// call runs the handler with what is in the request and returns its Out.
	call(ctx context.Context, r *request) (any, error)
}

// valueHandler is the operation of [Endpoint.Handle].
type valueHandler[In, Out any] func(context.Context, In) (Out, error)

func (h valueHandler[In, Out]) newRequest(ctx context.Context, m *nats.Msg) *request {
	return newRequest[In](ctx, m)
}

func (h valueHandler[In, Out]) call(ctx context.Context, r *request) (any, error) {
	value, err := inOf[In](r)
	if err != nil {
		return nil, err
	}
	return h(ctx, *value)
}

// requestHandler is the operation of [Endpoint.HandleWith].
type requestHandler[In, Out any] func(context.Context, *ServiceRequest[In]) (Out, error)

func (h requestHandler[In, Out]) newRequest(ctx context.Context, m *nats.Msg) *request {
	return newRequest[In](ctx, m)
}

func (h requestHandler[In, Out]) call(ctx context.Context, r *request) (any, error) {
	value, err := inOf[In](r)
	if err != nil {
		return nil, err
	}
	sr := &ServiceRequest[In]{Value: *value, Subject: r.msg.Subject, Header: r.msg.Header, replyHeader: r.replyHeader}
	out, err := h(ctx, sr)
	r.replyHeader = sr.replyHeader
	return out, err
}

func inOf[In any](r *request) (*In, error) {
	value, ok := r.in.(*In)
	if !ok {
		return nil, fmt.Errorf("request is a %T, want a %T", r.in, value)
	}
	return value, nil
}

// BoundEndpoint is an endpoint with its handler, ready for [NewService]. It is made by [Endpoint.Handle] and
// [Endpoint.HandleWith]; the zero value is refused by NewService.
type BoundEndpoint struct {
	contract *contract
	op       operation
	opts     handlerOptions
	name     string
	subject  string
	err      error // what is wrong with it, reported by NewService
}

// Name returns the endpoint's name.
func (b BoundEndpoint) Name() string { return b.name }

// Subject returns the subject that the endpoint listens on.
func (b BoundEndpoint) Subject() string { return b.subject }

func bind(d *descriptor, op operation, opts []HandlerOption) BoundEndpoint {
	s := d.specification()
	b := BoundEndpoint{op: op, name: s.name, subject: s.pattern()}
	var m mistakes
	if op == nil {
		m.add("handler", "nil", errNil)
	}
	for _, opt := range opts {
		if opt == nil {
			m.add("HandlerOption", "nil", errNil)
			continue
		}
		opt.applyToHandler(&b.opts)
	}
	b.opts.check(&m)
	c, err := d.compile()
	if err == nil && c.at {
		m.add("At", c.target, errAtIsForClients)
	}
	b.contract = c
	b.err = errors.Join(err, m.join(invalidEndpoint(b.name)))
	return b
}

// check returns what is wrong with a bound endpoint.
func (b BoundEndpoint) check() error {
	if b.err == nil && b.contract == nil {
		return fmt.Errorf("%w: a BoundEndpoint is made by Handle or HandleWith", invalidEndpoint(b.name))
	}
	return b.err
}
