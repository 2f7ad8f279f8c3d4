package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

const (
	// slack is how long after its deadline, or after it was cancelled, a call may return on a busy machine.
	slack = 3 * time.Second

	// maxPause is the longest that a worker waits between two calls.
	maxPause = 20 * time.Millisecond
)

// caller is one way to call, on a connection of its own.
type caller struct {
	nc        *nats.Conn
	requester typednats.Requester
}

// load makes calls and checks what comes back.
type load struct {
	*shared
	callers []*caller

	workers  sync.WaitGroup
	underway atomic.Int64
}

// newCallers opens connections: two with retries, two bare, one with retries that sends headers in place of reply
// tokens, one with a client that changes nothing.
func newCallers(c *cluster) ([]*caller, error) {
	retry := typednats.WithRetry(typednats.Retry{
		Attempts: 6, MaxBackoff: 200 * time.Millisecond, AttemptTimeout: 2 * time.Second,
	})
	var callers []*caller
	for i, wrap := range []func(*nats.Conn) typednats.Requester{
		func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc, retry) },
		func(nc *nats.Conn) typednats.Requester { return nc },
		func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc) },
		func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc, retry) },
		func(nc *nats.Conn) typednats.Requester { return nc },
		func(nc *nats.Conn) typednats.Requester {
			return typednats.NewClient(nc, retry, typednats.WithoutReplyToken())
		},
	} {
		nc, err := c.connect(i)
		if err != nil {
			return callers, fmt.Errorf("connect caller %d: %w", i, err)
		}
		callers = append(callers, &caller{nc: nc, requester: wrap(nc)})
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
				l.call(context.WithoutCancel(ctx), c, l.contract.newPlan(random)) // it ends by itself
				pause(ctx, time.Duration(random.Int64N(int64(maxPause))))
			}
		})
	}
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
		calls.Go(func() { l.call(context.Background(), l.callers[i%len(l.callers)], p) })
	}
	calls.Wait()
}

// call makes one call and enters it into the account.
func (l *load) call(parent context.Context, c *caller, p plan) {
	l.underway.Add(1)
	defer l.underway.Add(-1)
	p.caller = slices.Index(l.callers, c)
	p.request.Run, p.request.ID = l.ledger.run, l.ledger.newCall(p.again)
	start := time.Now()
	ctx, end := context.WithTimeout(parent, p.timeout)
	defer end()
	due := start.Add(p.timeout)
	if p.cancel > 0 {
		timer := time.AfterFunc(p.cancel, end)
		defer timer.Stop()
		due = start.Add(p.cancel)
	}
	reply, err := p.do(ctx, c.requester, p.request)
	l.judge(&p, reply, err, start, due)
}

// judge compares what came back with what was promised.
func (l *load) judge(p *plan, reply answer, err error, start, due time.Time) {
	id, out := p.request.ID, classify(err)
	l.account.enter(p.kind, out)
	if late := time.Since(due); late > slack {
		l.account.brokenf(noneLate, "call %d (%s) returned %v after it was due: %s", id, p.kind, late, out)
	}
	refused, isRefused := errors.AsType[refusal](err)
	if err == nil && reply.ID != id || isRefused && refused.ID != id {
		l.account.brokenf(noneForeign, "call %d (%s) got %d", id, p.kind, max(reply.ID, refused.ID))
	}
	if times := l.ledger.times(id); out.wasRun() && times == 0 || out.notRun() && times > 0 && !p.again {
		l.account.brokenf(noneUntrue, "call %d (%s) ran %d times: %s", id, p.kind, times, out)
	}
	switch {
	case p.allows(out):
	case out.isLoss() && l.account.disturbed(start):
		l.account.excuse()
	case out.isLoss():
		l.account.brokenf(noneLost, "call %d (%s) by caller %d ran %d times, began at %.3fs, lasted %v: %s",
			id, p.kind, p.caller, l.ledger.times(id), start.Sub(l.account.start).Seconds(), time.Since(start).Round(time.Millisecond), out)
	default:
		l.account.brokenf(noneUnexpected, "call %d (%s): %v", id, p.kind, err)
	}
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
		if n := c.nc.NumSubscriptions(); n > allowed {
			l.account.brokenf(leavesNothing, "caller %d has %d subscriptions, want at most %d", i, n, allowed)
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
