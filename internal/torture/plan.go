package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
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
	request question
	caller  int // set when it is made
	do      func(context.Context, typednats.Requester, question) (answer, error)
}

// newPlan picks a call. A few kinds make up most of the load.
func (c contract) newPlan(random *rand.Rand) plan {
	switch n := random.IntN(100); {
	case n < 40:
		return c.plainPlan(random)
	case n < 55:
		return plan{kind: "idempotent", timeout: patience, allowed: []outcome{answered}, again: true, do: doIdempotent(c)}
	case n < 65:
		return c.slowPlan(random)
	case n < 70:
		p := c.slowPlan(random)
		p.kind, p.timeout = "slow, short deadline", time.Duration(1+random.IntN(20))*time.Millisecond
		p.allowed = append(p.allowed, timedOut, expired, ended)
		return p
	case n < 80:
		p := c.slowPlan(random)
		if random.IntN(2) == 0 {
			p = c.plainPlan(random)
			p.request.NapMS = int64(random.IntN(20))
		}
		p.kind, p.cancel = p.kind+", cancelled", time.Duration(1+random.IntN(20_000))*time.Microsecond
		p.allowed = append(p.allowed, cancelled)
		return p
	case n < 92:
		return c.moodyPlan(random)
	default:
		return c.badPlan(random)
	}
}

func (c contract) plainPlan(random *rand.Rand) plan {
	p := plan{
		kind:    "plain",
		timeout: patience,
		allowed: []outcome{answered},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.plain, q)
		},
	}
	if random.IntN(10) == 0 {
		p.request.Pad = strings.Repeat("x", random.IntN(maxPayload/2))
	}
	return p
}

func doIdempotent(c contract) func(context.Context, typednats.Requester, question) (answer, error) {
	return func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
		return typednats.RequestService(ctx, r, c.idempotent, q)
	}
}

func (c contract) slowPlan(random *rand.Rand) plan {
	return plan{
		kind:    "slow",
		timeout: patience,
		allowed: []outcome{answered, overloaded},
		request: question{NapMS: 1 + random.Int64N(int64(maxNap/time.Millisecond))},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.slow, q)
		},
	}
}

// moodyPlan asks for trouble.
func (c contract) moodyPlan(random *rand.Rand) plan {
	modes := []mode{modeFine, modePanic, modeGoexit, modeUndeclared, modeDeclared, modeUnencodable, modeTooLarge}
	p := plan{
		kind:    "moody",
		timeout: patience,
		allowed: []outcome{failed},
		request: question{Mode: modes[random.IntN(len(modes))]},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.moody, q)
		},
	}
	switch p.request.Mode {
	case modeFine:
		p.allowed = []outcome{answered}
	case modeDeclared:
		p.allowed = []outcome{declared}
	default:
		p.kind += ", " + string(p.request.Mode)
	}
	return p
}

// badPlan is a call that cannot succeed, and must be refused in the right way.
func (c contract) badPlan(random *rand.Rand) plan {
	p := plan{timeout: patience}
	switch random.IntN(4) {
	case 0:
		p = c.plainPlan(random)
		p.kind, p.request.Pad, p.allowed = "oversized", strings.Repeat("x", maxPayload), []outcome{tooLarge}
	case 1:
		p.kind, p.allowed = "not the type", []outcome{undecodable}
		p.do = func(ctx context.Context, r typednats.Requester, _ question) (answer, error) {
			return typednats.Request[string, answer](ctx, r, c.plain.Subject(), "not a question")
		}
	case 2:
		p.kind, p.allowed = "not the codec", []outcome{unsupported}
		p.do = func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.plain, q, typednats.WithCallCodec(msgpack.Codec))
		}
	default:
		p.kind, p.allowed = "to nobody", []outcome{noResponders}
		p.do = func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.Request[question, answer](ctx, r, serviceName+".nobody", q)
		}
	}
	return p
}

func (p *plan) allows(out outcome) bool { return slices.Contains(p.allowed, out) }
