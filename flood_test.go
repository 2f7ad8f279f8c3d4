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

// floodSize is how many requests a flood is: several times what a service has room for, and soon over.
const floodSize = 1 << 18

// flood sends requests to a subject from several connections, as fast as it can.
func flood(t *testing.T, srv *typednatstest.NATS, subject string) {
	t.Helper()
	const senders = 2
	var all sync.WaitGroup
	for range senders {
		nc := srv.Connect(t)
		all.Go(func() {
			msg := &nats.Msg{Subject: subject, Reply: nc.NewInbox() + ".~5000~~1", Data: []byte(`{}`)}
			for range floodSize / senders {
				if nc.PublishMsg(msg) != nil {
					return
				}
			}
			_ = nc.FlushTimeout(patience)
		})
	}
	all.Wait()
}

// nats.go drops what does not fit into the channel of a subscription. A flood of one endpoint filled that of all, so that
// the requests of others were dropped.
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
			nc, over := srv.Connect(t), make(chan struct{})
			go func() {
				defer close(over)
				flood(t, srv, "echo")
			}()
			var asked atomic.Int64
			var neighbours sync.WaitGroup
			for _, subject := range slices.Repeat([]string{"neighbour", "$SRV.PING.test." + s.ID()}, 8) {
				neighbours.Go(func() {
					for {
						asked.Add(1)
						if _, err := nc.Request(subject, []byte(`{}`), patience); err != nil {
							t.Errorf("%s: %v", subject, err)
							return
						}
						select {
						case <-over:
							return
						default:
						}
					}
				})
			}
			neighbours.Wait()
			stats, _ := s.EndpointStats("echo")
			t.Logf("%d counted, %d failed, %d asked of the neighbours", stats.NumRequests, stats.NumErrors, asked.Load())
		})
	}
}
