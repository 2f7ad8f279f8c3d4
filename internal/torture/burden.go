package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typednats/typednats"
)

const (
	burdenSize = 200

	// burdenHeader is a header whose value is nearly all that a message may have; the rest of the request is small.
	burdenHeader = "Torture-Burden"
	burdenBytes  = maxPayload - 2<<10

	// burdenTimeout is longer than it takes to refuse all that there is no room for, on a busy machine.
	burdenTimeout = 4 * patience
)

// burden sends requests with large headers to handlers that do not return before all are refused that there is no room
// for. Headers count: each instance has room for a few.
func (s *saboteur) burden() {
	const room = fleetSize * (heavyConcurrent + heavyBytes/burdenBytes)
	begin := time.Now()
	open := s.load.gate.shut()
	defer open()
	value, callers := strings.Repeat("x", burdenBytes), s.load.steady()
	var calls sync.WaitGroup
	var returned atomic.Int64
	for i := range burdenSize {
		calls.Go(func() {
			_ = s.load.call(context.Background(), callers[i%len(callers)], s.load.contract.burdenPlan(value))
			returned.Add(1)
		})
	}
	if !awaitTrue(burdenTimeout/2, func() bool { return returned.Load() >= burdenSize-room }) && !s.account.disturbed(begin) {
		s.account.brokenf(keepsBounds, "after %v, %d of %d requests of %d bytes were refused, and there is room for %d",
			burdenTimeout/2, returned.Load(), burdenSize, burdenBytes, room)
	}
	open()
	calls.Wait()
}

// burdenPlan is a call with a large header that is not answered before the gate opens.
func (c contract) burdenPlan(value string) plan {
	return plan{
		kind: "large header", timeout: burdenTimeout, allowed: []outcome{answered, overloaded},
		request: question{Hold: true},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.heavy, q, typednats.WithHeader(burdenHeader, value))
		},
	}
}
