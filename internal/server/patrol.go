package server

import (
	"context"
	"time"
)

// lookInterval is how often a service looks for what nobody tells it.
const lookInterval = time.Second

// patrol is the goroutine that finds out about requests that nats.go dropped and subscriptions that the server refuses,
// and reports them. It ends with the service.
func (s *Server) patrol() {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	ctx := context.Background() // a stop ends what a look waits for, see refusals.interrupt
	for {
		select {
		case <-s.back:
			s.look(ctx)
			s.renewAnchor(ctx)
		case <-ticker.C:
			for _, a := range s.inService() {
				a.noticeDropped()
			}
			s.look(ctx)
		case <-s.done:
			return
		}
	}
}

// renewAnchor is for a connection that was perhaps not there when the service started, or was made anew.
func (s *Server) renewAnchor(ctx context.Context) {
	if s.turn.take(ctx) != nil {
		return // the service is being stopped
	}
	defer s.turn.pass()
	s.conn.anchor.drop()
	s.volunteer(s.current())
}
