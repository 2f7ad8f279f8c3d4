package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typednats/typednats"
)

const (
	// crowdSize is how many calls are given up at once. One instance has room for them all.
	crowdSize = 3000

	// crowdTimeout is so long that no call is refused because it would wait for half of its time.
	crowdTimeout = time.Hour
)

// cancelAll makes many calls at once, none of which is answered, and gives all of them up at the same moment. Each must
// return that, and the handlers must be told of it. The calls come from clients of their own: nobody is told that a bare
// call is given up, or one from another account.
func (s *saboteur) cancelAll() error {
	var clients []*caller
	for i := range clusterSize {
		nc, err := s.cluster.connect(i, callerUser)
		if err != nil {
			return err
		}
		defer nc.Close()
		client := typednats.NewClient(nc)
		defer func() { _ = client.Close() }()
		clients = append(clients, &caller{nc: nc, requester: client})
	}
	begin := time.Now()
	open := s.load.gate.shut()
	defer open()
	parent, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	var calls sync.WaitGroup
	var made atomic.Int64
	var gaveUp atomic.Pointer[time.Time]
	for i := range crowdSize {
		c := clients[i%len(clients)]
		calls.Go(func() {
			p := s.load.contract.crowdPlan()
			s.load.enter(&p, c)
			start := time.Now()
			ctx, cancel := context.WithTimeout(parent, p.timeout)
			defer cancel()
			made.Add(1)
			s.load.underway.Add(1)
			defer s.load.underway.Add(-1)
			reply, err := p.do(ctx, c.requester, p.request)
			due := start.Add(p.timeout)
			if at := gaveUp.Load(); at != nil {
				due = *at
			}
			s.load.judge(&p, reply, err, start, due)
		})
	}
	busy := awaitTrue(patience, func() bool { return made.Load() == crowdSize && s.load.gate.held() > 0 })
	now := time.Now()
	gaveUp.Store(&now)
	giveUp()
	calls.Wait()
	if s.account.disturbed(begin) {
		return nil
	}
	if !busy {
		s.account.brokenf(noneLost, "no handler has begun with one of %d calls in %v", crowdSize, patience)
	}
	noticed := awaitTrue(noticeTime, func() bool { return s.load.gate.held() == 0 })
	if !noticed && !s.account.disturbed(s.account.start) { // nodes that were killed may not know yet who hears of it
		s.account.brokenf(forgets, "%d handlers still run %v after %d calls were cancelled", s.load.gate.held(), noticeTime, crowdSize)
	}
	s.account.hearMany("handlers not told that their caller has cancelled", s.load.gate.held())
	return nil
}

// crowdPlan is a call that is not answered before the gate opens.
func (c contract) crowdPlan() plan {
	return plan{
		kind: "crowd, cancelled", timeout: crowdTimeout, allowed: []outcome{cancelled, cancelledThere},
		request: question{Hold: true},
		do: func(ctx context.Context, r typednats.Requester, q question) (answer, error) {
			return typednats.RequestService(ctx, r, c.crowded, q)
		},
	}
}

// awaitTrue reports whether f became true within d.
func awaitTrue(d time.Duration, f func() bool) bool {
	for deadline := time.Now().Add(d); !f(); pause(context.Background(), time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
