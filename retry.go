package typednats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// Defaults of [Retry].
const (
	defaultBackoff    = 10 * time.Millisecond
	defaultMaxBackoff = time.Second
)

// maxBudget is more than anybody needs, and few enough to reckon with.
const maxBudget = 1_000_000

// Retry says how often, and when, a client sends a request again:
//
//   - for every endpoint if nothing was run: nobody served the subject ([nats.ErrNoResponders]), the service refused the
//     request because it was overloaded or stopping ([RefusedOverload], [RefusedStopping]), or the connection was down
//     and kept nothing to send it later ([nats.ReconnectBufSize]). A refusal proves nothing for an endpoint that runs on
//     every instance ([Endpoint.WithoutQueueGroup]);
//   - for an endpoint that is [Endpoint.Idempotent] also if a handler answered with code 503, if the connection was lost
//     while the attempt waited, and if AttemptTimeout was over, whether client or service noticed that.
//
// An attempt at an idempotent endpoint ends when the connection is lost, unless it is the last one. The next one, and
// the first one of a call that is made meanwhile, is sent when the connection is back. A request that the server
// refuses for lack of a permission is not sent again. All of it happens before the deadline of the call. The zero value
// sends a request once.
//
// A service in trouble is not drowned: the requests that a client sends again because a service is overloaded, answers
// 503 or does not answer in time are bounded by Budget. A call beyond that ends as its last attempt has. What is sent
// again because a service stops, nobody serves the subject, or the connection was lost does not count.
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

	// Budget is how many requests the client sends again for each of its calls at most, on average, and beside that one a
	// second; up to ten at once. 0 means 0.1, a tenth of the calls. Attempts, or more, is no bound.
	Budget float64
}

func (p *Retry) check(m *mistakes) {
	if p.Attempts < 0 {
		m.add("Retry.Attempts", fmt.Sprint(p.Attempts), errNegative)
	}
	if !(p.Budget >= 0 && p.Budget <= maxBudget) { // which is false for what is no number
		m.add("Retry.Budget", fmt.Sprint(p.Budget), fmt.Errorf("want 0 to %d", maxBudget))
	}
	for field, d := range map[string]time.Duration{
		"Retry.Backoff": p.Backoff, "Retry.MaxBackoff": p.MaxBackoff, "Retry.AttemptTimeout": p.AttemptTimeout,
	} {
		if d < 0 {
			m.add(field, d.String(), errNegative)
		}
	}
}

// isOn reports whether a request may be sent more than once.
func (p *Retry) isOn() bool { return p.Attempts > 1 }

// attemptTimeout is how long one attempt waits; 0 means as long as the call does.
func (p *Retry) attemptTimeout(idempotent bool) time.Duration {
	if !idempotent || !p.isOn() {
		return 0
	}
	return p.AttemptTimeout
}

// budget is what a call gives for sending again.
func (p *Retry) budget() float64 { return cmp.Or(p.Budget, defaultBudget) }

// isBounded reports whether the budget says less than Attempts.
func (p *Retry) isBounded() bool { return p.isOn() && p.budget() < float64(p.Attempts) }

// allows reports whether a request may be sent again after n attempts, the last of which ended with reply or err. It
// has waited then for as long as the next attempt must, unless ctx ends before that.
func (p *Retry) allows(ctx context.Context, n int, c *compiled, b *budget, reply *nats.Msg, err error) bool {
	if n >= p.Attempts || ctx.Err() != nil || !isHarmless(c, reply, err) {
		return false
	}
	backoff := p.backoff(n)
	wait := backoff/2 + rand.N(backoff/2+1) //nolint:gosec // nothing depends on its being secret
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false // and nothing is taken from the budget
	}
	if b != nil && isBurden(reply, err) && !b.spend() {
		return false
	}
	return sleep(ctx, wait)
}

// backoff is the wait after n attempts.
func (p *Retry) backoff(n int) time.Duration {
	wait, most := cmp.Or(p.Backoff, defaultBackoff), cmp.Or(p.MaxBackoff, defaultMaxBackoff)
	for range n - 1 {
		if wait = min(2*wait, most); wait == most {
			break
		}
	}
	return wait
}

// isHarmless reports whether sending a request once more can do no harm, and may help. It does not help if the server
// refuses the request.
func isHarmless(c *compiled, reply *nats.Msg, err error) bool {
	if err != nil {
		switch disconnected := errors.Is(err, nats.ErrDisconnected); {
		case errors.Is(err, nats.ErrNoResponders), disconnected && wasNotSent(err): // nobody has it
			return true
		case errors.Is(err, nats.ErrPermissionViolation):
			return false
		default:
			return c.idempotent && (disconnected || errors.Is(err, context.DeadlineExceeded))
		}
	}
	e, failed := wire.ParseErrorReply(reply.Header)
	if !failed {
		return false
	}
	return e.NeverRan() && !c.runsOnAll() || c.idempotent && (e.IsUnavailable() || e.IsTimeUp())
}

// isBurden reports whether an attempt ended because a service has too much to do, perhaps: the next one adds to that.
func isBurden(reply *nats.Msg, err error) bool {
	if err != nil {
		return !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, nats.ErrDisconnected) && !wasNotSent(err)
	}
	e, _ := wire.ParseErrorReply(reply.Header)
	return !e.IsStopping()
}

// sleep waits for d. It reports false if ctx ends before that.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
