package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// delugeSize is how many requests the flood of one endpoint is: many times what its instances have room for.
	delugeSize    = 100_000
	delugeSenders = 2

	// delugeNap is how long handlers sleep for each request of every second flood.
	delugeNap = 5 * time.Millisecond

	// delugeReply ends the reply subject of a request as a client's does: the caller waits for 5 s.
	delugeReply = ".~5000~~1"
)

// floodEndpoint sends requests to one endpoint as fast as it can. What is lost of them is no promise broken; but the calls
// to the other endpoints are judged as always, and each instance must be found all the while.
func (s *saboteur) floodEndpoint(f fault) error {
	if err := s.fleet.awaitWhole(s.load.callers); err != nil { // an instance that has just started is not known to all
		s.account.brokenf(heals, "%v before a flood", err)
		return nil
	}
	body := []byte(`{"run":"flood"}`)
	if f.pick%2 == 1 {
		body = fmt.Appendf(nil, `{"run":"flood","nap_ms":%d}`, delugeNap.Milliseconds())
	}
	var senders []*nats.Conn
	for i := range delugeSenders {
		nc, err := s.cluster.connect(f.pick/2+i, callerUser)
		if err != nil {
			return err
		}
		defer nc.Close()
		senders = append(senders, nc)
	}
	over := make(chan struct{})
	var sending, asking sync.WaitGroup
	for _, nc := range senders {
		sending.Go(func() { s.pour(nc, body) })
	}
	for i, c := range s.load.callers {
		asking.Go(func() { s.askAfterAll(i, c, over) })
	}
	sending.Wait()
	close(over)
	asking.Wait()
	return nil
}

// pour sends one connection's part of a flood, and counts its replies.
func (s *saboteur) pour(nc *nats.Conn, body []byte) {
	begin, inbox := time.Now(), nc.NewInbox()
	var replies, sent atomic.Int64
	sub, err := nc.Subscribe(inbox+".>", func(*nats.Msg) { replies.Add(1) })
	if err == nil {
		err = sub.SetPendingLimits(-1, -1)
	}
	request := &nats.Msg{Subject: s.load.contract.flooded.Subject(), Reply: inbox + delugeReply, Data: body}
	for sent.Load() < delugeSize/delugeSenders && err == nil {
		if err = nc.PublishMsg(request); err == nil {
			sent.Add(1)
		}
	}
	if err == nil {
		err = nc.FlushTimeout(2 * patience)
	}
	if err != nil && !s.account.disturbed(begin) {
		s.account.brokenf(heals, "flood of one endpoint after %d requests: %v", sent.Load(), err)
	}
	s.account.hearMany("requests of floods", int(sent.Load()))
	s.account.hearMany("replies to them, while they lasted", int(replies.Load()))
}

// askAfterAll asks who is there until a flood is over, and once more then.
func (s *saboteur) askAfterAll(i int, c *caller, over <-chan struct{}) {
	for isOver := false; ; {
		begin := time.Now()
		if n := s.fleet.found(c.nc, patience); n != fleetSize && !s.account.disturbed(begin) {
			s.account.brokenf(allFound, "caller %d found %d instances in a flood, want %d", i, n, fleetSize)
			return
		}
		s.account.hear("questions who is there, in floods")
		if isOver {
			return
		}
		pause(context.Background(), 20*time.Millisecond)
		select {
		case <-over:
			isOver = true
		default:
		}
	}
}
