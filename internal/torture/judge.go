package main

import (
	"context"
	"errors"
	"time"

	"github.com/typednats/typednats"
)

// slack is how long after its deadline, or after it was cancelled, a call may return on a busy machine.
const slack = 3 * time.Second

// make makes a call whose request is complete, and compares what comes back with what was promised. The call is due
// that long after its start.
func (s *shared) make(ctx context.Context, r typednats.Requester, p *plan, start time.Time, due time.Duration) error {
	s.underway.Add(1)
	defer s.underway.Add(-1)
	reply, err := p.do(ctx, r, p.request)
	s.judge(p, reply, err, start, start.Add(due))
	return err
}

// judge compares what came back with what was promised.
func (s *shared) judge(p *plan, reply answer, err error, start, due time.Time) {
	id, out := p.request.ID, classify(err)
	s.account.enter(p.kind, out)
	s.judgeTime(p, err, start, due)
	s.judgeAnswer(p, reply, err)
	s.judgeExecution(p, err)
	_, isCutOff := s.cutOff.LoadAndDelete(id)
	switch {
	case p.allows(out), isCutOff && p.hops && out == failed:
	case p.isLost(out) && s.account.disturbed(start):
		s.account.excuse()
	case out.isLoss():
		s.account.brokenf(noneLost, "call %d (%s) by caller %d ran %d times, began at %.3fs, lasted %v: %v",
			id, p.kind, p.caller, s.ledger.times(id), start.Sub(s.account.start).Seconds(), time.Since(start).Round(time.Millisecond), err)
	default:
		s.account.brokenf(noneUnexpected, "call %d (%s), began at %.3fs: %v",
			id, p.kind, start.Sub(s.account.start).Seconds(), err)
	}
}

// judgeTime looks at when a call has returned. That its time is over, whoever notices, it may say no earlier.
func (s *shared) judgeTime(p *plan, err error, start, due time.Time) {
	late := time.Since(due)
	if late > slack {
		s.account.brokenf(noneLate, "call %d (%s) returned %v after it was due: %v", p.request.ID, p.kind, late, err)
	}
	if errors.Is(err, context.DeadlineExceeded) && time.Since(start.Add(p.timeout)) < 0 && !s.account.disturbed(start) {
		s.account.brokenf(noneEarly, "call %d (%s) returned %v before: %v", p.request.ID, p.kind, -late, err)
	}
}

// judgeAnswer looks at whose answer it is.
func (s *shared) judgeAnswer(p *plan, reply answer, err error) {
	got := reply.ID
	if err != nil {
		refused, ok := errors.AsType[refusal](err)
		resents, other := errors.AsType[grudge](err)
		switch {
		case ok && p.hops:
			got = refused.For
		case ok:
			got = refused.ID
		case other:
			got = resents.ID
		default:
			got = p.request.ID
		}
	}
	if got != p.request.ID {
		s.account.brokenf(noneForeign, "call %d (%s) got %d", p.request.ID, p.kind, got)
	}
	if p.hops && leaks(err) {
		s.account.brokenf(noneLeaked, "call %d (%s): %v", p.request.ID, p.kind, err)
	}
}

// judgeExecution compares what the caller can tell with what handlers did. That a call was not run must remain so.
func (s *shared) judgeExecution(p *plan, err error) {
	id := p.request.ID
	run, known := typednats.WasRun(err)
	switch {
	case !known:
		s.account.hear("calls that were perhaps run")
	case run && s.ledger.times(id) == 0:
		s.account.brokenf(noneUntrue, "call %d (%s) was not run: %v", id, p.kind, err)
	case !run:
		s.account.hear("calls that were not run")
		s.ledger.deny(id)
	}
}

// milliseconds is a duration, rounded up.
func milliseconds(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }
