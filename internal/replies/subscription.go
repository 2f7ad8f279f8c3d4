package replies

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

const (
	// proofTimeout bounds the round trip that shows whether the server lets an inbox be.
	proofTimeout = 2 * time.Second

	// proofTries bounds the round trips after which something else hides what the server says of the inbox.
	proofTries = 3

	// doubtInterval is how long a subscription is trusted after it was made anew because a call was not answered, and how
	// long the one before stays beside it.
	doubtInterval = 2 * time.Second
)

// subscription is what an inbox has of the server. The inbox's lock guards it.
//
// The server does not answer a subscription. If it refuses one, or revokes it later, it tells the connection, which keeps
// the last of such errors and no other. So a round trip after a subscription was made shows whether it was refused.
// A refused one is given up for good, and another subject is taken for the next: what the server says of one subject is
// never about another. A revocation whose error is hidden by a later one is found out by a call that gets no reply: then a
// second subscription to the same subject is made, since the first may be gone.
//
// Mostly it is not. It stays for a while beside the second: a server first finds the subscriptions for a reply that comes
// from another node, and then delivers it. If it ends the first one in between, the reply is lost.
type subscription struct {
	sub     *nats.Subscription // nil until the first call, and after a refusal
	former  *nats.Subscription // on the same subject, still there, being drained or through with that; nil if there was none
	subject string             // of replies, up to the last token

	before   error // the connection's last error before it was subscribed
	unproven bool  // a round trip has still to show that the server lets it be
	doubted  time.Time
	doubtful bool   // it has to be made anew
	refusal  error  // of the former subscription
	trial    *trial // nil unless calls must wait for the proof
}

// trial is the first subscription after a refused one. Calls wait for its end before they send anything.
type trial struct {
	over chan struct{}
	err  error // set before over is closed: the refusal, if there is one
}

// subscribeLocked subscribes to replies under a new subject.
func (in *Inbox) subscribeLocked() error {
	if in.nc == nil {
		return nats.ErrInvalidConnection
	}
	in.followLocked()
	in.subject = in.nc.NewInbox()
	sub, before, err := in.subscribe(in.subject) // under the lock: nobody waits for a reply
	if err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	in.useLocked(sub, before)
	if in.refusal != nil {
		in.trial = &trial{over: make(chan struct{})}
	}
	return nil
}

// subscribe subscribes to replies under a subject. It returns the connection's last error before that, too.
func (in *Inbox) subscribe(subject string) (sub *nats.Subscription, before, failed error) {
	before = in.nc.LastError()
	sub, err := in.nc.Subscribe(subject+".*", in.deliver)
	if err != nil {
		return nil, before, err
	}
	// Each reply has a caller waiting, or is dropped at once: the channel of a call has room for it. So nothing piles
	// up, and with limits nats.go could drop a reply for which somebody waits.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, before, err
	}
	sub.SetClosedHandler(func(string) { in.lose(sub) })
	return sub, before, nil
}

// useLocked enters a new subscription, which has still to be proven.
func (in *Inbox) useLocked(sub *nats.Subscription, before error) {
	in.known, in.before = before, before
	in.sub, in.unproven = sub, true
	in.wakeLocked()
}

// renewLocked subscribes once more to the same subject. A reply that comes over both is taken once. It gives up the lock
// meanwhile, for the connection may be kept by a write that the server does not read, and calls have to end all the same.
// Only the goroutine that follows the connection calls it.
func (in *Inbox) renewLocked() {
	present, earlier, subject := in.sub, in.former, in.subject
	in.former, in.doubtful = nil, false
	in.mu.Unlock()
	if earlier != nil {
		_ = earlier.Drain() // Unsubscribe would drop what has come; it fails if the connection is gone
	}
	sub, before, err := in.subscribe(subject)
	in.mu.Lock()
	if err != nil {
		return // the connection is gone
	}
	if present != in.sub || in.isGoneLocked() { // it was refused meanwhile, or ended
		in.mu.Unlock()
		defer in.mu.Lock()
		_ = sub.Unsubscribe()
		return
	}
	in.former = present
	in.useLocked(sub, before)
	time.AfterFunc(doubtInterval, func() { in.dismiss(present) })
}

// dismiss ends the subscription before the present one, if it is still that.
func (in *Inbox) dismiss(former *nats.Subscription) {
	in.mu.Lock()
	ends := former == in.former
	if ends {
		in.former = nil
	}
	in.mu.Unlock()
	if ends {
		_ = former.Drain() // as in renewLocked
	}
}

// prove makes a doubtful subscription anew, and a round trip, if one is needed, after which it is known whether the server
// has refused it.
func (in *Inbox) prove() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.doubtful && in.sub != nil && !in.isGoneLocked() {
		in.renewLocked()
	}
	for tries := proofTries; in.unproven && in.sub != nil && !in.isGoneLocked(); tries-- {
		in.unproven = false
		sub := in.sub
		in.mu.Unlock()
		if in.nc.IsConnected() { // else there will be a proof when it is
			_ = in.nc.FlushTimeout(proofTimeout) // if it fails, what was said until now counts
		}
		last := in.nc.LastError()
		in.mu.Lock()
		switch {
		case sub != in.sub || in.isGoneLocked(): // it was refused, or made anew, or ended
		case wire.RefusesSubscription(last, sub.Subject):
			in.refuseLocked(last)
		case tries > 1 && wire.IsRefusal(last) && last != in.before: //nolint:errorlint // the very one
			in.renewLocked() // the other refusal may hide one
		default:
			in.refusal = nil
			in.endTrialLocked(nil)
		}
	}
}

// refuseLocked ends a subscription that the server does not have, and all calls that wait for replies to it.
func (in *Inbox) refuseLocked(refusal error) {
	err := fmt.Errorf("no reply can come: %w", refusal)
	sub := in.sub
	in.sub, in.refusal, in.wary = nil, refusal, true
	in.waiting.endAll(ending{err: err})
	in.endTrialLocked(err)
	_ = sub.Unsubscribe() // so that nats.go does not subscribe to it again; it fails if the connection is gone
}

// doubtLocked has the subscription made anew, because a call has waited in vain and no other reply came meanwhile.
func (in *Inbox) doubtLocked() {
	if in.sub == nil || in.isGoneLocked() || time.Since(in.doubted) < doubtInterval {
		return
	}
	in.doubted, in.doubtful = time.Now(), true
	in.wakeLocked()
}

// awaitTrialLocked waits until it is known whether the server lets the subscription be. It gives up the lock meanwhile.
func (in *Inbox) awaitTrialLocked(ctx context.Context, timeout time.Duration) error {
	t := in.trial
	in.mu.Unlock()
	defer in.mu.Lock()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	select {
	case <-t.over:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *Inbox) endTrialLocked(err error) {
	if in.trial == nil {
		return
	}
	in.trial.err = err
	close(in.trial.over)
	in.trial = nil
}

// lose ends the calls that wait, because the subscription has ended: no reply can come any more.
func (in *Inbox) lose(sub *nats.Subscription) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if sub != in.sub { // it was refused, or made anew
		return
	}
	in.lost = true
	if in.nc.IsDraining() {
		in.waiting.endRepeatable(ending{err: errDrained})
	}
	in.endLocked()
}
