package typednats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/replies"
	"github.com/typednats/typednats/internal/wire"
)

// maxBuffered is how large a body is that nats.go copies into its buffer, in bytes. It writes what is larger, and waits
// for that. (Its buffer has 32 KiB, a part of which takes the line before the body.)
const maxBuffered = 31 << 10

// Client is a [Requester] with settings and a reply subscription of its own. Beside what a bare [*nats.Conn] does it
// sends the caller's timeout and codec in the reply subject, which spares the headers that cost a fifth of the
// throughput. It leaves the headers out once a service on the subject has confirmed that this arrives, and starts again
// when the connection was lost. It is safe for concurrent use; a program needs one for each connection.
type Client struct {
	nc       *nats.Conn
	inbox    *replies.Inbox
	arrivals *replies.Arrivals // where what the reply subjects say arrives
	opts     clientOptions
	around   Handler // the interceptors, around those of the call; nil without any
	budget   *budget // for sending again
	bad      error   // what is wrong with the options
}

// NewClient returns a client on nc. It subscribes when it is first used, under the connection's inbox prefix
// ([nats.CustomInboxPrefix]). Bad options are reported by the calls.
func NewClient(nc *nats.Conn, opts ...ClientOption) *Client {
	c := &Client{nc: nc, inbox: replies.NewInbox(nc), arrivals: replies.NewArrivals(nc), budget: newBudget()}
	c.opts, c.bad = newClientOptions(opts)
	if c.bad == nil && len(c.opts.interceptors) > 0 {
		if c.around, c.bad = chain(c.opts.interceptors, callInside); c.bad != nil {
			c.bad = fmt.Errorf("%w: %w", ErrInvalidConfig, c.bad)
		}
	}
	return c
}

// Close releases the client's subscription, never the connection. Calls that wait for a reply, and later ones, return
// [ErrClientClosed]. It can be called any number of times.
func (c *Client) Close() error {
	c.arrivals.Close()
	if err := c.inbox.Close(); err != nil {
		return fmt.Errorf("close client: %w", err)
	}
	return nil
}

// RequestMsgWithContext implements [Requester]. msg is sent as it is, except for its reply subject. A context without
// a deadline gets the client's timeout.
func (c *Client) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	if ctx == nil {
		return nil, nats.ErrInvalidContext
	}
	if msg == nil {
		return nil, nats.ErrInvalidMsg
	}
	if c.bad != nil {
		return nil, c.bad
	}
	return c.whenUp(ctx, c.opts.timeout, false, func(left time.Duration) (*nats.Msg, error) {
		return c.exchange(ctx, left, &outgoing{subject: msg.Subject, header: msg.Header, body: msg.Data})
	})
}

// whenUp calls send once the connection is up, with what is left of timeout; and again, if it was found to be lost when the
// request was to be sent.
func (c *Client) whenUp(
	ctx context.Context, timeout time.Duration, again bool, send func(left time.Duration) (*nats.Msg, error),
) (*nats.Msg, error) {
	for {
		left, err := c.awaitConnection(ctx, timeout, again)
		if err != nil {
			return nil, err
		}
		reply, err := send(left)
		if !errors.Is(err, replies.ErrDown) {
			return reply, err
		}
		timeout = left
	}
}

// awaitConnection waits until the connection is up, if it is known to be down: until ctx ends or, if that has no deadline,
// for as long as timeout says. It returns how much is left of that. What is sent before waits in the connection's buffer,
// and is run when it is up, perhaps long after the call has ended. A connection without such a buffer is for those who
// want to know at once, unless they send again.
func (c *Client) awaitConnection(ctx context.Context, timeout time.Duration, again bool) (time.Duration, error) {
	if !c.inbox.IsDown() || c.nc != nil && c.nc.Opts.ReconnectBufSize < 0 && !again {
		return timeout, nil
	}
	began := time.Now()
	ctx, cancel := withDefaultTimeout(ctx, timeout)
	defer cancel()
	if c.inbox.AwaitConnection(ctx) != nil {
		return 0, downError(ctx.Err())
	}
	return max(timeout-time.Since(began), 1), nil
}

// outgoing is a request without its reply subject.
type outgoing struct {
	subject string
	header  nats.Header
	body    []byte
	facts   wire.Facts // for the reply subject

	asks  bool   // whether the facts arrive: the headers say the same
	epoch uint64 // of the connection, if the facts are in the reply subject

	inDoubt bool          // it was refused, perhaps because its content type was in the reply subject alone and has not arrived
	left    time.Duration // of the time that the call waits, if it is in doubt

	terms replies.Terms // but for the time
}

