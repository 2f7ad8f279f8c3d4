package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/typednats/typednats"
)

// patience is the deadline of calls that are to be answered. It is long, so that a busy machine is not taken for a
// lost message.
const patience = 8 * time.Second

// plan is a call that is about to be made.
type plan struct {
	kind    string
	timeout time.Duration
	cancel  time.Duration // when the caller gives up; 0 is never
	allowed []outcome     // without violence
	again   bool          // it may be run more than once
	hops    bool          // its handler makes a call that may be lost
	request question
	caller  int // set when it is made
	do      func(context.Context, typednats.Requester, question) (answer, error)
}

// newPlan picks a call. A few kinds make up most of the load.
func (c contract) newPlan(random *rand.Rand) plan {
	switch n := random.IntN(100); {
	case n < 30:
		return c.plainPlan(random)
	case n < 40:
		return c.numberPlan(random)
	case n < 50:
		return plan{kind: "idempotent", timeout: patience, allowed: []outcome{answered}, again: true, do: c.doIdempotent}
	case n < 60:
		return c.hopPlan(random)
	case n < 67:
		return c.slowPlan(random)
	case n < 72:
		p := c.slowPlan(random)
		p.kind, p.timeout = "slow, short deadline", time.Duration(1+random.IntN(20))*time.Millisecond
		p.allowed = append(p.allowed, timedOut, timedOutThere)
		return p
	case n < 80:
		p := c.slowPlan(random)
		if random.IntN(2) == 0 {
			p = c.plainPlan(random)
			p.request.NapMS = int64(random.IntN(20))
		}
		p.kind, p.cancel = p.kind+", cancelled", time.Duration(1+random.IntN(20_000))*time.Microsecond
		p.allowed = append(p.allowed, cancelled, cancelledThere)
		return p
	case n < 92:
		return c.moodyPlan(random)
	default:
		return c.badPlan(random)
	}
}

func (c contract) plainPlan(random *rand.Rand) plan {
	p := plan{kind: "plain", timeout: patience, allowed: []outcome{answered}, do: c.doPlain}
	if random.IntN(10) == 0 {
		p.request.Pad = strings.Repeat("x", random.IntN(maxPayload/2))
	}
	return p
}

func (c contract) doPlain(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.plain, q)
}

func (c contract) doIdempotent(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.idempotent, q)
}

func (c contract) slowPlan(random *rand.Rand) plan {
	return plan{
		kind:    "slow",
		timeout: patience,
		allowed: []outcome{answered, overloaded},
		request: question{NapMS: 1 + random.Int64N(int64(maxNap/time.Millisecond))},
		do:      c.doSlow,
	}
}

func (c contract) doSlow(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.slow, q)
}

// anyMode picks what the moody endpoint is asked to do.
func anyMode(random *rand.Rand) mode {
	modes := []mode{
		modeFine, modePanic, modeGoexit, modeUndeclared, modeDeclared, modeGrudge, modeOwnCode, modeUnencodable, modeTooLarge,
	}
	return modes[random.IntN(len(modes))]
}

// outcomes are those of a call to the moody endpoint.
func (m mode) outcomes() []outcome {
	switch m {
	case modeFine:
		return []outcome{answered}
	case modeDeclared, modeGrudge:
		return []outcome{declared}
	case modeOwnCode:
		return []outcome{ownCode}
	default:
		return []outcome{failed}
	}
}

// moodyPlan asks for trouble.
func (c contract) moodyPlan(random *rand.Rand) plan {
	m := anyMode(random)
	p := plan{kind: "moody", timeout: patience, allowed: m.outcomes(), request: question{Mode: m}, do: c.doMoody}
	if m != modeFine && m != modeDeclared {
		p.kind += ", " + string(m)
	}
	return p
}

// napPlan keeps a handler busy for a while.
func (c contract) napPlan(random *rand.Rand) plan {
	return plan{
		kind: "nap", timeout: patience, allowed: []outcome{answered},
		request: question{NapMS: 100 + random.Int64N(300)},
		do:      c.doMoody,
	}
}

func (c contract) doMoody(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.moody, q)
}

// badPlan is a call that cannot succeed, and must be refused in the right way.
func (c contract) badPlan(random *rand.Rand) plan {
	p := plan{timeout: patience}
	switch random.IntN(4) {
	case 0:
		p.kind, p.allowed, p.do = "oversized", []outcome{tooLarge}, c.doPlain
		p.request.Pad = strings.Repeat("x", maxPayload)
	case 1:
		p.kind, p.allowed = "not the type", []outcome{undecodable}
		p.do = func(ctx context.Context, r typednats.Requester, _ question) (answer, error) {
			return typednats.Request[string, answer](ctx, r, c.plain.Subject(), "not a question")
		}
	case 2:
		p.kind, p.allowed, p.do = "not the codec", []outcome{unsupported}, c.doWrongCodec
	default:
		p.kind, p.allowed, p.do = "to nobody", []outcome{noResponders}, c.doNobody
	}
	return p
}

func (p *plan) allows(out outcome) bool { return slices.Contains(p.allowed, out) }

// isLost reports whether a call that ended so was lost, or what its handler called.
func (p *plan) isLost(out outcome) bool { return out.isLoss() || p.hops && out == failed }
