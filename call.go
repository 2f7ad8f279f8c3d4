package typednats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/codec/json"
)

// DefaultTimeout is how long a call waits whose context has no deadline.
const DefaultTimeout = 5 * time.Second

// Requester sends a request and waits for its reply. [*nats.Conn] is one, and so is [*Client], which is faster.
// Whatever else implements it gets the caller's timeout and codec as headers of the message.
type Requester interface {
	// RequestMsgWithContext returns the first reply to msg. It returns ctx's error once ctx ends, and
	// [nats.ErrNoResponders] where nobody serves the subject.
	RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error)
}

// RequestService calls an endpoint and returns its reply. A declared error of the endpoint is returned as the Go
// type that was declared: [errors.As], [errors.AsType] and a type switch find it. Every other failure is a
// [*CallError], which says what failed and where, and lists the causes. If the error is not nil, the reply is the
// zero Out.
//
// A context without a deadline gets [DefaultTimeout], or the client's. The request is sent once.
func RequestService[In, Out any, Err error](
	ctx context.Context, r Requester, e Endpoint[In, Out, Err], in In, opts ...CallOption,
) (Out, error) {
	var out Out
	var c call
	err := c.prepare(e.d, opts)
	if err == nil {
		err = c.do(ctx, r, in, &out)
	}
	if err != nil {
		var zero Out // decoding may have begun to fill out
		return zero, err
	}
	return out, nil
}

// Request calls a subject without a descriptor, with JSON unless [WithCallCodec] says otherwise. It is for tools, and
// for services that have no descriptor. What the service declares as an error arrives as a [*ServiceError] with Type
// and Data; otherwise it is like [RequestService].
func Request[In, Out any](
	ctx context.Context, r Requester, subject string, in In, opts ...CallOption,
) (Out, error) {
	var out Out
	var c call
	err := c.prepareUntyped(subject, reflect.TypeFor[In](), reflect.TypeFor[Out](), opts)
	if err == nil {
		err = c.do(ctx, r, in, &out)
	}
	if err != nil {
		var zero Out
		return zero, err
	}
	return out, nil
}

// call is one call, without its type parameters.
type call struct {
	*contract
	callOptions
	sends   *wireCodec    // what the request is encoded with
	timeout time.Duration // where the context has no deadline
	retry   Retry
}

// inherit puts a client's settings under those of the call.
func (c *call) inherit(o *clientOptions) {
	c.retry, c.timeout = o.retry, o.timeout
	if len(o.interceptors) > 0 {
		c.interceptors = slices.Concat(o.interceptors, c.interceptors)
	}
	for key, values := range o.header {
		if _, ok := c.header[key]; !ok {
			c.header = headerWith(c.header, key, values...)
		}
	}
}

// prepare makes c a call of an endpoint. Its error is a *CallError.
func (c *call) prepare(d *descriptor, opts []CallOption) error {
	var err error
	if c.contract, err = d.compile(); err != nil {
		s := d.specification()
		subject := s.pattern()
		if s.at != nil {
			subject = *s.at
		}
		return &CallError{Endpoint: s.name, Subject: subject, Err: err}
	}
	if c.target == "" {
		return &CallError{Endpoint: c.name, Subject: c.subject, Err: fmt.Errorf(
			"%w: subject %q: it holds a wildcard; say with At where to send", invalidEndpoint(c.name), c.subject)}
	}
	return c.apply(opts)
}

// prepareUntyped makes c a call of a subject of which nothing else is known. Its error is a *CallError.
func (c *call) prepareUntyped(subject string, in, out reflect.Type, opts []CallOption) error {
	c.contract = &contract{
		subject:  subject,
		target:   subject,
		out:      out,
		codecs:   codecSet{newWireCodec(json.Codec)},
		inEmpty:  isEmptyStruct(in),
		outEmpty: isEmptyStruct(out),
	}
	if err := checkConcrete(subject); err != nil {
		return c.callError(fmt.Errorf("%w: subject %q: %w", ErrInvalidConfig, subject, err))
	}
	return c.apply(opts)
}

