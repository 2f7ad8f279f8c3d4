package server

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// watch is the goroutine that follows the connection: it stops the service when that begins to drain or is closed for
// good. It ends with the service. It listens to the connection's status and leaves the handlers of the connection to the
// user. It neither waits for the server nor calls anything of the user's before it stops the service.
func (s *Server) watch(status chan nats.Status) {
	nc := s.conn.nc
	defer nc.RemoveStatusListener(status)
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for now := statusOf(nc); ; {
		switch now {
		case nats.DRAINING_SUBS:
			s.drained.Store(true)
			s.stopToDrain(status)
			return
		case nats.CLOSED:
			close(s.lost) // a stop that waits for handlers does not any more
			_ = s.Stop(context.Background())
			return
		default:
		}
		select {
		case now = <-status:
			if now == nats.CONNECTED {
				s.refusals.renew()
				select {
				case s.back <- struct{}{}:
				default: // patrol has yet to take the last one
				}
			}
		case <-s.done:
			return
		case <-ticker.C:
			now = statusOf(nc) // the channel of a listener that is slow may have overflowed
		}
	}
}

// statusOf returns the status of a connection, with one for both halves of draining.
func statusOf(nc *nats.Conn) nats.Status {
	if nc.IsDraining() {
		return nats.DRAINING_SUBS
	}
	return nc.Status()
}

// stopToDrain stops the service within its DrainTimeout, or until the connection is closed. See [anchor] for why the
// connection waits.
func (s *Server) stopToDrain(status <-chan nats.Status) {
	ctx, cancel := context.WithTimeout(context.Background(), s.host.DrainTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(ctx) }()
	for {
		select {
		case err := <-stopped:
			if err != nil {
				s.conn.report(Report{Err: fmt.Errorf("drain the connection: %w", err)})
			}
			return
		case now := <-status:
			if now == nats.CLOSED {
				close(s.lost)
				status = nil // it is closed now
			}
		}
	}
}
