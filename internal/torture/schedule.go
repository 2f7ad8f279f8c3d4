package main

import (
	"math/rand/v2"
	"time"
)

// faultKind is one way to disturb the system.
type faultKind string

// Gentle faults. None of them may lose a call, or make one time out.
const (
	replaceInstance faultKind = "stop an instance, then start another"
	relieveInstance faultKind = "start an instance, then stop another"
	drainInstance   faultKind = "drain an instance's connection, then start another"
	readdEndpoint   faultKind = "remove an endpoint, then add it again"
	resetStats      faultKind = "reset statistics"
	overload        faultKind = "overload burst"
	discoveryFlood  faultKind = "discovery flood"
	garbageBurst    faultKind = "garbage burst"
	endpointFlood   faultKind = "flood of one endpoint"
	massCancel      faultKind = "thousands of calls, cancelled at once"
	largeHeaders    faultKind = "large headers while handlers are busy"
	fullLoad        faultKind = "more calls than can be served in time"
	vanishingCaller faultKind = "a caller closes its connection"
)

// Violent faults. Calls whose life overlaps one may be lost.
const (
	killNode         faultKind = "kill a node, restart it"
	killWhileStop    faultKind = "kill a node while an instance stops"
	killWhileRemove  faultKind = "kill a node while an endpoint is removed"
	lameDuck         faultKind = "lame duck, then replace the node"
	reconnectService faultKind = "an instance's connection is forced to reconnect"
	reconnectCaller  faultKind = "a caller's connection is forced to reconnect"
	revoke           faultKind = "a subscription is revoked, then allowed again" // servers in this process only
	freezeNode       faultKind = "stop the process of a node, then continue it"  // processes only
)

func (k faultKind) violent() bool {
	switch k {
	case killNode, killWhileStop, killWhileRemove, lameDuck, reconnectService, reconnectCaller, revoke,
		freezeNode:
		return true
	default:
		return false
	}
}

// fault is one entry of the schedule.
type fault struct {
	at   time.Duration // not before this, nor before the fault before it is over
	kind faultKind
	pick int           // which instance, node, endpoint or connection: the remainder counts
	down time.Duration // how long what is broken stays so
}

// newSchedule returns the faults for a seed. Each round has every kind once, in an order of its own.
func newSchedule(s settings) []fault {
	kinds := []faultKind{
		replaceInstance, relieveInstance, readdEndpoint, resetStats, overload, discoveryFlood, garbageBurst,
		vanishingCaller, replaceInstance, drainInstance, endpointFlood,
		massCancel, largeHeaders, fullLoad,
	}
	if s.violent {
		kinds = append(kinds, killNode, killWhileStop, killWhileRemove, lameDuck, reconnectService, reconnectCaller)
		switch {
		case !s.apart:
			kinds = append(kinds, revoke)
		case canSuspend:
			kinds = append(kinds, freezeNode, freezeNode)
		}
	}
	random := newRandom(s.seed, 0)
	var faults []fault
	at := 300 * time.Millisecond
	for {
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			if at >= s.length {
				return faults
			}
			faults = append(faults, fault{
				at:   at,
				kind: kind,
				pick: random.IntN(1 << 20),
				down: 100*time.Millisecond + time.Duration(random.Int64N(int64(500*time.Millisecond))),
			})
			at += 100*time.Millisecond + time.Duration(random.Int64N(int64(300*time.Millisecond)))
		}
	}
}

// newRandom returns one of the independent streams of a seed.
func newRandom(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // it must repeat itself
}