func (c *call) apply(opts []CallOption) error {
	c.sends, c.timeout = &c.codecs[0], DefaultTimeout
	if len(opts) == 0 {
		return nil
	}
	var err error
	if c.callOptions, err = newCallOptions(opts); err != nil {
		return c.callError(err)
	}
	if c.codec != nil {
		sends := newWireCodec(c.codec)
		c.sends = &sends
	}
	return nil
}

// callError wraps what went wrong with a call.
func (c *contract) callError(err error) error {
	return &CallError{Endpoint: c.name, Subject: c.target, Err: err}
}

// do makes the call and stores the reply in out.
func (c *call) do(ctx context.Context, r Requester, in, out any) error {
	if c.replyHeader != nil {
		*c.replyHeader = nil
	}
	if ctx == nil {
		return c.callError(fmt.Errorf("%w: the context is nil", ErrInvalidConfig))
	}
	client, _ := r.(*Client)
	if client == nil && isNil(r) {
		return c.callError(fmt.Errorf("%w: the Requester is nil", ErrInvalidConfig))
	}
	if client != nil {
		if client.bad != nil {
			return c.callError(client.bad)
		}
		c.inherit(&client.opts)
		if len(c.interceptors) == 0 && c.retry.Attempts < 2 {
			return c.direct(ctx, client, in, out)
		}
	}
	heap := *c // here only: closures take hold of it
	return heap.indirect(ctx, r, in, out)
}

// direct makes the call through a Client, where nobody else has a hand in it, as in most calls.
func (c *call) direct(ctx context.Context, client *Client, in, out any) error {
	b := newBuffer()
	body, err := c.encode(b, in)
	if err != nil {
		return c.callError(err)
	}
	request := c.outgoing(ctx, client, body)
	reply, err := client.exchange(ctx, c.timeout, &request)
	b.release()
	if err != nil {
		return c.callError(err)
	}
	return c.receive(reply, out)
}

// indirect makes the call where interceptors, retries or another Requester have a hand in it. They see the context,
// which has a deadline for them.
func (c *call) indirect(ctx context.Context, r Requester, in, out any) error {
	ctx, cancel := withDefaultTimeout(ctx, c.timeout)
	defer cancel()
	if len(c.interceptors) > 0 {
		return c.intercepted(ctx, r, in, out)
	}
	_, err := c.roundTrip(ctx, r, in, out)
	return err
}

// intercepted is roundTrip behind the interceptors.
func (c *call) intercepted(ctx context.Context, r Requester, in, out any) error {
	inv := &Invocation{
		Side:       ClientSide,
		Endpoint:   c.name,
		Pattern:    c.subject,
		Subject:    c.target,
		Idempotent: c.idempotent,
		Request:    in,
		Header:     c.header,
		contract:   c.contract,
	}
	if inv.Header == nil {
		inv.Header = make(nats.Header)
	}
	target := reflect.ValueOf(out).Elem()
	reply, err := chain(c.interceptors, func(ctx context.Context, inv *Invocation) (any, error) {
		for key := range inv.Header {
			if err := checkHeaderKey(key); err != nil {
				return nil, c.callError(err)
			}
		}
		c.header = inv.Header
		header, err := c.roundTrip(ctx, r, in, out)
		inv.ReplyHeader = header
		return target.Interface(), err
	})(ctx, inv)
	if err != nil {
		return err
	}
	if err := c.checkReplyType(reply); err != nil {
		return c.callError(err)
	}
	if reply == nil {
		target.SetZero()
	} else {
		target.Set(reflect.ValueOf(reply))
	}
	return nil
}

