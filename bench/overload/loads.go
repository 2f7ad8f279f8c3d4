package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/typednats/typednats"
)

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// oneOf returns a few times, and most times otherwise.
func oneOf(few time.Duration, in int, most time.Duration) func() time.Duration {
	return func() time.Duration {
		if rand.IntN(in) == 0 { //nolint:gosec // any
			return few
		}
		return most
	}
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// kinds are the loads that a rule must stand: three that rules were made for, and two that none was.
func kinds(warm, count time.Duration) []*load {
	second := time.Second
	var all []*load
	for _, times := range []float64{0.8, 1.3, 2.5} {
		for _, l := range []load{
			{name: "same", takes: always(second / 10), waits: always(second)},
			{name: "mixed", takes: oneOf(second/2, 10, second/50), waits: oneOf(7*second/10, 3, 2*second)},
			{name: "spread", takes: func() time.Duration {
				return time.Duration(rand.ExpFloat64() * float64(second/20)) //nolint:gosec // any
			}, waits: func() time.Duration { return 3*second/10 + rand.N(27*second/10) }}, //nolint:gosec // any
		} {
			l.name = fmt.Sprintf("%s, %g times", l.name, times)
			l.slots, l.times, l.warm, l.count = 64, times, warm, count
			all = append(all, &l)
		}
	}
	return append(all,
		&load{
			name: "half the capacity, then 3 times, then half again", slots: 64, times: 0.5,
			takes: always(second / 10), waits: always(second),
			warm: warm, count: count, spell: true, timesInSpell: 3, slowdown: 1,
		},
		&load{
			name: "handlers 10 times slower for a while", slots: 64, times: 1.3,
			takes: always(second / 50), waits: oneOf(second/2, 2, 2*second),
			warm: warm, count: count, spell: true, timesInSpell: 1.3, slowdown: 10,
		})
}

// retried are loads whose callers try again: never, as often as the budget allows, or always. A tenth of the calls is enough
// to bring a service to its limit that has a tenth to spare.
func retried(warm, count time.Duration) []*load {
	second := time.Second
	attempts := typednats.Retry{Attempts: 4, AttemptTimeout: 3 * second / 10}
	budget, always4 := attempts, attempts
	always4.Budget = float64(attempts.Attempts)
	var all []*load
	for _, variant := range []struct {
		name  string
		retry typednats.Retry
	}{{"never", typednats.Retry{}}, {"a tenth", budget}, {"always", always4}} {
		for _, l := range []load{
			// One of eight attempts takes longer than it may, at random: trying again helps, and costs.
			{name: "slow at times, 0.9 times", times: 0.9, takes: always(second / 10), luck: oneOf(450*second/1000, 8, second/20)},
			{name: "too many calls, 2 times", times: 2, takes: always(second / 10)},
		} {
			l.name += "; again: " + variant.name
			l.slots, l.waits, l.warm, l.count, l.retry = 64, always(2*second), warm, count, variant.retry
			all = append(all, &l)
		}
	}
	slices.SortStableFunc(all, func(a, b *load) int { return cmp.Compare(a.times, b.times) })
	return all
}

// cell is a load of the sweep.
type cell struct {
	*load

	handler, deadline time.Duration
}

// sweep are loads of all combinations. Slots are so many that about 250 calls a second can be served, so that the processors
// are not what is measured.
func sweep(handlers, deadlines []time.Duration, times []float64, quick bool) []cell {
	var all []cell
	for _, h := range handlers {
		for _, d := range deadlines {
			for _, n := range times {
				span := max(3*d/2, 4*h, time.Second)
				if quick {
					span = 100 * time.Millisecond
				}
				all = append(all, cell{&load{
					name:  fmt.Sprintf("%v within %v at %g times", h, d, n),
					slots: min(256, max(1, int(250*h.Seconds()+0.5))), times: n,
					takes: always(h), waits: always(d), warm: span, count: span,
				}, h, d})
			}
		}
	}
	return all
}
