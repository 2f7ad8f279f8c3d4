package typednats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/lazy"
)

// interceptedCall is a call behind interceptors, with all that they need in one allocation. It is not used again: one of
// them may leave a goroutine behind that calls next.
type interceptedCall struct {
	call

	ctx        lazy.Context // if the caller's has no deadline
	inv        Invocation
	handoff    handoff
	requester  Requester
	inside     Handler     // the call's own interceptors around the round trip
	mayHaveRun atomic.Bool // one of the calls of next, as far as they have ended

	in, out any         // pointers
	taken   atomic.Bool // in and out, by one call of next; each other one has its own
}

// make makes the call with the request that in points to. The reply is an Out, or nil if it is the zero one. It may not be
// what out points to: a goroutine that was left behind may still write there.
func (i *interceptedCall) make(ctx context.Context, r Requester, c *call, in, out any) (any, error) {
	i.call, i.requester, i.in, i.out = *c, r, in, out
	inside, err := chain(c.interceptors, callOver)
	if err != nil {
		return nil, c.fail(fmt.Errorf("%w: %w", ErrInvalidConfig, err))
	}
	i.inside = inside
	i.inv = Invocation{
		Side:       ClientSide,
		Endpoint:   c.name,
		Pattern:    c.subject,
		Subject:    c.target,
		Idempotent: c.idempotent,
		Request:    load(in),
		Header:     c.header,
		endpoint:   c.compiled,
		call:       i,
		handoff:    &i.handoff,
	}
	if i.inv.Header == nil {
		i.inv.Header = make(nats.Header)
	}
	if _, ok := ctx.Deadline(); !ok {
		i.ctx.Begin(ctx)
		i.ctx.SetDeadline(time.Now().Add(c.timeout))
		defer i.ctx.End(context.Canceled)
		ctx = &i.ctx
	}
	around := c.around
	if around == nil {
		around = i.inside
	}
	reply, err := around(ctx, &i.inv)
	header := i.handoff.take(&i.inv)
	if c.replyHeader != nil {
		*c.replyHeader = header
	}
	if err == nil {
		err = c.checkReplyType(reply)
	} else if !errors.Is(err, errInvocation) || isCallError(err) {
		return nil, err
	}
	if err != nil {
		c.sent.earlier = i.taken.Load() // whatever an interceptor has made of it, it may have been run
		return nil, c.fail(fmt.Errorf("%w: %w", ErrInvalidConfig, err))
	}
	return c.out.exactly(reply), nil
}

// callInside is the [Handler] inside a client's interceptors: those of the call.
func callInside(ctx context.Context, inv *Invocation) (any, error) {
	if inv == nil || inv.call == nil {
		return nil, errInvocation
	}
	return inv.call.inside(ctx, inv)
}

// callOver is the [Handler] inside all interceptors: the call over the wire.
func callOver(ctx context.Context, inv *Invocation) (any, error) {
	if inv == nil || inv.call == nil {
		return nil, errInvocation
	}
	return inv.call.again(ctx, inv)
}

// again makes the call with what inv says. Several may be under way at a time, and some after the call has returned: each
// has a call and a reply of its own.
func (i *interceptedCall) again(ctx context.Context, inv *Invocation) (any, error) {
	c := i.call
	c.sent.earlier = i.mayHaveRun.Load()
	number := i.handoff.begin(inv, func() { inv.ReplyHeader = nil })
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
	c.header, c.onAttempt = inv.Header, inv.attempts
	ctx, cancel := withDefaultTimeout(ctx, c.timeout)
	defer cancel()
	in, out := i.in, i.out
	if i.taken.Swap(true) {
		in, out = c.in.newSlot(), c.out.newSlot()
	}
	store(in, inv.Request)
	header, err := c.roundTrip(ctx, i.requester, in, out)
	if c.sent.earlier || c.sent.last {
		i.mayHaveRun.Store(true)
	}
	i.handoff.end(inv, number, func() { inv.ReplyHeader = header })
	if err != nil {
		return nil, err
	}
	return load(out), nil
}
