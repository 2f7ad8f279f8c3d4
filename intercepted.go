package typednats

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// interceptedCall is a call behind interceptors. It is not used again: one of them may leave a goroutine behind that
// calls next.
type interceptedCall struct {
	call

	inv        Invocation
	requester  Requester
	inside     Handler     // the call's own interceptors around the round trip
	mayHaveRun atomic.Bool // one of the calls of next, as far as they have ended
}

// intercepted is roundTrip behind the interceptors.
func (c *call) intercepted(ctx context.Context, r Requester, in, out any) error {
	i := &interceptedCall{call: *c, requester: r, inside: chain(c.interceptors, callOver)}
	inv := &i.inv
	*inv = Invocation{
		Side:       ClientSide,
		Endpoint:   c.name,
		Pattern:    c.subject,
		Subject:    c.target,
		Idempotent: c.idempotent,
		Request:    load(in),
		Header:     c.header,
		endpoint:   c.compiled,
		call:       i,
	}
	if inv.Header == nil {
		inv.Header = make(nats.Header)
	}
	around := c.around
	if around == nil {
		around = i.inside
	}
	reply, err := around(ctx, inv)
	if c.replyHeader != nil {
		*c.replyHeader = inv.ReplyHeader
	}
	if err != nil {
		return err
	}
	if err := c.checkReplyType(reply); err != nil {
		return c.fail(fmt.Errorf("%w: %w", ErrInvalidConfig, err))
	}
	store(out, reply)
	return nil
}

// callInside is the [Handler] inside a client's interceptors: those of the call.
func callInside(ctx context.Context, inv *Invocation) (any, error) {
	if inv == nil || inv.call == nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidConfig, errInvocation)
	}
	return inv.call.inside(ctx, inv)
}

// callOver is the [Handler] inside all interceptors: the call over the wire.
func callOver(ctx context.Context, inv *Invocation) (any, error) {
	if inv == nil || inv.call == nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidConfig, errInvocation)
	}
	return inv.call.again(ctx, inv)
}

// again makes the call with what inv says. Several may be under way at a time, and some after the call has returned: each
// has a call and a reply of its own.
func (i *interceptedCall) again(ctx context.Context, inv *Invocation) (any, error) {
	c := i.call
	c.sent.earlier = i.mayHaveRun.Load()
	inv.ReplyHeader = nil
	var m mistakes
	checkHeader(inv.Header, &m)
	if ctx == nil {
		m.add("context", "nil", errNil)
	}
	if err := c.checkRequestType(inv.Request); err != nil {
		m = append(m, err)
	}
	if err := m.join(ErrInvalidConfig); err != nil {
		return nil, c.fail(err)
	}
	c.header = inv.Header
	ctx, cancel := withDefaultTimeout(ctx, c.timeout)
	defer cancel()
	out := reflect.New(c.out.Type).Interface()
	header, err := c.roundTrip(ctx, i.requester, c.in.slotOf(inv.Request), out)
	if c.sent.last {
		i.mayHaveRun.Store(true)
	}
	inv.ReplyHeader = header
	if err != nil {
		return nil, err
	}
	return load(out), nil
}
