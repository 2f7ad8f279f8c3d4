package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

const (
	// questionHeader has the question beside a number, and comes back in the reply.
	questionHeader = "Torture-Question"

	// In msgpack, these numbers are one byte each: a digit, and so another number in JSON.
	firstNumber = '0'
	lastNumber  = '9'
)

// double is the handler of numbers.
func (h *handler) double(ctx context.Context, r *typednats.ServiceRequest[int]) (int, error) {
	var q question
	value := r.Header.Get(questionHeader)
	if json.Unmarshal([]byte(value), &q) != nil { // garbage
		q = question{}
	}
	h.begin(ctx, q)
	if q.Run == h.ledger.run && (r.Value < firstNumber || r.Value > lastNumber) {
		h.account.brokenf(noneMisread, "call %d was run with %d", q.ID, r.Value)
	}
	if q.Run == h.ledger.run {
		r.ReplyHeader().Set(questionHeader, value)
	}
	h.succeeded.Add(1)
	return 2 * r.Value, nil
}

// numberPlan sends a bare number in msgpack.
func (c contract) numberPlan(random *rand.Rand) plan {
	n := firstNumber + random.IntN(lastNumber-firstNumber+1)
	return plan{
		kind:    "number",
		timeout: patience,
		allowed: []outcome{answered},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			value, err := json.Marshal(q)
			if err != nil {
				return answer{}, err
			}
			var header nats.Header
			got, err := typednats.RequestService(ctx, r, c.number, n,
				typednats.WithHeader(questionHeader, string(value)), typednats.WithReplyHeader(&header))
			if err != nil {
				return answer{}, err
			}
			var back question
			err = json.Unmarshal([]byte(header.Get(questionHeader)), &back)
			if got != 2*n {
				err = errors.Join(err, fmt.Errorf("%d doubled is said to be %d", n, got))
			}
			return answer{ID: back.ID}, err
		},
	}
}