// roundTrip sends the request and decodes the reply into out. The header is the reply's, if one came.
func (c *call) roundTrip(ctx context.Context, r Requester, in, out any) (nats.Header, error) {
	b := newBuffer()
	body, err := c.encode(b, in)
	if err != nil {
		return nil, c.callError(err)
	}
	reply, err := c.retry.run(ctx, c.idempotent, func(ctx context.Context) (*nats.Msg, error) {
		return c.send(ctx, r, body)
	})
	if copies(r) {
		b.release()
	}
	if err != nil {
		return nil, c.callError(err)
	}
	return reply.Header, c.receive(reply, out)
}

// encode encodes the request, into b if the codec can.
func (c *call) encode(b *buffer, in any) ([]byte, error) {
	if c.inEmpty {
		return nil, nil
	}
	body, err := c.sends.encode(b, in)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %T: %w", ErrEncodeRequest, in, err)
	}
	return body, nil
}

// copies reports whether r is through with a request's body when it returns. Who else implements Requester may keep it.
func copies(r Requester) bool {
	switch r.(type) {
	case *Client, *nats.Conn:
		return true
	default:
		return false
	}
}

// outgoing returns the request with its facts, for the reply subject if client and codec can put them there. A client
// that is nil cannot.
func (c *call) outgoing(ctx context.Context, client *Client, body []byte) outgoing {
	facts := requestFacts{contentType: c.sends.requestType, timeout: c.timeout}
	if deadline, ok := ctx.Deadline(); ok {
		facts.timeout = max(time.Until(deadline), 1) // what has ended is found out when it is used
	}
	if client != nil && client.opts.factsInToken && c.sends.fitsToken {
		return outgoing{subject: c.target, header: c.header, body: body, facts: facts}
	}
	return outgoing{subject: c.target, header: facts.addTo(maps.Clone(c.header)), body: body}
}

// send sends the request once.
func (c *call) send(ctx context.Context, r Requester, body []byte) (*nats.Msg, error) {
	client, _ := r.(*Client)
	request := c.outgoing(ctx, client, body)
	if client != nil {
		return client.exchange(ctx, c.timeout, &request)
	}
	reply, err := r.RequestMsgWithContext(ctx, &nats.Msg{Subject: request.subject, Header: request.header, Data: body})
	if err != nil {
		return nil, err
	}
	return reply, checkReply(reply)
}

// receive takes a reply that came.
func (c *call) receive(reply *nats.Msg, out any) error {
	if c.replyHeader != nil {
		*c.replyHeader = reply.Header
	}
	return c.decode(reply, out)
}

// decode turns a reply into out or an error.
func (c *call) decode(reply *nats.Msg, out any) error {
	codec, codecErr := c.replyCodec(reply.Header)
	if se := parseError(reply.Header, reply.Data); se != nil {
		if codecErr == nil {
			if declared, err := c.errors.decode(se.Type, codec, se.Data); err == nil && declared != nil {
				return declared
			}
		}
		return c.callError(se)
	}
	if c.outEmpty {
		return nil
	}
	if codecErr != nil {
		return c.callError(codecErr)
	}
	if err := codec.Unmarshal(reply.Data, out); err != nil {
		return c.callError(fmt.Errorf("%w into %T: %w", ErrDecodeReply, out, err))
	}
	return nil
}

// replyCodec returns the codec of a reply: the call's, unless a peer names another one.
func (c *call) replyCodec(h nats.Header) (*wireCodec, error) {
	contentType := headerValue(h, ContentTypeHeader)
	if contentType == "" || canonicalMediaType(contentType) == c.sends.mediaType {
		return c.sends, nil
	}
	if codec := c.codecs.forContentType(contentType); codec != nil {
		return codec, nil
	}
	return nil, fmt.Errorf("%w: its content type is %q, want %q", ErrDecodeReply, contentType, c.sends.ContentType())
}

// checkReply tells a reply from what stands in its place where nobody serves the subject.
func checkReply(reply *nats.Msg) error {
	switch {
	case reply == nil:
		return errors.New("the Requester returned neither a reply nor an error")
	case len(reply.Data) == 0 && headerValue(reply.Header, statusHeader) == noRespondersStatus:
		return nats.ErrNoResponders
	default:
		return nil
	}
}

func withDefaultTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}
