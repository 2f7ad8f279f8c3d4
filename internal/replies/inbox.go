// Package replies is where a client's calls wait: a subscription for the replies, and the calls by their numbers.
package replies

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/wire"
)

// errContextEnded ends a call whose context has told of its end.
var errContextEnded = errors.New("context ended")

// ErrClosed is returned by calls through an inbox that was closed.
var ErrClosed = errors.New("typednats: client is closed")

// Inbox is a subscription for replies, and the calls that wait for them. It is safe for concurrent use. It has no
// goroutine of its own: replies are delivered on the one that nats.go runs for the subscription, which ends with
// [Inbox.Close] or the connection, and the timer that gives calls up runs on one of the runtime's for a moment.
type Inbox struct {
	nc *nats.Conn

	mu      sync.Mutex
	sub     *nats.Subscription // made by the first call
	subject string             // of replies, up to the last token
	waiting waiting
	lost    bool // the subscription has ended, and not by Close
	closed  bool
}

// NewInbox returns an inbox that subscribes when it is first used, under the connection's own inbox prefix, so that
// permissions for inboxes hold.
func NewInbox(nc *nats.Conn) *Inbox {
	in := &Inbox{nc: nc}
	in.waiting = newWaiting(in.giveUpDue)
	return in
}

// Subject returns the subject that the inbox is subscribed to, "" before the first call.
func (in *Inbox) Subject() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sub == nil {
		return ""
	}
	return in.sub.Subject
}

// Open enters a call that is to be given up after timeout; 0 means never. With expects nil, whatever comes is the reply. It
// must be followed by [Inbox.Await] or [Inbox.Drop].
func (in *Inbox) Open(timeout time.Duration, expects Expectation) (*Call, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || in.lost {
		return nil, in.goneLocked()
	}
	if err := in.subscribeLocked(); err != nil {
		return nil, err
	}
	c := in.waiting.add()
	c.expects = expects
	if timeout > 0 {
		in.waiting.limit(c, timeout)
	}
	return c, nil
}

// ReplySubject returns the subject for the reply to a call, with the facts of its request.
func (in *Inbox) ReplySubject(c *Call, f wire.Facts) string {
	return wire.ReplySubject(in.subject, f, c.number) // Open has set the subject, for good
}

// Await waits for the reply to a call, for the end of ctx, or until the call is given up.
func (in *Inbox) Await(ctx context.Context, c *Call) (*nats.Msg, error) {
	number := c.number
	var done <-chan struct{}
	watched, ok := ctx.(*lazy.Context)
	if ok {
		done, ok = watched.Watch(in, number)
	}
	if ok {
		defer watched.Unwatch(number)
	} else {
		done = ctx.Done()
	}
	e, ok := c.take(done)
	switch {
	case !ok:
		return nil, in.drop(c).failure(ctx.Err())
	case e.err == errContextEnded: //nolint:errorlint // nobody wraps it
		return nil, e.failure(ctx.Err())
	case e.err != nil:
		return nil, e.failure(e.err)
	default:
		return e.reply, nil
	}
}

// ContextEnded implements [lazy.Watcher].
func (in *Inbox) ContextEnded(number uint64) {
	in.mu.Lock()
	c := in.waiting.remove(number)
	in.mu.Unlock()
	if c != nil {
		c.end(ending{err: errContextEnded})
	}
}

// Drop ends a call that waits no more.
func (in *Inbox) Drop(c *Call) { in.drop(c) }

// drop ends a call that waits no more. It returns what is known of it until then.
func (in *Inbox) drop(c *Call) ending {
	in.mu.Lock()
	found := in.waiting.remove(c.number)
	e := ending{stream: c.stream}
	in.mu.Unlock()
	if found == nil { // its ending is on its way
		e, _ = c.take(nil)
		return e
	}
	c.recycle()
	return e
}

// Close ends the subscription and the calls that wait, with [ErrClosed]. It can be called any number of times.
func (in *Inbox) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil
	}
	in.closed = true
	in.waiting.endAll(ending{err: in.goneLocked()})
	if in.sub == nil {
		return nil
	}
	err := in.sub.Unsubscribe()
	if err != nil && !errors.Is(err, nats.ErrBadSubscription) && !errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return nil
}

// subscribeLocked subscribes to the replies, once.
func (in *Inbox) subscribeLocked() error {
	if in.sub != nil {
		return nil
	}
	if in.nc == nil {
		return nats.ErrInvalidConnection
	}
	subject := in.nc.NewInbox()
	sub, err := in.nc.Subscribe(subject+".*", in.deliver)
	if err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	// Each reply has a caller waiting, or is dropped at once: the channel of a call has room for it. So nothing piles
	// up, and with limits nats.go could drop a reply for which somebody waits.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	sub.SetClosedHandler(func(string) { in.lose() })
	in.sub, in.subject = sub, subject
	return nil
}

// deliver hands a reply to the call that waits for it. Replies that come late, or twice, are dropped.
func (in *Inbox) deliver(reply *nats.Msg) {
	number, ok := wire.ParseReplyNumber(reply.Subject)
	if !ok {
		return
	}
	stream := wire.AcknowledgingStream(reply)
	in.mu.Lock()
	if stream != "" && in.waiting.acknowledge(number, stream) {
		in.mu.Unlock()
		return
	}
	c := in.waiting.remove(number)
	in.mu.Unlock()
	if c != nil {
		c.end(ending{reply: reply})
	}
}

// giveUpDue ends the calls that have waited for as long as they may.
func (in *Inbox) giveUpDue() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting.endDue(ending{err: context.DeadlineExceeded})
}

// lose ends the calls that wait, because the subscription has ended: no reply can come any more.
func (in *Inbox) lose() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lost = true
	in.waiting.endAll(ending{err: in.goneLocked()})
}

// goneLocked says why no reply can come.
func (in *Inbox) goneLocked() error {
	switch {
	case in.closed:
		return ErrClosed
	case in.nc.IsDraining():
		return nats.ErrConnectionDraining
	default:
		return nats.ErrConnectionClosed
	}
}
