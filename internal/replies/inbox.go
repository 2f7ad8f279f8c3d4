// Package replies is where a client's calls wait: a subscription for the replies, and the calls by their numbers.
package replies

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
	"github.com/typednats/typednats/internal/wire"
)

// errContextEnded ends a call whose context has told of its end.
var errContextEnded = errors.New("context ended")

// ErrClosed is returned by calls through an inbox that was closed.
var ErrClosed = errors.New("typednats: client is closed")

// Inbox is a subscription for replies, and the calls that wait for them. It is safe for concurrent use. Replies are
// delivered on the goroutine that nats.go runs for the subscription, and the timer that gives calls up runs on one of
// the runtime's for a moment. One goroutine of its own follows the connection, see [Inbox.follow]: from the first call
// on, until [Inbox.Close] or the end of the connection.
type Inbox struct {
	nc      *nats.Conn
	writing atomic.Int32  // requests, on goroutines of their own
	epoch   atomic.Uint64 // of the connection: grows when that is lost, and when it is back; odd unless it is up

	mu      sync.Mutex
	waiting waiting
	came    uint64 // replies, those that came late or twice too

	subscription

	following bool          // the connection
	back      chan struct{} // closed when the connection is up again; nil unless it is down
	news      chan struct{} // wakes the goroutine that follows the connection
	ended     chan struct{} // closed with the inbox
	known     error         // the connection's last error when somebody last looked
	wary      bool          // the server has refused something, so each call looks

	draining bool // the connection
	lost     bool // the subscription has ended, or the connection, and not by Close
	closed   bool
}

// NewInbox returns an inbox that subscribes when it is first used, under the connection's own inbox prefix, so that
// permissions for inboxes hold.
func NewInbox(nc *nats.Conn) *Inbox {
	in := &Inbox{nc: nc, news: make(chan struct{}, 1), ended: make(chan struct{})}
	in.epoch.Store(1) // until somebody looks
	in.waiting = newWaiting(in.giveUpDue)
	return in
}

// Open enters a call. It must be followed by [Inbox.Await] or [Inbox.Drop]. A call that can be made again ends with
// [nats.ErrDisconnected] when the connection is lost; any other one waits on, because its reply may come over the next
// connection.
//
// Its error is [ErrDown] if it finds that the connection was lost, and [nats.ErrConnectionDraining] while that drains. After the server has refused the inbox, it tries
// again and waits for what the server says, until ctx ends or the time is over. Then nothing was sent if it fails.
func (in *Inbox) Open(ctx context.Context, terms Terms) (*Call, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.readyLocked(ctx, terms.Timeout); err != nil {
		return nil, err
	}
	c := in.waiting.add()
	c.Terms, c.began = terms, Moment{inbox: in.subject, epoch: in.epoch.Load(), came: in.came, known: in.known}
	if terms.Timeout > 0 {
		in.waiting.limit(c, terms.Timeout)
		c.began.until = c.until
	}
	return c, nil
}

// readyLocked sees to it that replies can come.
func (in *Inbox) readyLocked(ctx context.Context, timeout time.Duration) error {
	for looked := in.Writes(); ; {
		switch {
		case in.isGoneLocked():
			return in.goneLocked()
		case in.sub == nil:
			if err := in.subscribeLocked(); err != nil {
				return err
			}
		case in.trial != nil:
			if err := in.awaitTrialLocked(ctx, timeout); err != nil {
				return err
			}
		case !looked && (in.wary || in.waiting.isEmpty()):
			if err := in.lookLocked(); err != nil {
				return err
			}
			looked = true
		default:
			return nil
		}
	}
}

// isGoneLocked reports whether no reply can come any more.
func (in *Inbox) isGoneLocked() bool { return in.closed || in.lost || in.draining }

// lookLocked notes in which state the connection is. That takes a lock of the connection, for which many calls at a
// time would have to wait; so a call does it if no other one waits, or if there was something to see before, and not beside
// a write that may keep that lock. It gives up its own lock meanwhile. The goroutine that follows the connection notices
// its states, too, but a moment later.
func (in *Inbox) lookLocked() error {
	epoch := in.epoch.Load()
	in.mu.Unlock()
	last, status := in.nc.LastError(), in.nc.Status()
	in.mu.Lock()
	in.known = last
	in.draining = in.draining || status == nats.DRAINING_SUBS || status == nats.DRAINING_PUBS
	lost := status == nats.RECONNECTING || status == nats.DISCONNECTED
	if !lost || isDown(epoch) || in.epoch.Load() != epoch { // it is known, or was so before
		return nil
	}
	in.isDownLocked()
	in.wakeLocked()
	return ErrDown
}

// ReplySubject returns the subject for the reply to a call, with the facts of its request.
func (*Inbox) ReplySubject(c *Call, f wire.Facts) string {
	return wire.ReplySubject(c.began.inbox, f, c.number)
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
	close(in.ended)
	in.endLocked()
	if in.former != nil {
		_ = in.former.Unsubscribe() // it fails if the connection is gone
	}
	if in.sub == nil {
		return nil
	}
	err := in.sub.Unsubscribe()
	if err != nil && !errors.Is(err, nats.ErrBadSubscription) && !errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return nil
}

// endLocked ends all who wait, because no reply can come any more.
func (in *Inbox) endLocked() {
	err := in.goneLocked()
	in.waiting.endAll(ending{err: err})
	in.endTrialLocked(err)
	in.isUpLocked() // nobody waits for the connection in vain
}

// deliver hands a reply to the call that waits for it. Replies that come late, or twice, are dropped.
func (in *Inbox) deliver(reply *nats.Msg) {
	number, ok := wire.ParseReplyNumber(reply.Subject)
	if !ok {
		return
	}
	stream := wire.AcknowledgingStream(reply)
	in.mu.Lock()
	in.came++
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

// goneLocked says why no reply can come.
func (in *Inbox) goneLocked() error {
	switch {
	case in.closed:
		return ErrClosed
	case !in.nc.IsClosed():
		return nats.ErrConnectionDraining
	default:
		return nats.ErrConnectionClosed
	}
}
