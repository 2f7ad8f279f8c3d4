package typednats_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/typednatstest"
)

// flood sends requests to a subject from several connections, as fast as it can, until quit is closed. It returns how many.
func flood(t *testing.T, srv *typednatstest.NATS, subject string, quit <-chan struct{}) int64 {
	t.Helper()
	var sent atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		nc := srv.Connect(t)
		all.Go(func() {
			msg := &nats.Msg{Subject: subject, Reply: nc.NewInbox() + ".~5000~~1", Data: []byte(`{}`)}
			for {
				select {
				case <-quit:
					return
				default:
				}
				for range 100 {
					if nc.PublishMsg(msg) != nil {
						return
					}
					sent.Add(1)
				}
			}
		})
	}
	all.Wait()
	return sent.Load()
}

// All subscriptions deliver into one channel. A flood of one endpoint filled it, and nats.go dropped the requests of others.
func TestFloodOfOneEndpointLosesNothingOfItsNeighbours(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(context.Context, note) (note, error){
		"fast": repeat,
		"slow": func(_ context.Context, in note) (note, error) {
			<-time.After(10 * time.Millisecond)
			return in, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			s := start(t, srv.Connect(t, quietly()), config(), echo.Handle(handler), echo.InSubject("neighbour").Handle(repeat))
			nc, quit := srv.Connect(t), make(chan struct{})
			sent := make(chan int64, 1)
			go func() { sent <- flood(t, srv, "echo", quit) }()
			var lost, asked atomic.Int64
			var neighbours sync.WaitGroup
			until := time.Now().Add(2 * time.Second)
			for _, subject := range slices.Repeat([]string{"neighbour", "$SRV.PING.test." + s.ID()}, 8) {
				neighbours.Go(func() {
					for time.Now().Before(until) {
						asked.Add(1)
						if _, err := nc.Request(subject, []byte(`{}`), 20*time.Second); err != nil {
							lost.Add(1)
							t.Errorf("%s: %v", subject, err)
						}
					}
				})
			}
			neighbours.Wait()
			close(quit)
			stats, _ := s.EndpointStats("echo")
			t.Logf("flood of %d, %d counted, %d failed; %d of %d lost", <-sent, stats.NumRequests, stats.NumErrors, lost.Load(), asked.Load())
		})
	}
}
