package typednats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/replies"
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

// checkBareReply is checkReply for what did not come through a client's inbox, which passes acknowledgements over.
func checkBareReply(reply *nats.Msg, expects replies.Expectation) error {
	if err := checkReply(reply); err != nil {
		return err
	}
	if stream := wire.AcknowledgingStream(reply); stream != "" && expects != nil && !expects.IncludesAcknowledgement() {
		return replies.AcknowledgedError(stream)
	}
	return nil
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

// unsentError marks an error that came before anything was sent.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// publishError says of an error of publishing that the connection is down, if that is why. Before the first connection
// is made nats.go does not know of headers.
func publishError(nc *nats.Conn, err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrHeadersNotSupported) && nc.IsReconnecting() {
		return downError(err)
	}
	return err
}

// downError says of a request that it was not sent because the connection is down.
func downError(err error) error {
	return unsentError{fmt.Errorf("%w: the connection is down, and the request was not sent: %w", err, nats.ErrDisconnected)}
}

// bareError says more of the error of a Requester that is no Client. Of a connection it can be said whether it is down
// when the time is up, not what it was before: that would cost each call a lock.
func bareError(r Requester, err error) error {
	nc, ok := r.(*nats.Conn)
	switch {
	case !ok:
		return err
	case errors.Is(err, context.DeadlineExceeded) && nc.IsReconnecting():
		return replies.Disconnected(err)
	default:
		return publishError(nc, err)
	}
}

// withDefaultTimeout gives ctx a deadline, unless it has one.
func withDefaultTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}
