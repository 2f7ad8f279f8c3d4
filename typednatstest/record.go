package typednatstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/subject"
)

// Recorder is a [typednats.Requester] that passes calls on to another one and keeps them for [CallsTo]. It is made by
// [Record]; the zero value fails all calls with [typednats.ErrInvalidConfig]. It is safe for concurrent use.
type Recorder struct {
	to typednats.Requester

	mu        sync.Mutex
	exchanges []*exchange // in the order in which they began
}

// exchange is a request and what came of it.
type exchange struct {
	request  *nats.Msg
	reply    *nats.Msg
	err      error
	returned bool
}

// Record returns a recorder that passes calls on to r. If r is nil, all calls fail with [typednats.ErrInvalidConfig].
//
// Through a recorder, a [*typednats.Client] is a Requester as any other one: its interceptors, headers and retries are
// those of the calls that are made through itself.
func Record(r typednats.Requester) *Recorder { return &Recorder{to: r} }

// RequestMsgWithContext implements [typednats.Requester]. It returns what the Requester behind it returns.
func (r *Recorder) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	if r == nil || isNil(r.to) {
		return nil, errNilRequester()
	}
	if msg == nil {
		return nil, nats.ErrInvalidMsg
	}
	x := r.begin(msg)
	reply, err := r.to.RequestMsgWithContext(ctx, msg)
	r.mu.Lock()
	defer r.mu.Unlock()
	x.reply, x.err, x.returned = cloneMsg(reply), err, true
	return reply, err
}

func (r *Recorder) begin(msg *nats.Msg) *exchange {
	x := &exchange{request: cloneMsg(msg)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, x)
	return x
}

// ended returns the exchanges that are over and whose subject matches a pattern.
func (r *Recorder) ended(pattern string) []exchange {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []exchange
	for _, x := range r.exchanges {
		if x.returned && subject.Matches(pattern, x.request.Subject) {
			list = append(list, *x)
		}
	}
	return list
}

// Call is one call as a [Recorder] saw it.
type Call[In, Out any] struct {
	// Subject is where the request was sent: on a wildcard endpoint, the concrete subject.
	Subject string

	// Header holds the request's headers, those that the library sets included; nil if it has none.
	Header nats.Header

	// Request is the request. It is the zero In if Err says that it cannot be decoded.
	Request In

	// Reply is the reply. It is the zero Out if Err is not nil.
	Reply Out

	// Err is the error that [typednats.RequestService] returns for this call: nil, a declared error as its own Go
	// type, or a [*typednats.CallError]. If the request cannot be decoded with the endpoint's codecs, Err says that,
	// too.
	Err error
}

// CallsTo returns the recorded calls whose subject is, or matches, the endpoint's, in the order in which they were made,
// decoded with the codecs and the declared errors of the endpoint. A call is in the list once it has returned: one that
// still waits for its reply is not. A nil recorder has no calls.
//
// Give it the endpoint that handlers are bound to, without [typednats.Endpoint.At], and look at the Subject of each call.
// An endpoint with At has no handlers, which is what decodes a request: the calls to that subject are in the list, and the
// Err of each says so. If the endpoint is not valid, the result is one Call with [typednats.ErrInvalidEndpoint].
func CallsTo[In, Out any, Err error](rec *Recorder, e typednats.Endpoint[In, Out, Err]) []Call[In, Out] {
	if err := e.Validate(); err != nil {
		return []Call[In, Out]{{Subject: e.Subject(), Err: err}}
	}
	var calls []Call[In, Out]
	for _, x := range rec.ended(e.Subject()) {
		c := Call[In, Out]{Subject: x.request.Subject, Header: cloneHeader(x.request.Header)}
		var undecoded error
		c.Request, undecoded = requestOf(e, x)
		// The reply is decoded by making the call again, with a Requester that has its reply already.
		c.Reply, c.Err = typednats.RequestService(context.Background(), x, e.At(c.Subject), c.Request)
		if undecoded != nil {
			var none Out
			c.Reply, c.Err = none, errors.Join(undecoded, c.Err)
		}
		calls = append(calls, c)
	}
	return calls
}

// requestOf decodes the request of an exchange: a handler takes it from the message, as that of the service does.
func requestOf[In, Out any, Err error](e typednats.Endpoint[In, Out, Err], x exchange) (In, error) {
	requests := make(chan In, 1)
	local := typednats.Local(e.Handle(func(_ context.Context, in In) (Out, error) {
		requests <- in
		var none Out
		return none, typednats.Errorf(500, "there is no reply") // none may be nothing that can be encoded
	}))
	reply, err := local.RequestMsgWithContext(context.Background(), x.bareRequest())
	select {
	case in := <-requests:
		return in, nil
	default:
		var none In
		return none, undecodedError(none, reply, err)
	}
}

// bareRequest is the request with nothing but what it takes to decode it: its deadline is of the past.
func (x exchange) bareRequest() *nats.Msg {
	msg := &nats.Msg{Subject: x.request.Subject, Data: bytes.Clone(x.request.Data)}
	if contentType := x.request.Header[typednats.ContentTypeHeader]; len(contentType) > 0 {
		msg.Header = nats.Header{typednats.ContentTypeHeader: slices.Clone(contentType)}
	}
	return msg
}

// undecodedError says why a request did not come to its handler.
func undecodedError(in any, reply *nats.Msg, err error) error {
	if err == nil {
		err = errors.New("no reason is known")
		if reply != nil && len(reply.Header[micro.ErrorHeader]) > 0 {
			code, _ := strconv.Atoi(reply.Header.Get(micro.ErrorCodeHeader))
			err = &typednats.ServiceError{Code: code, Description: reply.Header.Get(micro.ErrorHeader)}
		}
	}
	return fmt.Errorf("typednatstest: decode request into %T: %w", in, err)
}

// RequestMsgWithContext implements [typednats.Requester]: it returns what was recorded. The reply names its codec, which
// is that of the request.
func (x exchange) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	if x.err != nil || x.reply == nil {
		return nil, x.err
	}
	reply := cloneMsg(x.reply)
	if len(reply.Header[typednats.ContentTypeHeader]) > 0 {
		return reply, nil
	}
	if reply.Header == nil {
		reply.Header = make(nats.Header)
	}
	contentType := x.request.Header[typednats.ContentTypeHeader]
	if len(contentType) == 0 {
		contentType = []string{jsonContentType}
	}
	reply.Header[typednats.ContentTypeHeader] = contentType
	return reply, nil
}

// jsonContentType is the codec of a request that names none.
const jsonContentType = "application/json"
