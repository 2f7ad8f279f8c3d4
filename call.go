package typednats

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/replies"
	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// call is one call, without its type parameters.
type call struct {
	*compiled
	callOptions

	sends   *wireCodec    // what the request is encoded with
	timeout time.Duration // if the context has no deadline
	retry   Retry
	around  Handler // the client's interceptors; nil without any
	sent    attempts

	observed  *observedCall   // nil if nobody observes it
	onAttempt []func(Attempt) // of interceptors that want to know
}

// prepare makes c a call of an endpoint. Its error is a *CallError.
func (c *call) prepare(d *descriptor, opts []CallOption) error {
	var err error
	if c.compiled, err = d.compile(); err != nil {
		s := d.specification()
		return &CallError{Endpoint: s.name, Subject: s.address(), Err: err, run: neverRan}
	}
	if c.target == "" {
		err = fmt.Errorf("%w: subject %q: it holds a wildcard; say with At where to send",
			invalidEndpoint(c.name), c.subject)
		return &CallError{Endpoint: c.name, Subject: c.subject, Err: err, run: neverRan}
	}
	return c.apply(opts)
}

// prepareUntyped makes c a call of a subject of which nothing else is known. Its error is a *CallError.
func (c *call) prepareUntyped(to string, in, out reflect.Type, opts []CallOption) error {
	c.compiled = &compiled{
		untyped: true,
		subject: to,
		target:  to,
		codecs:  codecSet{newWireCodec(json.Codec)},
		in:      newWireType(in),
		out:     newWireType(out),
	}
	if err := subject.CheckConcrete(to); err != nil {
		return c.fail(fmt.Errorf("%w: subject %q: %w", ErrInvalidConfig, to, err))
	}
	if err := c.apply(opts); err != nil {
		return err
	}
	if c.codec != nil {
		return nil
	}
	return c.checkCodec()
}

func (c *call) apply(opts []CallOption) error {
	c.sends, c.timeout = &c.codecs[0], cmp.Or(c.compiled.timeout, DefaultTimeout)
	if len(opts) == 0 {
		return nil
	}
	var err error
	if c.callOptions, err = newCallOptions(opts); err != nil {
		return c.fail(err)
	}
	if c.codec == nil {
		return nil
	}
	sends := newWireCodec(c.codec)
	c.sends = &sends
	return c.checkCodec()
}

// checkCodec reports that the call's codec cannot carry its types. That of an endpoint was checked with it.
func (c *call) checkCodec() error {
	var m mistakes
	c.checkTypes(c.sends, &m)
	if err := m.join(ErrInvalidConfig); err != nil {
		return c.fail(err)
	}
	return nil
}

// inherit puts a client's settings under those of the call.
func (c *call) inherit(o *clientOptions) {
	c.retry, c.timeout = o.retry, cmp.Or(c.compiled.timeout, o.timeout)
	c.addHeaders(o.header)
}

// begin takes over what r, a client, says of its calls. It reports what keeps the call from being made.
func (c *call) begin(ctx context.Context, r Requester) error {
	if c.replyHeader != nil {
		*c.replyHeader = nil
	}
	if ctx == nil {
		return c.fail(errNilContext)
	}
	client, _ := r.(*Client)
	if client == nil && isNil(r) {
		return c.fail(fmt.Errorf("%w: the Requester is nil", ErrInvalidConfig))
	}
	c.carryOn(ctx)
	if client != nil {
		if client.bad != nil {
			return c.fail(client.bad)
		}
		c.inherit(&client.opts)
		c.around = client.around
		if all := client.opts.observers; len(c.observers) == 0 {
			c.observers = all
		} else if len(all) > 0 {
			c.observers = slices.Concat(all, c.observers)
		}
	}
	return nil
}

// isIntercepted reports whether there are interceptors, the client's or the call's.
func (c *call) isIntercepted() bool { return c.around != nil || len(c.interceptors) > 0 }

// do makes the call, which has no interceptors, with the request that in points to, and stores the reply where out
// points.
func (c *call) do(ctx context.Context, r Requester, in, out any) error {
	if client, _ := r.(*Client); client == nil || c.retry.isOn() { // they wait for the end of a context
		var cancel context.CancelFunc
		ctx, cancel = withDefaultTimeout(ctx, c.timeout)
		defer cancel()
	}
	header, err := c.roundTrip(ctx, r, in, out)
	if c.replyHeader != nil {
		*c.replyHeader = header
	}
	return err
}

// roundTrip encodes the request, sends it, and decodes the reply into out. The header is the reply's, if one came.
func (c *call) roundTrip(ctx context.Context, r Requester, in, out any) (nats.Header, error) {
	b := buffer.Get()
	body, err := c.encode(b, in)
	if err != nil {
		return nil, c.fail(err)
	}
	if c.observed != nil {
		c.observed.requestSize.Store(int64(len(body)))
	}
	reply, err := c.exchange(ctx, r, body)
	if copies(r) {
		b.Recycle()
	}
	if err != nil {
		return nil, c.failIn(ctx, err)
	}
	if c.observed != nil {
		c.observed.replySize.Store(int64(len(reply.Data)))
	}
	return reply.Header, c.decode(ctx, reply, out)
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

// exchange sends the request until one attempt counts, unless the call has ended already.
func (c *call) exchange(ctx context.Context, r Requester, body []byte) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, unsentError{err}
	}
	var budget *budget // nil is no bound
	if client, ok := r.(*Client); ok && c.retry.isBounded() {
		budget = client.budget
		budget.earn(c.retry.budget())
	}
	for n := 1; ; n++ {
		c.sent.begin()
		var began time.Time
		if len(c.onAttempt) > 0 {
			began = time.Now()
		}
		if c.observed != nil {
			c.observed.attempts.Add(1)
		}
		reply, err := c.send(ctx, r, body, c.idempotent && n < c.retry.Attempts)
		c.sent.end(c.compiled, reply, err)
		for _, tell := range c.onAttempt {
			tell(newAttempt(n, began, reply, err))
		}
		if !c.retry.allows(ctx, n, c.compiled, budget, reply, err) {
			return reply, err
		}
	}
}

