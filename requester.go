package typednats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// DefaultTimeout is how long a call waits whose context has no deadline.
const DefaultTimeout = 5 * time.Second

// maxTimerDelay is how late a context's timer may be.
const maxTimerDelay = 100 * time.Millisecond

// Requester sends a request and waits for its reply. [*nats.Conn] is one, and so is [*Client], which is faster.
// Whatever else implements it gets the caller's timeout and codec as headers of the message.
type Requester interface {
	// RequestMsgWithContext returns the first reply to msg. It returns ctx's error once ctx ends, and
	// [nats.ErrNoResponders] if nobody serves the subject.
	RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error)
}

// checkReply tells a reply from what stands in its place if nobody serves the subject.
func checkReply(reply *nats.Msg) error {
	switch {
	case reply == nil:
		return errors.New("the Requester returned neither a reply nor an error")
	case wire.IsNoResponders(reply):
		return nats.ErrNoResponders
	default:
		return nil
	}
}

// awaitDeadline waits for ctx to end if its deadline has passed. Timers are late: a service may notice first, and why ctx
// ends is known once it has. A context that does not keep its deadline is given up soon.
func awaitDeadline(ctx context.Context) {
	deadline, ok := ctx.Deadline()
	if !ok || time.Now().Before(deadline) {
		return
	}
	patience := time.NewTimer(maxTimerDelay)
	defer patience.Stop()
	select {
	case <-ctx.Done():
	case <-patience.C:
	}
}

// withDefaultTimeout gives ctx a deadline, unless it has one.
func withDefaultTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}