// ask puts the facts into headers as well, together with those of the call.
func (o *outgoing) ask(header nats.Header) {
	o.asks, o.header = true, o.facts.AddTo(maps.Clone(header))
}

// exchange sends a request and waits for its reply: until ctx ends or, if it has no deadline, for as long as timeout
// says. The client's own timer does that, which all calls share: a context with a timer would cost more than the call.
func (c *Client) exchange(ctx context.Context, timeout time.Duration, out *outgoing) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	terms := out.terms
	terms.Timeout = limitOf(ctx, timeout)
	call, err := c.inbox.Open(ctx, terms)
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrConnectionDraining):
		return c.borrow(ctx, terms.Timeout, out)
	default:
		return nil, unsentError{err}
	}
	began, reply := call.Began(), c.inbox.ReplySubject(call, out.facts)
	if err := c.publish(call, out, reply); err != nil {
		c.inbox.Drop(call)
		return nil, err
	}
	msg, err := c.inbox.Await(ctx, call)
	if err == nil {
		err = checkReply(msg)
	}
	switch {
	case err == nil:
		c.learn(out, msg)
		if out.inDoubt {
			out.left = c.inbox.Left(began)
		}
		return msg, nil
	case errors.Is(err, context.Canceled):
		c.cancel(out.subject, reply)
	case errors.Is(err, context.DeadlineExceeded): // the service knows by itself
		err = c.inbox.Explain(err, began, out.subject)
	}
	return nil, err
}

// limitOf returns how long the client's own timer lets a call wait, 0 if the context's does it: for timeout without a
// deadline, and for a lazy context until its deadline, for otherwise that would need a timer.
func limitOf(ctx context.Context, timeout time.Duration) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return timeout
	}
	if _, ok := ctx.(*lazy.Context); ok {
		return max(time.Until(deadline), 1)
	}
	if ctx.Done() == nil {
		return timeout
	}
	return 0
}

// borrow makes a call through the connection's own inbox. While a connection drains, nats.go keeps that until all other
// subscriptions have ended, and the client's is one of those; so what callbacks call still works. Without an inbox, which
// the first request through the connection itself makes, nats.go has no way either.
func (c *Client) borrow(ctx context.Context, timeout time.Duration, out *outgoing) (*nats.Msg, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	msg := &nats.Msg{Subject: out.subject, Header: out.header, Data: out.body}
	if out.facts != (wire.Facts{}) {
		msg.Header = out.facts.AddTo(maps.Clone(out.header))
	}
	reply, err := c.nc.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return nil, err
	}
	if err := checkBareReply(reply, out.terms.Expects); err != nil {
		return nil, err
	}
	return reply, nil
}

// publish sends a request, or has it sent if that could take longer than the call. Then it fails by the end of the call.
func (c *Client) publish(call *replies.Call, out *outgoing, reply string) error {
	if len(out.body) <= maxBuffered && !c.inbox.Writes() {
		return c.send(out.subject, reply, out.header, out.body)
	}
	// The caller may change what is its own once the call has ended.
	subject, header, body := out.subject, maps.Clone(out.header), slices.Clone(out.body)
	c.inbox.Write(call, func() error { return c.send(subject, reply, header, body) })
	return nil
}

// send publishes a message.
func (c *Client) send(subject, reply string, header nats.Header, body []byte) error {
	var err error
	if len(header) == 0 {
		err = c.nc.PublishRequest(subject, reply, body)
	} else {
		err = c.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Header: header, Data: body})
	}
	if err != nil {
		return publishError(c.nc, err)
	}
	return nil
}

// learn looks at a reply for whether the facts in the request's reply subject have arrived. A service that reads a body
// as JSON because the content type has not arrived refuses it: see [call.couldBeMisread].
func (c *Client) learn(out *outgoing, reply *nats.Msg) {
	switch {
	case out.asks:
		c.arrivals.Learn(out.subject, out.epoch, wire.TakeConfirmation(reply))
	case len(reply.Header) > 0 && out.facts.ContentType != "" && len(out.header[wire.ContentTypeHeader]) == 0:
		if e, failed := wire.ParseErrorReply(reply.Header); failed && e.IsMisread() {
			c.arrivals.Doubt(out.subject)
			out.inDoubt = true
		}
	}
}

// cancel tells services that a call was given up. All instances hear it, since the client does not know which has the
// request.
func (c *Client) cancel(subject, reply string) {
	if !c.opts.cancels {
		return
	}
	tell := func() { _ = c.nc.Publish(wire.CancelSubject(subject), []byte(reply)) } // a kindness: the call has failed anyway
	if c.inbox.Writes() {
		c.inbox.Aside(tell)
		return
	}
	tell()
}
