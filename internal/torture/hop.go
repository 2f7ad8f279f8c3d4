package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
)

// next is which call a hop makes. What is not listed is a call to the plain endpoint.
type next string

const (
	nextSlow   next = "slow"
	nextMoody  next = "moody"
	nextNobody next = "nobody"
	nextCodec  next = "not the codec"
	nextLarge  next = "too large"
)

// hop is the handler that calls another endpoint, with its own context. It hands on what became of that, and leaves it to
// the library to tell what is its caller's affair.
func (h *handler) hop(ctx context.Context, q question) (answer, error) {
	h.begin(ctx, q)
	p, start := h.contract.nextPlan(q), time.Now()
	if deadline, ok := ctx.Deadline(); ok {
		p.timeout = deadline.Sub(start)
	}
	id := h.ledger.newCall(p.again)
	p.request.Run, p.request.ID, p.request.For = h.ledger.run, id, q.ID
	p.request.WaitMS = milliseconds(p.timeout)
	requester := h.onward[id%uint64(len(h.onward))]
	if _, ok := requester.(*typednats.Client); ok {
		p.allowed = append(p.allowed, drained)
	}
	err := h.make(ctx, requester, &p, start, p.timeout)
	if err != nil {
		if errors.Is(err, nats.ErrConnectionDraining) {
			h.noteCutOff(q, err)
		}
		err = fmt.Errorf("hop: %w", err)
		if _, ok := errors.AsType[refusal](err); ok {
			return answer{}, err
		}
		return answer{}, h.fail(ctx, err)
	}
	h.succeeded.Add(1)
	return answer{ID: q.ID}, nil
}

// noteCutOff notes that a hop's own call ended because it waited when the connection was drained. That is no promise
// broken, if it was.
func (h *handler) noteCutOff(q question, err error) {
	if !h.isDraining() {
		h.account.brokenf(noneUnexpected, "a call of the hop %d: %v, and it is not drained", q.ID, err)
		return
	}
	h.account.hear("calls of hops that waited when the connection was drained")
	if q.Run == h.ledger.run {
		h.cutOff.Store(q.ID, true)
	}
}

// nextPlan is the call that a hop makes. It ends with the hop's context, whose end is accounted for at its caller.
func (c contract) nextPlan(q question) plan {
	p := plan{timeout: typednats.DefaultTimeout, request: question{NapMS: q.NapMS}}
	switch q.Next {
	case nextSlow:
		p.allowed, p.do = []outcome{answered, overloaded}, c.doSlow
	case nextMoody:
		p.allowed, p.do = q.Mode.outcomes(), c.doMoody
		p.request.Mode = q.Mode
	case nextNobody:
		p.allowed, p.do = []outcome{noResponders}, c.doNobody
	case nextCodec:
		p.allowed, p.do = []outcome{unsupported}, c.doWrongCodec
	case nextLarge:
		p.allowed, p.do = []outcome{tooLarge}, c.doPlain
		p.request.Pad = strings.Repeat("x", maxPayload)
	default:
		p.allowed, p.do = []outcome{answered}, c.doPlain
	}
	p.kind = "onward, " + string(cmp.Or(q.Next, "plain"))
	p.allowed = append(p.allowed, timedOut, timedOutThere, cancelled, cancelledThere)
	return p
}

// hopPlan is a call over a hop. What fails behind the hop is its own failure, or what both declare.
func (c contract) hopPlan(random *rand.Rand) plan {
	p := plan{kind: "hop", timeout: patience, allowed: []outcome{answered}, hops: true, do: c.doHop}
	switch n := random.IntN(20); {
	case n < 4:
	case n < 8:
		p.request.Next, p.request.Mode = nextMoody, anyMode(random)
		p.allowed = []outcome{failed}
		switch p.request.Mode {
		case modeFine:
			p.allowed = []outcome{answered}
		case modeDeclared:
			p.allowed = []outcome{declared}
		default:
		}
	case n < 9:
		p.request.Next, p.allowed = []next{nextNobody, nextCodec, nextLarge}[random.IntN(3)], []outcome{failed}
	default:
		p.request.Next, p.request.NapMS = nextSlow, 1+random.Int64N(int64(maxNap/time.Millisecond))
		p.allowed = []outcome{answered, failed}
	}
	p.kind += ", " + string(cmp.Or(p.request.Next, "plain"))
	if p.request.Next == nextSlow && random.IntN(2) == 0 {
		p.kind += ", short deadline"
		p.timeout = time.Duration(1+random.IntN(30)) * time.Millisecond
		p.allowed = append(p.allowed, timedOut, timedOutThere)
	} else if p.request.Next == nextSlow {
		p.kind += ", cancelled"
		p.cancel = time.Duration(1+random.IntN(30_000)) * time.Microsecond
		p.allowed = append(p.allowed, cancelled, cancelledThere)
	}
	return p
}

func (c contract) doHop(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.hop, q)
}

func (c contract) doWrongCodec(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.plain, q, typednats.WithCallCodec(msgpack.Codec))
}

func (c contract) doNobody(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.Request[question, answer](ctx, r, serviceName+".nobody", q)
}

// leaks reports what an error says to a hop's caller that is not the hop's own.
func leaks(err error) bool {
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[refusal](err); ok {
		return false
	}
	if strings.Contains(err.Error(), secret) {
		return true
	}
	se, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	return se.Code != 500 || !strings.HasPrefix(se.Description, "internal error, id ") || se.Type != "" || len(se.Data) > 0
}
