package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// account says what became of every call, and what went wrong.
type account struct {
	start time.Time // of the load

	mu       sync.Mutex
	outcomes map[tallyKey]int
	problems []problem
	heard    map[string]int
	windows  []window // of violence
	excused  int      // calls that failed because of it

	numRequests, numErrors int // of stopped instances
}

// tallyKey is a kind of call and what became of it.
type tallyKey struct {
	kind    string
	outcome outcome
}

// problem is a promise that was broken.
type problem struct {
	promise promise
	detail  string
}

// promise is what must never be broken.
type promise string

const (
	noneLost       promise = "LOST without a violent fault"
	noneTwice      promise = "RUN TWICE though not idempotent"
	noneForeign    promise = "got the reply of another call"
	noneLate       promise = "outlived its deadline or cancellation"
	noneUnexpected promise = "failed in an unexpected way"
	noneUntrue     promise = "told wrongly whether it was run"
	noneEarly      promise = "its time was said to be over too early"
	noneLeaked     promise = "another service's failure crossed a hop"
	noneMisread    promise = "a request was read as something else"
	allBounded     promise = "a handler was not told of its caller's deadline"
	reportsAgree   promise = "reports disagree with the failures of handlers"
	statsAgree     promise = "statistics disagree with the handlers"
	allFound       promise = "discovery missed an instance"
	stopsClean     promise = "an instance or endpoint did not stop cleanly"
	callersMissed  promise = "a handler outlived the deadline of a vanished caller"
	keepsBounds    promise = "kept more requests than there is room for"
	forgets        promise = "worked on for callers that had given up"
	worksOff       promise = "did too little of what could be done in time"
	allTold        promise = "left callers without an answer at full load"
	heals          promise = "the system did not recover from a fault"
	leavesNothing  promise = "left behind"
	sumsUp         promise = "the outcomes do not add up"
)

// promises lists all, in the order of the report.
func promises() []promise {
	return []promise{
		noneLost, noneTwice, noneForeign, noneLate, noneUnexpected, noneUntrue, noneEarly, noneLeaked, noneMisread,
		allBounded, reportsAgree, statsAgree, allFound, stopsClean, callersMissed,
		keepsBounds, forgets, worksOff, allTold, heals, leavesNothing, sumsUp,
	}
}

// window is a time in which messages may be lost.
type window struct{ from, to time.Time }

func newAccount() *account {
	return &account{outcomes: make(map[tallyKey]int), heard: make(map[string]int)}
}

// enter notes what became of a call.
func (a *account) enter(kind string, out outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcomes[tallyKey{kind, out}]++
}

// brokenf notes a broken promise.
func (a *account) brokenf(p promise, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = append(a.problems, problem{p, fmt.Sprintf(format, args...)})
}

// hear counts what is not a problem, but worth knowing.
func (a *account) hear(what string) { a.hearMany(what, 1) }

func (a *account) hearMany(what string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard[what] += n
}

// addStats sums up the statistics of a stopped instance's endpoint.
func (a *account) addStats(s *micro.EndpointStats) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numRequests += s.NumRequests
	a.numErrors += s.NumErrors
}

// violence begins a time in which messages may be lost. The function that it returns ends it.
func (a *account) violence() (over func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := len(a.windows)
	a.windows = append(a.windows, window{from: time.Now()})
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.windows[i].to = time.Now()
	}
}

// disturbed reports whether there was violence since start.
func (a *account) disturbed(start time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.windows {
		if w.to.IsZero() || w.to.After(start) {
			return true
		}
	}
	return false
}

// excuse counts a call that violence may have lost.
func (a *account) excuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.excused++
}

// count returns how many outcomes match.
func (a *account) count(match func(tallyKey) bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for key, count := range a.outcomes {
		if match(key) {
			n += count
		}
	}
	return n
}

// problemsOf returns the broken promises of one kind.
func (a *account) problemsOf(p promise) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var details []string
	for _, one := range a.problems {
		if one.promise == p {
			details = append(details, one.detail)
		}
	}
	return details
}
