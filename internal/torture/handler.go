package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
)

// maxNap bounds how long a handler sleeps: for a stranger so long that cancellations find it, if there are handlers to
// spare.
const (
	maxNap      = 40 * time.Millisecond
	strangerNap = 2500 * time.Millisecond
)

// handler serves one endpoint of one instance, and counts what it does: statistics and reports must agree with it.
type handler struct {
	*shared

	maxNap time.Duration
	onward []typednats.Requester // for calls of its own

	isDraining func() bool // the connection

	ran, succeeded atomic.Int64
	napping        atomic.Int64 // now
	reset          atomic.Bool  // statistics were reset since it was added

	owed, reported atomic.Int64 // failures that the owner must be told of, and those that it was told of
}

// begin notes that the handler runs, and looks at what it was told of its caller.
func (h *handler) begin(ctx context.Context, q question) {
	h.ran.Add(1)
	h.ledger.ran(q)
	if q.Run != h.ledger.run {
		return
	}
	deadline, ok := ctx.Deadline()
	switch left := time.Until(deadline); {
	case !ok:
		h.account.brokenf(allBounded, "call %d has no deadline", q.ID)
	case left > time.Duration(q.WaitMS)*time.Millisecond:
		h.account.brokenf(allBounded, "call %d has %v left, and its caller waits for %d ms", q.ID, left, q.WaitMS)
	}
}

func (h *handler) handle(ctx context.Context, q question) (answer, error) {
	h.begin(ctx, q)
	if err := h.nap(ctx, q); err != nil {
		return answer{}, h.fail(ctx, err)
	}
	reply := answer{ID: q.ID}
	switch q.Mode {
	case modePanic:
		panic("asked to panic: " + secret) //nolint:forbidigo // panics of handlers are what is tried
	case modeGoexit:
		runtime.Goexit()
	case modeUndeclared:
		return answer{}, h.fail(ctx, errors.New("asked to fail: "+secret))
	case modeDeclared:
		return answer{}, refusal{ID: q.ID, For: q.For}
	case modeGrudge:
		return answer{}, grudge{ID: q.ID}
	case modeOwnCode:
		return answer{}, typednats.Errorf(codeOwn, "%s", secret)
	case modeUnencodable:
		reply.Poison = make(chan int)
		return reply, nil
	case modeTooLarge:
		reply.Pad = make([]byte, maxPayload)
		return reply, nil
	case modeFine:
	}
	h.succeeded.Add(1)
	return reply, nil
}

// nap sleeps as long as the caller asks for, and not longer than the caller waits.
func (h *handler) nap(ctx context.Context, q question) error {
	if q.Hold && q.Run == h.ledger.run {
		return h.hold(ctx)
	}
	nap := time.Duration(q.NapMS) * time.Millisecond
	if nap <= 0 {
		return nil
	}
	vanishing := h.told.find(q, h.ledger.run)
	if vanishing != nil {
		vanishing.started <- struct{}{}
	} else {
		nap = min(nap, h.maxNap)
	}
	if q.Run == h.ledger.run {
		h.napping.Add(1)
		defer h.napping.Add(-1)
	}
	timer := time.NewTimer(nap)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	h.hearGone(ctx)
	if vanishing != nil {
		vanishing.gone <- struct{}{}
	}
	return fmt.Errorf("nap: %w", ctx.Err())
}

// hold waits until the gate is open, and not longer than the caller waits.
func (h *handler) hold(ctx context.Context) error {
	if err := h.gate.pass(ctx); err != nil {
		h.hearGone(ctx)
		return fmt.Errorf("wait at the gate: %w", err)
	}
	return nil
}

// hearGone counts the handlers that are told why their time is over.
func (h *handler) hearGone(ctx context.Context) {
	if errors.Is(context.Cause(ctx), typednats.ErrCallerGone) {
		h.account.hear("handlers told that their caller is gone")
	}
}

// failure is an undeclared error of a handler.
type failure struct {
	error

	handler *handler
	ended   bool // it is the end of the context: the caller's affair, and none of the owner's
}

// Unwrap returns the error.
func (f *failure) Unwrap() error { return f.error }

// fail marks an error that a handler returns, so that a report of it can be told.
func (h *handler) fail(ctx context.Context, err error) error {
	f := &failure{error: err, handler: h}
	if end := ctx.Err(); end != nil {
		f.ended = errors.Is(err, end)
	}
	if !f.ended {
		h.owed.Add(1)
	}
	return f
}

// compare returns where the statistics of a drained endpoint, and its reports, disagree with what the handler did.
func (h *handler) compare(s *micro.EndpointStats) error {
	ran, succeeded := h.ran.Load(), h.succeeded.Load()
	requests, failed := int64(s.NumRequests), int64(s.NumErrors)
	switch {
	case failed > requests:
		return errors.New("num_errors is larger than num_requests")
	case h.reset.Load():
		if requests-failed > succeeded {
			return errors.New("more successes are counted than happened")
		}
	case requests-failed != succeeded:
		return errors.New("the successes that are counted are not those that happened")
	case ran > requests:
		return errors.New("more requests were run than are counted")
	}
	return nil
}
