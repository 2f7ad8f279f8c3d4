package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// outcome is what became of a call.
type outcome string

const (
	answered       outcome = "answered"
	declared       outcome = "declared error"
	undecodable    outcome = "service error 400"
	unsupported    outcome = "service error 415"
	ownCode        outcome = "service error 418"
	failed         outcome = "service error 500"
	overloaded     outcome = "service error 503"
	noResponders   outcome = "no responders"
	timedOut       outcome = "timed out"
	timedOutThere  outcome = "timed out, which the service noticed first"
	cancelled      outcome = "cancelled"
	cancelledThere outcome = "cancelled, which the service noticed first"
	tooLarge       outcome = "request too large"
	disconnected   outcome = "connection closed or lost"
	drained        outcome = "connection drained"
	neverReturned  outcome = "never returned"
)

// classify turns a call's error into its outcome. What it does not know keeps its text.
func classify(err error) outcome {
	if err == nil {
		return answered
	}
	if _, ok := errors.AsType[mishap](err); ok {
		return declared
	}
	se, answers := errors.AsType[*typednats.ServiceError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && answers:
		return timedOutThere
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut
	case errors.Is(err, context.Canceled) && answers:
		return cancelledThere
	case errors.Is(err, context.Canceled):
		return cancelled
	case answers:
		return classifyAnswer(se)
	case errors.Is(err, nats.ErrNoResponders):
		return noResponders
	case errors.Is(err, nats.ErrMaxPayload):
		return tooLarge
	case errors.Is(err, nats.ErrConnectionDraining):
		return drained
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, typednats.ErrClientClosed):
		return disconnected
	}
	if _, ok := errors.AsType[*net.OpError](err); ok { // the connection was lost while the request was written
		return disconnected
	}
	return outcome(err.Error())
}

// classifyAnswer has the code for what a service says, if it says why as it should.
func classifyAnswer(se *typednats.ServiceError) outcome {
	refusals := map[int]string{
		400: typednats.RefusedDecode, 415: typednats.RefusedCodec, 503: typednats.RefusedOverload, 418: "", 500: "",
	}
	if why, ok := refusals[se.Code]; ok && se.Refused == why {
		return outcome(fmt.Sprintf("service error %d", se.Code))
	}
	return outcome(fmt.Sprintf("%v (refused: %q)", se, se.Refused))
}

// isLoss reports whether a call may end so because of a violent fault.
func (o outcome) isLoss() bool {
	return slices.Contains([]outcome{timedOut, timedOutThere, disconnected, noResponders}, o)
}
