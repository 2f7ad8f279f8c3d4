// Package server is the runtime of a service. It takes requests from subscriptions, serves them concurrently up to
// bounds, answers each, counts them, and ends without losing what it has accepted. It has no type parameters and does
// not know the root package: an endpoint is a name, a subject, and an [Operation] that takes a request to an
// [Outcome]; the service is a [Host].
package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Server is a running service. It is safe for concurrent use.
type Server struct {
	host     Host
	conn     connection
	env      environment
	monitors []*monitor
	drained  atomic.Bool   // the connection has begun to drain
	looking  chan struct{} // holds one while somebody looks for refusals
	refusals refusals
	back     chan struct{} // takes one: the connection is up, again

	turn turn
	done chan struct{} // closed once it is stopped
	lost chan struct{} // closed when the connection is seen to be closed for good

	endStarted context.CancelFunc // ends what Host.Started is given

	mu        sync.Mutex
	endpoints []*attached // in the order in which they were added; replaced, never changed
	leaving   []*attached // removed, with requests that have not ended yet; replaced, never changed
	stopErr   error
}

// New returns a service that has not started. It must be started, once.
func New(host Host) *Server {
	intakes := newIntakes()
	s := &Server{
		host: host,
		conn: connection{nc: host.Conn, intakes: intakes, anchor: newAnchor(host.Conn), report: host.Report},
		env: environment{
			replier: replier{host.Conn, host.Report},
			clock:   clock{time.Now()},
			readers: &intakes.readers,
			tickets: newTickets(host.MaxRunning),
		},
		looking: make(chan struct{}, 1),
		back:    make(chan struct{}, 1),
		turn:    newTurn(),
		done:    make(chan struct{}),
		lost:    make(chan struct{}),
	}
	for _, a := range host.Answers {
		s.monitors = append(s.monitors, newVerbMonitor(a, host.Name, host.ID, &s.env.replier))
	}
	if host.Publishes {
		s.monitors = append(s.monitors, newDocumentMonitor(s))
	}
	return s
}

// Start begins to serve endpoints. When it returns, the server delivers requests and questions; on a connection that is
// still being made, or made again, that begins when it is there. If it returns an error, nothing is left running.
func (s *Server) Start(endpoints []Endpoint) error {
	if err := s.open(endpoints, s.monitors); err != nil {
		s.conn.anchor.raise()
		s.conn.intakes.close()
		return err
	}
	refusal := s.conn.nc.LastError()
	s.refusals.probedAll(refusal, true)
	s.tellRefusedExtras(refusal)
	var ctx context.Context
	ctx, s.endStarted = context.WithCancel(context.Background())
	go s.watch(s.conn.nc.StatusChanged(nats.CONNECTED, nats.DRAINING_SUBS, nats.CLOSED))
	go s.patrol()
	if s.host.Started != nil {
		s.env.readers.Go(func() { s.host.Started(ctx, s.conn.nc) })
	}
	return nil
}

// Done returns a channel that is closed once the service is stopped, however that came about.
func (s *Server) Done() <-chan struct{} { return s.done }

// Drained reports whether the service was stopped, or is being stopped, because its connection drains.
func (s *Server) Drained() bool { return s.drained.Load() }

// Add adds endpoints: all of them or, if it returns an error, none.
func (s *Server) Add(endpoints []Endpoint) error {
	if err := s.turn.take(context.Background()); err != nil {
		return err
	}
	defer s.turn.pass()
	if err := Conflicts(s.Endpoints(), endpoints); err != nil {
		return err
	}
	return s.open(endpoints, nil)
}

// Remove drains the endpoint with the given unique name or subject. It is removed even if ctx ends first.
func (s *Server) Remove(ctx context.Context, name string) error {
	return inTime(ctx, func() error {
		leaving, err := s.startRemoval(ctx, name)
		if leaving == nil {
			return err
		}
		return errors.Join(err, s.finish(ctx, leaving)) // others may change the service while this waits for handlers
	})
}

// Stop takes no new requests, waits for those that were accepted, and sends their replies. It can be called any number
// of times and returns the same each time, but for a call that gives up: while another one waits, or because the
// connection does not take what is sent. The stop goes on then.
func (s *Server) Stop(ctx context.Context) error {
	s.endStarted()
	s.refusals.interrupt()
	if err := s.turn.takeToStop(ctx); err != nil {
		return s.failedToStop(err)
	}
	if s.isStopped() {
		defer s.turn.pass()
		return s.stopErr
	}
	close(s.turn.stopping)
	err := inTime(ctx, func() error {
		defer s.turn.pass()
		ctx, cancel := s.whileConnected(ctx)
		defer cancel()
		s.stopErr = s.failedToStop(s.halt(ctx))
		close(s.done)
		return s.stopErr
	})
	if errors.Is(err, errStuck) {
		return s.failedToStop(err)
	}
	return err
}

func (s *Server) failedToStop(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stop service %q: %w", s.host.Name, err)
}
