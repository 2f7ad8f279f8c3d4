package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

const (
	// maxPause is the longest that a worker waits between two calls.
	maxPause = 20 * time.Millisecond
)

// caller is one way to call, on a connection of its own.
type caller struct {
	nc        *nats.Conn
	requester typednats.Requester
	retries   bool
}

// load makes calls and checks what comes back.
type load struct {
	*shared
	callers []*caller

	workers sync.WaitGroup
}

// newCallers opens connections: two with retries, two bare, one with retries that sends headers in place of reply
// tokens, one with a client that changes nothing. The last two are guests from another account.
func newCallers(c *cluster) ([]*caller, error) {
	retry := typednats.WithRetry(typednats.Retry{
		Attempts: 6, MaxBackoff: 200 * time.Millisecond, AttemptTimeout: 2 * time.Second,
	})
	const members = 6
	var callers []*caller
	client := func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc) }
	bare := func(nc *nats.Conn) typednats.Requester { return nc }
	retrying := func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc, retry) }
	withHeaders := func(nc *nats.Conn) typednats.Requester {
		return typednats.NewClient(nc, retry, typednats.WithoutReplyToken())
	}
	for i, kind := range []struct {
		wrap    func(*nats.Conn) typednats.Requester
		retries bool
	}{
		{retrying, true}, {bare, false}, {client, false}, {retrying, true}, {bare, false}, {withHeaders, true},
		{client, false}, {bare, false},
	} {
		user := callerUser
		if i >= members {
			user = guestUser
		}
		nc, err := c.connect(i, user)
		if err != nil {
			return callers, fmt.Errorf("connect caller %d: %w", i, err)
		}
		callers = append(callers, &caller{nc: nc, requester: kind.wrap(nc), retries: kind.retries})
	}
	return callers, nil
}

// start starts workers that make calls until ctx ends.
func (l *load) start(ctx context.Context, n int, seed uint64) {
	for i := range n {
		l.workers.Go(func() {
			random := newRandom(seed, uint64(i)+1) //nolint:gosec // i is not negative
			c := l.callers[i%len(l.callers)]
			for ctx.Err() == nil {
				_ = l.call(context.WithoutCancel(ctx), c, l.contract.newPlan(random)) // it ends by itself
				pause(ctx, time.Duration(random.Int64N(int64(maxPause))))
			}
		})
	}
}

// steady are the callers that send a request once and wait for what becomes of it.
func (l *load) steady() []*caller {
	return slices.DeleteFunc(slices.Clone(l.callers), func(c *caller) bool { return c.retries })
}

// wait waits for the workers' last calls. It returns how many calls have not returned long after their deadlines.
func (l *load) wait() int {
	if !within(patience+2*slack, l.workers.Wait) {
		return int(l.underway.Load())
	}
	return 0
}

// burst makes n slow calls at once.
func (l *load) burst(n int, random *rand.Rand) {
	var calls sync.WaitGroup
	for i := range n {
		p := l.contract.slowPlan(random)
		calls.Go(func() { _ = l.call(context.Background(), l.callers[i%len(l.callers)], p) })
	}
	calls.Wait()
}

// call makes one call and enters it into the account. Its error is accounted for.
func (l *load) call(parent context.Context, c *caller, p plan) error {
	l.enter(&p, c)
	start, due := time.Now(), p.timeout
	ctx, end := context.WithTimeout(parent, p.timeout)
	defer end()
	if p.cancel > 0 {
		timer := time.AfterFunc(p.cancel, end)
		defer timer.Stop()
		due = p.cancel
	}
	return l.make(ctx, c.requester, &p, start, due)
}

// enter completes the request of a call that is about to be made.
func (l *load) enter(p *plan, c *caller) {
	p.caller = slices.Index(l.callers, c)
	p.request.Run, p.request.ID, p.request.WaitMS = l.ledger.run, l.ledger.newCall(p.again), milliseconds(p.timeout)
}

// close closes the clients and their connections, and checks that the clients leave nothing on them.
func (l *load) close() {
	for i, c := range l.callers {
		allowed := 1 // the connection's own, for bare requests
		if client, ok := c.requester.(*typednats.Client); ok {
			allowed = 0
			if err := client.Close(); err != nil {
				l.account.brokenf(leavesNothing, "caller %d: %v", i, err)
			}
		}
		// nats.go ends a subscription that was drained, as those of questions are, a little later.
		if !awaitTrue(closeTime, func() bool { return c.nc.NumSubscriptions() <= allowed }) {
			l.account.brokenf(leavesNothing, "caller %d has %d subscriptions, want at most %d", i, c.nc.NumSubscriptions(), allowed)
		}
		c.nc.Close()
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// within reports whether f returned within d.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
