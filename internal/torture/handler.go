package main

import (
	"context"
	"errors"
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

// handler serves one endpoint of one instance, and counts what it does: statistics must agree with it.
type handler struct {
	*shared

	maxNap time.Duration

	ran, succeeded atomic.Int64
	reset          atomic.Bool // statistics were reset since it was added
}

func (h *handler) handle(ctx context.Context, q question) (answer, error) {
	h.ran.Add(1)
	h.ledger.ran(q)
	if err := h.nap(ctx, q); err != nil {
		return answer{}, err
	}
	reply := answer{ID: q.ID}
	switch q.Mode {
	case modePanic:
		panic("asked to panic") //nolint:forbidigo // panics of handlers are what is tried
	case modeGoexit:
		runtime.Goexit()
	case modeUndeclared:
		return answer{}, errors.New("asked to fail")
	case modeDeclared:
		return answer{}, refusal{ID: q.ID}
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
	timer := time.NewTimer(nap)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	if errors.Is(context.Cause(ctx), typednats.ErrCallerGone) {
		h.account.hear("handlers told that their caller is gone")
	}
	if vanishing != nil {
		vanishing.gone <- struct{}{}
	}
	return typednats.Errorf(codeEnded, "the context has ended")
}

// compare returns where the statistics of a drained endpoint disagree with what the handler did.
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
