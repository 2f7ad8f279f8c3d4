package typednats

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	waiting map[uint64]*waiter
	lost    bool // the subscription is gone
	closed  bool

	waiters sync.Pool
}

// waiter is where one call waits for its reply.
type waiter struct {
	replies chan *nats.Msg // takes one; closed where no reply can come any more
	timer   *time.Timer    // runs while a call waits whose context has no deadline
}

func newWaiter() any {
	timer := time.NewTimer(DefaultTimeout)
	timer.Stop()
	return &waiter{replies: make(chan *nats.Msg, 1), timer: timer}
}

// NewClient returns a client on nc. It subscribes when it is first used, under the connection's inbox prefix
// ([nats.CustomInboxPrefix]). Bad options are reported by the calls.
func NewClient(nc *nats.Conn, opts ...ClientOption) *Client {
	c := &Client{
		nc:      nc,
		opts:    clientOptions{timeout: DefaultTimeout, factsInToken: true, cancels: true},
		waiting: make(map[uint64]*waiter),
		waiters: sync.Pool{New: newWaiter},
	}
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
	c.releaseLocked()
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
	return c.exchange(ctx, c.opts.timeout, outgoing{subject: msg.Subject, header: msg.Header, body: msg.Data}, requestFacts{})
}

// outgoing is a request without its reply subject.
type outgoing struct {
	subject string
	header  nats.Header
	body    []byte
}

// exchange sends a request and waits for its reply: until ctx ends or, where it has no deadline, for as long as timeout
// says.
func (c *Client) exchange(
	ctx context.Context, timeout time.Duration, out outgoing, facts requestFacts,
) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, _ := c.waiters.Get().(*waiter)
	number, err := c.register(w)
	if err != nil {
		return nil, err
	}
	reply := replySubject(c.inbox, facts, number)
	if err := c.publish(out, reply); err != nil {
		c.forget(number)
		return nil, err
	}
	answer, err := w.wait(ctx, timeout)
	switch {
	case answer != nil:
		c.waiters.Put(w)
		if err := checkReply(answer); err != nil {
			return nil, err
		}
		return answer, nil
	case err == nil:
		return nil, c.gone()
	}
	c.forget(number)
	if c.opts.cancels && errors.Is(err, context.Canceled) { // after a deadline the service knows by itself
		_ = c.nc.Publish(cancelPrefix+out.subject, []byte(reply)) // it is a kindness: the call has failed anyway
	}
	return nil, c.explain(err, out.subject)
}

// wait returns the reply, or why the wait is over without one: nil if none can come any more.
func (w *waiter) wait(ctx context.Context, timeout time.Duration) (*nats.Msg, error) {
	var expired <-chan time.Time
	if _, ok := ctx.Deadline(); !ok {
		w.timer.Reset(timeout)
		defer w.timer.Stop()
		expired = w.timer.C
	}
	select {
	case reply := <-w.replies:
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-expired:
		return nil, context.DeadlineExceeded
	}
}

// publish sends a request.
func (c *Client) publish(out outgoing, reply string) error {
	if len(out.header) == 0 {
		return c.nc.PublishRequest(out.subject, reply, out.body)
	}
	return c.nc.PublishMsg(&nats.Msg{Subject: out.subject, Reply: reply, Header: out.header, Data: out.body})
}

// explain adds to the error of a call that ran out of time that the server has refused the request, or the client's
// inbox. The server tells that to the connection, not to the call.
func (c *Client) explain(err error, subject string) error {
	refusal := c.nc.LastError()
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(refusal, nats.ErrPermissionViolation) {
		return err
	}
	for _, what := range []string{"Publish to " + strconv.Quote(subject), "Subscription to " + strconv.Quote(c.inbox+".*")} {
		if strings.Contains(refusal.Error(), what) {
			return fmt.Errorf("%w: %w", err, refusal)
		}
	}
	return err
}

// register makes w the place where the reply to the call with the returned number is waited for.
func (c *Client) register(w *waiter) (number uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.lost {
		return 0, c.goneLocked()
	}
	if err := c.subscribeLocked(); err != nil {
		return 0, err
	}
	// Whoever answers one call knows the inbox, and must not guess the numbers of other calls.
	for number == noCall || c.waiting[number] != nil {
		number = rand.Uint64() //nolint:gosec // it is ChaCha8, seeded by the operating system
	}
	c.waiting[number] = w
	return number, nil
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
	_, number, ok := cutReplyToken(reply.Subject)
	if !ok {
		return
	}
	c.mu.Lock()
	w := c.waiting[number]
	delete(c.waiting, number)
	c.mu.Unlock()
	if w != nil {
		w.replies <- reply
	}
}

// forget ends the wait for a reply. The waiter is not used again: the reply may be on the way to it.
func (c *Client) forget(number uint64) {
	c.mu.Lock()
	delete(c.waiting, number)
	c.mu.Unlock()
}

// release ends the calls that wait, because no reply can come any more.
func (c *Client) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	c.releaseLocked()
}

func (c *Client) releaseLocked() {
	for number, w := range c.waiting {
		close(w.replies)
		delete(c.waiting, number)
	}
}

// gone says why no reply can come.
func (c *Client) gone() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goneLocked()
}

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