// send makes an attempt as soon as the connection is up.
func (c *call) send(ctx context.Context, r Requester, body []byte, again bool) (*nats.Msg, error) {
	client, ok := r.(*Client)
	if !ok {
		return c.attempt(ctx, r, body, again)
	}
	return client.whenUp(ctx, c.timeout, c.retry.isOn(), func(left time.Duration) (*nats.Msg, error) {
		c.timeout = left
		return c.attempt(ctx, r, body, again)
	})
}

// attempt sends the request once. It ends when the connection is lost, if another attempt can follow.
func (c *call) attempt(ctx context.Context, r Requester, body []byte, again bool) (*nats.Msg, error) {
	if d := c.retry.attemptTimeout(c.idempotent); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	client, _ := r.(*Client)
	request := c.outgoing(ctx, client, body)
	if client != nil {
		request.terms.Again = again
		reply, err := client.exchange(ctx, c.timeout, &request)
		if !request.inDoubt || c.runsOnAll() {
			return reply, err
		}
		left := request.left
		request = c.outgoing(ctx, client, body) // it was not run
		request.terms.Again = again
		if left > 0 {
			request.facts.Timeout = left
		}
		request.ask(c.header)
		return client.exchange(ctx, left, &request)
	}
	reply, err := r.RequestMsgWithContext(ctx, &nats.Msg{Subject: request.subject, Header: request.header, Data: body})
	if err != nil {
		return nil, bareError(r, err)
	}
	if err := checkBareReply(reply, c.compiled); err != nil {
		return nil, err
	}
	return reply, nil
}

// outgoing returns the request with its facts: in the reply subject if client and codec can put them there, as headers
// if they cannot, and as both until it is known that what the reply subject says arrives. A client that is nil cannot.
func (c *call) outgoing(ctx context.Context, client *Client, body []byte) outgoing {
	facts := wire.Facts{ContentType: c.sends.requestType, Timeout: c.timeout}
	if deadline, ok := ctx.Deadline(); ok {
		facts.Timeout = max(time.Until(deadline), 1) // what has ended is found out when it is used
	}
	out := outgoing{subject: c.target, header: c.header, body: body, terms: replies.Terms{Expects: c.compiled}}
	if client == nil || !client.opts.factsInToken || !c.sends.fitsToken {
		out.header = facts.AddTo(maps.Clone(c.header))
		return out
	}
	out.facts = facts
	var arrives bool
	arrives, out.epoch = client.arrivals.Known(c.target)
	switch {
	case !arrives:
		out.ask(c.header)
	case c.couldBeMisread(body):
		out.header = wire.Facts{ContentType: facts.ContentType}.AddTo(maps.Clone(c.header))
	}
	return out
}

// couldBeMisread reports whether a service that does not see the content type could take the request for JSON. The
// content type is a header then, always: what is known of the way to a service may be old, or hold for another instance.
// An endpoint that takes raw bytes alone takes them under any name.
func (c *call) couldBeMisread(body []byte) bool {
	return c.sends.requestType != "" && !c.codecs.takesAny() && (c.in.bare || wire.CouldBeJSON(body))
}

// encode encodes the request, into b if the codec can.
func (c *call) encode(b *buffer.Buffer, in any) ([]byte, error) {
	body, err := c.in.encode(c.sends, b, in)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %v: %w", ErrEncodeRequest, c.in.Type, err)
	}
	return body, nil
}

// decode turns a reply into out or an error.
func (c *call) decode(ctx context.Context, reply *nats.Msg, out any) error {
	codec, codecErr := c.replyCodec(reply.Header)
	if e, failed := wire.ParseErrorReply(reply.Header); failed {
		if c.observed != nil {
			c.observed.code.Store(int32(e.Code)) //nolint:gosec // what does not fit is no code
		}
		se := errorOf(e, reply.Data)
		if codecErr != nil {
			return c.failIn(ctx, se)
		}
		declared, err := c.errors.decode(e.Type, codec, reply.Data)
		switch {
		case stackOf(err) != nil:
			return c.fail(fmt.Errorf("%w; %w with tag %q: %w", se, ErrDecodeReply, e.Type, err))
		case err != nil || declared == nil:
			return c.failIn(ctx, se)
		}
		return declared
	}
	if e, failed := wire.ParseStatus(reply); failed {
		return c.failIn(ctx, errorOf(e, nil))
	}
	if c.out.empty {
		return nil
	}
	if codecErr != nil {
		return c.fail(codecErr)
	}
	if err := c.out.decode(codec, reply.Data, out); err != nil {
		return c.fail(fmt.Errorf("%w into %v: %w", ErrDecodeReply, c.out.Type, err))
	}
	return nil
}

// replyCodec returns the codec of a reply: the call's, unless a peer names another one.
func (c *call) replyCodec(h nats.Header) (*wireCodec, error) {
	contentType := wire.HeaderValue(h, wire.ContentTypeHeader)
	if contentType == "" || wire.CanonicalMediaType(contentType) == c.sends.mediaType {
		return c.sends, nil
	}
	if codec := c.codecs.forContentType(contentType); codec != nil {
		return codec, nil
	}
	return nil, fmt.Errorf("%w: its content type is %q, want %q", ErrDecodeReply, contentType, c.sends.ContentType())
}
