package typednatsotel

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// otherCode stands for all codes that are none in the sense of HTTP.
const otherCode = -1

// ending is how a request has ended, as far as series are told apart by it. Each field has few values.
type ending struct {
	ok     bool   // there is a reply
	code   int    // that of an error reply, or otherCode; 0 if none came
	tag    string // that of a declared error, or _OTHER
	failed bool
	reason string // the value of error.type, if it has failed without a code
}

// newEnding returns how a request has ended.
func newEnding(o *typednats.Observation, failed bool) ending {
	e := ending{ok: o.Outcome == typednats.OutcomeOK, code: codeOf(o), tag: tagOf(o), failed: failed}
	if failed && e.code == 0 {
		e.reason = reasonOf(o.Err)
	}
	return e
}

// hasFailed is what counts as failed by default. A service has not failed if its caller is told what is wrong with the
// request, as with the codes below 500 of HTTP.
func hasFailed(o *typednats.Observation) bool {
	switch o.Outcome {
	case typednats.OutcomeOK, typednats.OutcomeDeclared:
		return false
	case typednats.OutcomeUnanswered:
		return true
	default:
		return o.Side == typednats.ClientSide || o.Code >= 500
	}
}

// codeOf returns the code of an error reply. A client gets it from a service, which may say anything.
func codeOf(o *typednats.Observation) int {
	if o.Code != 0 && (o.Code < 100 || o.Code > 599) {
		return otherCode
	}
	return o.Code
}

// tagOf returns the tag of a declared error. One that the endpoint does not know was made up elsewhere.
func tagOf(o *typednats.Observation) string {
	if o.Tag != "" || o.Side != typednats.ClientSide || o.Code == 0 {
		return o.Tag
	}
	if se, ok := errors.AsType[*typednats.ServiceError](o.Err); ok && se.Type != "" {
		return other
	}
	return ""
}

// refusedOf returns the word for why a service did not run the handler.
func refusedOf(o *typednats.Observation) string {
	switch o.Refused {
	case "", typednats.RefusedOverload, typednats.RefusedStopping, typednats.RefusedExpired, typednats.RefusedAbandoned,
		typednats.RefusedCodec, typednats.RefusedDecode, typednats.RefusedGuard, typednats.RefusedInvalid:
		return o.Refused
	default:
		return other
	}
}

// reasonOf returns why there is no code. A call whose time was over because the connection was down says the latter.
func reasonOf(err error) string {
	for _, reason := range [...]struct {
		err  error
		name string
	}{
		{typednats.ErrEncodeRequest, encode},
		{typednats.ErrDecodeReply, decode},
		{context.Canceled, canceled},
		{nats.ErrNoResponders, noResponders},
		{nats.ErrDisconnected, disconnected},
		{nats.ErrConnectionClosed, disconnected},
		{nats.ErrConnectionDraining, disconnected},
		{nats.ErrReconnectBufExceeded, disconnected},
		{typednats.ErrClientClosed, disconnected},
		{context.DeadlineExceeded, timeout},
		{nats.ErrTimeout, timeout},
	} {
		if errors.Is(err, reason.err) {
			return reason.name
		}
	}
	return other
}
