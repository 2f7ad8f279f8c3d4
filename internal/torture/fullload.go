package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/typednats/typednats"
)

const (
	// measuredNap is how long a handler of the measured endpoint sleeps. Its caller waits for some multiples of that.
	measuredNap  = 60 * time.Millisecond
	leastNaps    = 5
	mostNaps     = 10
	fullLoadTime = 3 * time.Second / 2

	// The endpoint does at least this part of what it can do, and leaves at most that part of the callers without an answer.
	leastGoodput = 0.7
	mostSilent   = 0.05
)

// overburden offers an endpoint more calls than it can serve in their time. It is one of an instance of its own, because
// how servers share out calls among instances would decide how much those can do.
func (s *saboteur) overburden(node int) error {
	in, err := s.fleet.launchWith(node, measuredEndpoint)
	if err != nil {
		return err
	}
	defer in.stop()
	callers := s.load.steady()
	if err := s.warmUp(callers); err != nil {
		s.account.brokenf(heals, "%v at full load", err)
		return nil
	}
	for _, times := range []float64{1.3, 2} {
		begin := time.Now()
		got := s.offer(callers, times)
		if !s.account.disturbed(begin) {
			got.judge(s.account)
		}
	}
	return nil
}

// warmUp waits until each caller reaches the measured endpoint, which then knows how long its handlers take.
func (s *saboteur) warmUp(callers []*caller) error {
	ctx, cancel := context.WithTimeout(context.Background(), healTime)
	defer cancel()
	for i, c := range callers {
		for answers := 0; answers == 0; {
			_, err := s.load.contract.doMeasured(ctx, c.requester, question{NapMS: measuredNap.Milliseconds()})
			switch {
			case err == nil:
				answers++
			case ctx.Err() != nil:
				return fmt.Errorf("caller %d has no answer: %w", i, err)
			default:
				pause(ctx, time.Millisecond) // the servers do not know of the instance yet
			}
		}
	}
	return nil
}

// fullLoadResult is what became of the calls that were offered.
type fullLoadResult struct {
	times   float64 // the capacity
	calls   int
	answers int           // while calls were offered
	silent  int           // calls that were not told of anything in time
	naps    int           // of as many sleepers as there are handlers, meanwhile
	longest time.Duration // of these
}

// offer makes calls at random moments, and has as many sleepers as there are slots take one nap after the other: what they
// come to is what the machine makes possible.
func (s *saboteur) offer(callers []*caller, times float64) (got fullLoadResult) {
	const perSecond = measuredConcurrent * float64(time.Second) / float64(measuredNap)
	got.times = times
	var mu sync.Mutex
	var calls, sleepers sync.WaitGroup
	over, end := context.WithCancel(context.Background())
	defer end()
	for range measuredConcurrent {
		sleepers.Go(func() {
			for {
				began := time.Now()
				pause(over, measuredNap)
				if over.Err() != nil {
					return
				}
				took := time.Since(began)
				mu.Lock()
				got.naps++
				got.longest = max(got.longest, took)
				mu.Unlock()
			}
		})
	}
	gap := float64(time.Second) / (times * perSecond)
	for at, begin := time.Duration(0), time.Now(); at < fullLoadTime; at += time.Duration(s.random.ExpFloat64() * gap) {
		pause(over, time.Until(begin.Add(at))) // what is late is made up for
		c, p := callers[got.calls%len(callers)], s.load.contract.measuredPlan(s.random)
		got.calls++
		calls.Go(func() {
			err := s.load.call(context.Background(), c, p)
			mu.Lock()
			defer mu.Unlock()
			switch out := classify(err); {
			case out == answered && over.Err() == nil:
				got.answers++
			case out == timedOut, out == timedOutThere:
				got.silent++
			}
		})
	}
	end()
	sleepers.Wait()
	calls.Wait()
	return got
}

// judge compares the work that was done with what the sleepers show to be possible. If the machine has let one of them
// oversleep by a whole nap, it has done as much to handlers and callers, which proves nothing.
func (r fullLoadResult) judge(a *account) {
	if r.longest > 2*measuredNap {
		a.hear("full loads on a machine too busy to judge them")
		return
	}
	a.hear("full loads that were judged")
	a.hearMany("answers at full load", r.answers)
	a.hearMany("answers at full load that were possible", r.naps)
	if float64(r.answers) < leastGoodput*float64(r.naps) {
		a.brokenf(worksOff, "at %.1f times the capacity, %d of %d calls were answered in %v, and %d handlers could sleep %d times",
			r.times, r.answers, r.calls, fullLoadTime, measuredConcurrent, r.naps)
	}
	if float64(r.silent) > mostSilent*float64(r.calls) {
		a.brokenf(allTold, "at %.1f times the capacity, %d of %d calls", r.times, r.silent, r.calls)
	}
}

// measuredPlan is a call at full load. Every caller is told in time whether it is served, but for a few on a busy machine.
func (c contract) measuredPlan(random *rand.Rand) plan {
	return plan{
		kind:    "at full load",
		timeout: leastNaps*measuredNap + time.Duration(random.Int64N(int64((mostNaps-leastNaps)*measuredNap))),
		allowed: []outcome{answered, overloaded, timedOut, timedOutThere},
		request: question{NapMS: measuredNap.Milliseconds()},
		do:      c.doMeasured,
	}
}

func (c contract) doMeasured(ctx context.Context, r typednats.Requester, q question) (answer, error) {
	return typednats.RequestService(ctx, r, c.measured, q)
}
