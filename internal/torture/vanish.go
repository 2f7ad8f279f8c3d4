package main

import (
	"context"
	"sync"
	"time"

	"github.com/typednats/typednats"
)

const (
	// vanishNap is how long a handler sleeps for a caller that will be gone by then.
	vanishNap = 30 * time.Second

	// vanishTimeout is how long that caller would have waited, which bounds its handler.
	vanishTimeout = 2 * time.Second

	// noticeTime is how long a handler may take to be told. It is generous: the machine is busy.
	noticeTime = 20 * time.Second
)

// told is what handlers learn about callers that give up or go away.
type told struct {
	mu    sync.Mutex
	calls map[uint64]*vanishing
}

// vanishing is a call whose caller will go away.
type vanishing struct {
	started, gone chan struct{} // each gets one value
}

func (t *told) expect(id uint64) *vanishing {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := &vanishing{started: make(chan struct{}, 1), gone: make(chan struct{}, 1)}
	t.calls[id] = v
	return v
}

// find returns nil for other calls.
func (t *told) find(q question, run string) *vanishing {
	if q.Run != run {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[q.ID]
}

// vanish makes a long call and closes the caller's connection once the handler runs. Nobody can tell the service of
// that, so the caller's deadline must end the handler. Whether it does is found out in the background.
func (s *saboteur) vanish(node int) error {
	nc, err := s.cluster.connect(node, callerUser)
	if err != nil {
		return err
	}
	begin := time.Now()
	client := typednats.NewClient(nc)
	returned := make(chan struct{})
	id := s.load.ledger.newCall(false)
	seen := s.load.told.expect(id)
	go func() {
		defer close(returned)
		p := s.load.contract.vanishPlan(s.load.ledger.run, id)
		ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
		defer cancel()
		_ = s.load.make(ctx, client, &p, begin, p.timeout) // it is in the account
	}()
	select {
	case <-seen.started:
	case <-returned:
	case <-time.After(patience):
		if !s.account.disturbed(begin) {
			s.account.brokenf(noneLost, "call %d did not start in %v", id, patience)
		}
	}
	nc.Close()
	<-returned
	s.vanishing.Go(func() {
		select {
		case <-seen.gone:
			s.account.hear("handlers of vanished callers ended by the deadline")
		case <-time.After(noticeTime):
			if !s.account.disturbed(begin) {
				s.account.brokenf(callersMissed, "call %d: the handler was not told of the deadline in %v", id, noticeTime)
			}
		}
	})
	return nil
}

// vanishPlan asks the moody endpoint, whose handlers are plenty, for a long sleep.
func (c contract) vanishPlan(run string, id uint64) plan {
	return plan{
		kind:    "vanishing",
		timeout: vanishTimeout,
		allowed: []outcome{disconnected},
		request: question{Run: run, ID: id, WaitMS: milliseconds(vanishTimeout), NapMS: vanishNap.Milliseconds()},
		do:      c.doMoody,
	}
}
