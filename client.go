package typednats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Client is a [Requester] with settings and a reply subscription of its own. Beside what a bare [*nats.Conn] does it
// sends the caller's timeout and codec in the reply subject, which spares the headers that cost a fifth of the
// throughput. It is safe for concurrent use; a program needs one for each connection.
type Client struct {
	nc   *nats.Conn
	opts clientOptions
	bad  error // what is wrong with opts

	mu      sync.Mutex
	sub     *nats.Subscription // made by the first call
	inbox   string             // the subject of replies up to the last token
	waiting waitingCalls
	lost    bool // the subscription is gone
	closed  bool
}

// NewClient returns a client on nc. It subscribes when it is first used, under the connection's inbox prefix
// ([nats.CustomInboxPrefix]). Bad options are reported by the calls.
func NewClient(nc *nats.Conn, opts ...ClientOption) *Client {
	c := &Client{nc: nc, opts: clientOptions{timeout: DefaultTimeout, factsInToken: true, cancels: true}}
	c.waiting = newWaitingCalls(c.expire)
	for _, opt := range opts {
		if opt == nil {
			c.opts.bad = append(c.opts.bad, fmt.Errorf("%w: a ClientOption is nil", ErrInvalidConfig))
			continue
		}
		opt.applyToClient(&c.opts)
	}
	c.bad = c.opts.check()
	return c
}

// Close releases the client's subscription, never the connection. Calls that wait for a reply, and later ones, return
// [ErrClientClosed]. It can be called any number of times.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.waiting.endAll(answer{err: c.goneLocked()})
	if c.sub == nil {
		return nil
	}
	err := c.sub.Unsubscribe()
	if err != nil && !errors.Is(err, nats.ErrBadSubscription) && !errors.Is(err, nats.ErrConnectionClosed) {
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
	return c.exchange(ctx, c.opts.timeout, &outgoing{subject: msg.Subject, header: msg.Header, body: msg.Data})
}

// outgoing is a request without its reply subject.
type outgoing struct {
	subject string
	header  nats.Header
	body    []byte
	facts   requestFacts // for the reply subject
}

// exchange sends a request and waits for its reply: until ctx ends or, where it has no deadline, for as long as timeout
// says.
func (c *Client) exchange(ctx context.Context, timeout time.Duration, out *outgoing) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := ctx.Done()
	if _, ok := ctx.Deadline(); ok && done != nil {
		timeout = 0
	}
	w, err := c.register(timeout)
	if err != nil {
		return nil, err
	}
	reply := replySubject(c.inbox, out.facts, w.number)
	if err := c.publish(out, reply); err != nil {
		c.forget(w)
		return nil, err
	}
	var answer answer
	if done == nil {
		answer = w.take()
	} else {
		answer = c.wait(ctx, w)
	}
	if answer.err == nil {
		answer.err = checkReply(answer.msg)
	}
	switch {
	case answer.err == nil:
		return answer.msg, nil
	case c.opts.cancels && errors.Is(answer.err, context.Canceled): // after a deadline the service knows by itself
		_ = c.nc.Publish(cancelPrefix+out.subject, []byte(reply)) // it is a kindness: the call has failed anyway
	case errors.Is(answer.err, context.DeadlineExceeded):
		answer.err = c.explain(answer.err, out.subject)
	}
	return nil, answer.err
}

// wait waits for what comes of a call, or for the end of ctx.
func (c *Client) wait(ctx context.Context, w *waiter) answer {
	select {
	case a := <-w.answers:
		w.release()
		return a
	case <-ctx.Done():
		c.forget(w)
		return answer{err: ctx.Err()}
	}
}

// publish sends a request.
func (c *Client) publish(out *outgoing, reply string) error {
	if len(out.header) == 0 {
		return c.nc.PublishRequest(out.subject, reply, out.body)
	}
	return c.nc.PublishMsg(&nats.Msg{Subject: out.subject, Reply: reply, Header: out.header, Data: out.body})
}

// explain adds to the error of a call that ran out of time that the server has refused the request, or the client's
// inbox. The server tells that to the connection, not to the call.
func (c *Client) explain(err error, subject string) error {
	refusal := c.nc.LastError()
	if !errors.Is(refusal, nats.ErrPermissionViolation) {
		return err
	}
	for _, what := range []string{"Publish to " + strconv.Quote(subject), "Subscription to " + strconv.Quote(c.inbox+".*")} {
		if strings.Contains(refusal.Error(), what) {
			return fmt.Errorf("%w: %w", err, refusal)
		}
	}
	return err
}

// register enters a call that is to be given up after timeout; 0 means never.
func (c *Client) register(timeout time.Duration) (*waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.lost {
		return nil, c.goneLocked()
	}
	if err := c.subscribeLocked(); err != nil {
		return nil, err
	}
	w := c.waiting.add()
	if timeout > 0 {
		c.waiting.limit(w, timeout)
	}
	return w, nil
}

// subscribeLocked subscribes to the replies, once.
func (c *Client) subscribeLocked() error {
	if c.sub != nil {
		return nil
	}
	if c.nc == nil {
		return nats.ErrInvalidConnection
	}
	inbox := c.nc.NewInbox()
	sub, err := c.nc.Subscribe(inbox+".*", c.deliver)
	if err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	// Each reply has a caller waiting, or is dropped at once: nothing piles up, and nothing may be lost.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	sub.SetClosedHandler(func(string) { c.release() })
	c.sub, c.inbox = sub, inbox
	return nil
}

// deliver hands a reply to the call that waits for it. Replies that come late, or twice, are dropped.
func (c *Client) deliver(reply *nats.Msg) {
	number, ok := parseReplyNumber(reply.Subject)
	if !ok {
		return
	}
	c.mu.Lock()
	w := c.waiting.remove(number)
	c.mu.Unlock()
	if w != nil {
		w.answers <- answer{msg: reply}
	}
}

// forget ends a call that waits no more.
func (c *Client) forget(w *waiter) {
	c.mu.Lock()
	found := c.waiting.remove(w.number)
	c.mu.Unlock()
	if found == nil { // what comes of the call is on its way to it
		w.take()
		return
	}
	w.release()
}

// expire gives up the calls that have waited for as long as they may.
func (c *Client) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting.expire(answer{err: context.DeadlineExceeded})
}

// release ends the calls that wait, because no reply can come any more.
func (c *Client) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	c.waiting.endAll(answer{err: c.goneLocked()})
}

// goneLocked says why no reply can come.
func (c *Client) goneLocked() error {
	switch {
	case c.closed:
		return ErrClientClosed
	case c.nc.IsDraining():
		return nats.ErrConnectionDraining
	default:
		return nats.ErrConnectionClosed
	}
}
