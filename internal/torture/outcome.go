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
	answered      outcome = "answered"
	declared      outcome = "declared error"
	undecodable   outcome = "service error 400"
	ended         outcome = "service error 408"
	unsupported   outcome = "service error 415"
	failed        outcome = "service error 500"
	overloaded    outcome = "service error 503"
	expired       outcome = "service error 504"
	noResponders  outcome = "no responders"
	timedOut      outcome = "timed out"
	cancelled     outcome = "cancelled"
	tooLarge      outcome = "request too large"
	disconnected  outcome = "connection closed or lost"
	neverReturned outcome = "never returned"
)

// classify turns a call's error into its outcome. What it does not know keeps its text.
func classify(err error) outcome {
	if err == nil {
		return answered
	}
	if _, ok := errors.AsType[refusal](err); ok {
		return declared
	}
	if se, ok := errors.AsType[*typednats.ServiceError](err); ok {
		out := outcome(fmt.Sprintf("service error %d", se.Code))
		if out == overloaded && se.Description != "too many requests" {
			return outcome(se.Error())
		}
		return out
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return noResponders
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut
	case errors.Is(err, context.Canceled):
		return cancelled
	case errors.Is(err, nats.ErrMaxPayload):
		return tooLarge
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, typednats.ErrClientClosed):
		return disconnected
	default:
		if _, ok := errors.AsType[*net.OpError](err); ok { // the connection was lost while the request was written
			return disconnected
		}
		return outcome(err.Error())
	}
}

// isLoss reports whether a call may end so because of a violent fault.
func (o outcome) isLoss() bool {
	return slices.Contains([]outcome{timedOut, disconnected, noResponders}, o)
}

// wasRun reports whether a handler must have run, and notRun whether none can have.
func (o outcome) wasRun() bool {
	return slices.Contains([]outcome{answered, declared, failed, ended}, o)
}

func (o outcome) notRun() bool {
	return slices.Contains([]outcome{undecodable, unsupported, overloaded, expired, noResponders, tooLarge}, o)
}
