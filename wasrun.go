package typednats

import (
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// WasRun tells from the error of a call whether the endpoint's handler was run for it. If that is not known, because the
// reply may have been lost or the handler may still be running, it reports false twice.
//
// err is what [RequestService] or [Request] returned; nil is a reply. An error of a client's own interceptor counts as
// an answer, since a declared error looks the same, and so does a declared error of a [Guard] or of [Validation]. If the
// request was sent more than once, the answer is about all attempts. A service that does not use this library says nothing
// of its refusals: what it answers counts as run.
func WasRun(err error) (run, known bool) {
	failed, ok := errors.AsType[*CallError](err)
	if !ok {
		return true, true
	}
	return failed.run == ran, failed.run != perhapsRan
}

// execution says whether a handler was run for a call.
type execution int

const (
	perhapsRan execution = iota
	neverRan
	ran
)

// attempts is what is known of the attempts at a call.
type attempts struct {
	earlier bool // one before the last may have been run
	last    bool // the last one may have been run
}

// begin is called before each attempt.
func (a *attempts) begin() { a.earlier = a.earlier || a.last }

// end is called with what came of an attempt at an endpoint.
func (a *attempts) end(c *compiled, reply *nats.Msg, err error) {
	if err != nil {
		a.last = !wasNotSent(err)
		return
	}
	e, failed := wire.ParseErrorReply(reply.Header)
	a.last = !failed || e.Refused == "" || c.runsOnAll()
}

// executionOf tells from the error with which a call ends whether a handler was run for it.
func (c *call) executionOf(err error) execution {
	se, isReply := errors.AsType[*ServiceError](err)
	isReply = isReply && !errors.Is(err, ErrInvalidRequest) // which may wrap one of the request's own
	switch {
	case isReply && se.Refused == "", errors.Is(err, ErrDecodeReply):
		return ran
	case c.sent.earlier:
		return perhapsRan
	case wasNotSent(err), isReply && !c.runsOnAll():
		return neverRan
	default:
		return perhapsRan
	}
}

// wasNotSent reports whether an error proves that no service got the request.
func wasNotSent(err error) bool {
	for _, proof := range [...]error{
		nats.ErrNoResponders, nats.ErrMaxPayload, nats.ErrReconnectBufExceeded,
		ErrEncodeRequest, ErrInvalidRequest, ErrInvalidEndpoint, ErrInvalidConfig,
	} {
		if errors.Is(err, proof) {
			return true
		}
	}
	_, unsent := errors.AsType[unsentError](err)
	return unsent
}
