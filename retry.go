package typednats

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

// Defaults of [Retry].
const (
	defaultBackoff    = 10 * time.Millisecond
	defaultMaxBackoff = time.Second
)

// Retry says how often, and when, a client sends a request again. A request is sent again only
//
//   - where nobody served the subject ([nats.ErrNoResponders]), which proves that nothing was run;
//   - for an endpoint that is [Endpoint.Idempotent], also where the service answered with code 503, where the
//     connection to the server was lost, and where no reply came within AttemptTimeout.
//
// All of it happens before the deadline of the call. The zero value sends a request once.
type Retry struct {
	// Attempts is how many times a request is sent at most, the first time included. 0 means 1.
	Attempts int

	// Backoff is how long the second attempt waits after the first. Each later wait is twice as long, up to
	// MaxBackoff; of each, a random half is left out so that clients do not move in step. 0 means 10 ms.
	Backoff time.Duration

	// MaxBackoff bounds the wait. 0 means 1 s.
	MaxBackoff time.Duration

	// AttemptTimeout is how long one attempt at an idempotent endpoint waits for its reply. 0 means as long as the
	// call does, so that such an attempt is not made again.
	AttemptTimeout time.Duration
}

func (p Retry) check(m *mistakes) {
	if p.Attempts < 0 {
		m.add("Retry.Attempts", fmt.Sprint(p.Attempts), errNegative)
	}
	for field, d := range map[string]time.Duration{
		"Retry.Backoff": p.Backoff, "Retry.MaxBackoff": p.MaxBackoff, "Retry.AttemptTimeout": p.AttemptTimeout,
	} {
		if d < 0 {
			m.add(field, d.String(), errNegative)
		}
	}
}

// run makes attempts until one counts, the attempts are used up, or ctx would end before the next one.
func (p Retry) run(
	ctx context.Context, idempotent bool, attempt func(context.Context) (*nats.Msg, error),
) (*nats.Msg, error) {
	if p.Attempts < 2 {
		return attempt(ctx)
	}
	backoff := p.backoff()
	for n := 1; ; n++ {
		reply, err := p.attempt(ctx, idempotent, attempt)
		if n >= p.Attempts || ctx.Err() != nil || !again(reply, err, idempotent) {
			return reply, err
		}
		if !sleep(ctx, backoff/2+rand.N(backoff/2+1)) { //nolint:gosec // nothing depends on its being secret
			return reply, err
		}
		backoff = min(2*backoff, p.maxBackoff())
	}
}

func (p Retry) attempt(
	ctx context.Context, idempotent bool, attempt func(context.Context) (*nats.Msg, error),
) (*nats.Msg, error) {
	if !idempotent || p.AttemptTimeout == 0 {
		return attempt(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, p.AttemptTimeout)
	defer cancel()
	return attempt(ctx)
}

// again reports whether sending the request once more can do no harm, and may help.
func again(reply *nats.Msg, err error, idempotent bool) bool {
	if errors.Is(err, nats.ErrNoResponders) {
		return true
	}
	if !idempotent {
		return false
	}
	if err != nil {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrDisconnected)
	}
	se := parseError(reply.Header, nil)
	return se != nil && se.Code == codeUnavailable && se.Type == ""
}

// sleep waits for d. It reports false at once where ctx ends before that.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p Retry) backoff() time.Duration {
	if p.Backoff == 0 {
		return defaultBackoff
	}
	return p.Backoff
}

func (p Retry) maxBackoff() time.Duration {
	if p.MaxBackoff == 0 {
		return defaultMaxBackoff
	}
	return p.MaxBackoff
}
