package typednats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/typednats/typednats/internal/server"
)

// Service is a running service. It is made by [NewService] and safe for concurrent use.
type Service struct {
	cfg      ServiceConfig
	id       string
	reporter reporter
	server   *server.Server

	mu      sync.Mutex
	started time.Time
}

// NewService starts a service: when it returns, the server delivers requests for the endpoints and the service
// answers PING, INFO and STATS (ADR-32), unless cfg.DiscoveryDisabled. On a connection that is still being made, or made
// again, that begins when it is there. A service without endpoints is allowed; see [Service.AddEndpoints].
//
// It returns [ErrInvalidConfig] and [ErrInvalidEndpoint] for everything that is wrong with what it was given,
// joined, [nats.ErrMaxPayload] if there are so many endpoints that the answers to INFO or STATS would not fit into a
// message, and the connection's error if a subscription fails; then nothing is left running.
//
// Services that share a subject and a queue group get each other's requests. So a service asks $SRV.INFO once, after its
// start and for two seconds at most, and its Logger is warned of endpoints of services with other names that do; see
// [ServiceConfig.AskNeighbours].
//
// The service never closes the connection nor replaces its handlers. When the connection drains ([nats.Conn.Drain]) the
// service stops by itself, within cfg.DrainTimeout, and the connection waits for the replies of handlers in flight: up
// to its own [nats.DrainTimeout], and surely if the server asks for no login and the connection is without [nats.NoEcho],
// else once the service has got a few requests; docs/reliability.md says why. When the connection is closed the service
// stops, too, and replies are lost.
func NewService(nc *nats.Conn, cfg ServiceConfig, endpoints ...BoundEndpoint) (*Service, error) {
	cfg.Metadata = maps.Clone(cfg.Metadata)
	cfg.Guards = slices.Clone(cfg.Guards)
	cfg.Interceptors = slices.Clone(cfg.Interceptors)
	cfg.Observers = slices.Clone(cfg.Observers)
	cfg.Propagate = slices.Clone(cfg.Propagate)
	cfg.Name = cmp.Or(cfg.Name, cfg.Contract.name)
	s := &Service{cfg: cfg, id: nuid.Next(), started: time.Now().UTC()}
	s.reporter = reporter{service: cfg.Name, id: s.id, logger: cfg.Logger, errorHandler: cfg.ErrorHandler}
	sound, err := inServiceAll(s.host(), endpoints)
	err = errors.Join(cfg.check(nc), cfg.Contract.checkBound(endpoints, true), err, server.Conflicts(nil, sound))
	if err != nil {
		return nil, err
	}
	s.server = server.New(server.Host{
		Conn:         nc,
		Name:         cfg.Name,
		ID:           s.id,
		DrainTimeout: cfg.drainTimeout(),
		MaxRunning:   cfg.MaxConcurrentTotal,
		Answers:      s.answers(),
		AnswerSize:   s.answerSize(),
		Publishes:    cfg.handsOut(nc),
		Report:       s.reporter.report,
		Started:      s.afterStart(endpoints, sound),
	})
	if err := s.server.Start(sound); err != nil {
		return nil, fmt.Errorf("start service %q: %w", cfg.Name, err)
	}
	if cfg.OnStart != nil {
		cfg.OnStart(s)
	}
	return s, nil
}

// Serve runs a service until ctx ends, which in a program is when it gets os.Interrupt or syscall.SIGTERM (see
// [os/signal.NotifyContext]), or until the connection drains. Then it stops it and waits up to cfg.DrainTimeout for the
// handlers in flight. It returns nil after a complete drain, [ErrAbandoned] with a count if handlers did not end in time,
// [nats.ErrConnectionClosed] if the connection was closed for good, and what [NewService] returns.
func Serve(ctx context.Context, nc *nats.Conn, cfg ServiceConfig, endpoints ...BoundEndpoint) error {
	if ctx == nil {
		return fmt.Errorf("serve %q: %w", cfg.Name, errNilContext)
	}
	s, err := NewService(nc, cfg, endpoints...)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.drainTimeout())
	defer cancel()
	if err := s.Stop(stopCtx); err != nil {
		return err
	}
	if nc.IsClosed() && !s.server.Drained() {
		return fmt.Errorf("serve %q: %w", s.Name(), nats.ErrConnectionClosed)
	}
	return nil
}

// host is what endpoints know of the service.
func (s *Service) host() *host { return &host{&s.cfg, s.id, s.reporter.report} }

// afterStart returns what there is to do once requests are served: documents are made, which others ask for, and neighbours
// looked for.
func (s *Service) afterStart(bound []BoundEndpoint, endpoints []server.Endpoint) func(context.Context, *nats.Conn) {
	if s.cfg.DiscoveryDisabled || len(endpoints) == 0 {
		return nil
	}
	bound = slices.Clone(bound)
	return func(ctx context.Context, nc *nats.Conn) {
		if s.cfg.publishes() {
			makeDocuments(ctx, bound, &s.reporter)
		}
		if s.cfg.AskNeighbours != AskNever && nc.IsConnected() && (s.cfg.AskNeighbours == AskAlways || !nc.AuthRequired()) {
			newNeighbours(s.cfg.Name, endpoints).warn(ctx, nc, &s.reporter)
		}
	}
}

// ID returns the unique id of this instance.
func (s *Service) ID() string { return s.id }

// Name returns the service's name.
func (s *Service) Name() string { return s.cfg.Name }

// Version returns the service's version.
func (s *Service) Version() string { return s.cfg.Version }

// Description returns the service's description.
func (s *Service) Description() string { return s.cfg.Description }

// Done returns a channel that is closed once the service is stopped, however that came about: by [Service.Stop], or
// because the connection drained or was closed.
func (s *Service) Done() <-chan struct{} { return s.server.Done() }

// AddEndpoints adds endpoints to the running service: all of them or, when it returns an error, none. The errors are those
// of [NewService]. A service with a [ServiceConfig.Contract] has all endpoints of it from the start, and adds nothing else:
// only what RemoveEndpoint has taken away.
func (s *Service) AddEndpoints(endpoints ...BoundEndpoint) error {
	sound, err := inServiceAll(s.host(), endpoints)
	if err = errors.Join(err, s.cfg.Contract.checkBound(endpoints, false)); err != nil {
		return errors.Join(err, server.Conflicts(s.server.Endpoints(), sound))
	}
	if err := s.server.Add(sound); err != nil {
		return fmt.Errorf("add endpoints to service %q: %w", s.cfg.Name, err)
	}
	return nil
}

// Ready reports, through the server and back, whether requests are served: the connection is there, the server has the
// subscriptions of all endpoints and of $SRV, and the service is not being stopped. The error says what is missing:
// [ErrServiceStopped], [nats.ErrConnectionDraining], [nats.ErrDisconnected], or [nats.ErrPermissionViolation] for each
// subscription that the server refuses. It waits until ctx ends, at most 10 s.
func (s *Service) Ready(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	if err := s.server.Ready(ctx); err != nil {
		return fmt.Errorf("service %q is not ready: %w", s.cfg.Name, err)
	}
	return nil
}

// RemoveEndpoint drains one endpoint: it takes no new requests, and RemoveEndpoint waits for those that were
// accepted. The endpoint is removed even if ctx ends first; what was left is then counted in an [ErrAbandoned]. The
// name is the endpoint's name if it is unique, else its subject. An endpoint of a [ServiceConfig.Contract] can be removed,
// too: who looks whether the fleet fits is told that it is missing.
func (s *Service) RemoveEndpoint(ctx context.Context, name string) error {
	if ctx == nil {
		return errNilContext
	}
	if err := s.server.Remove(ctx, name); err != nil {
		return fmt.Errorf("remove endpoint %q from service %q: %w", name, s.cfg.Name, err)
	}
	return nil
}

// Stop takes no new requests, waits for those that were accepted, and sends their replies. When it returns, the
// service has left nothing behind: no subscription, and no goroutine but those of handlers that did not return.
//
// If ctx ends first, requests that have not started are answered with code 503, the contexts of the handlers that
// still run end, and Stop returns an [ErrAbandoned] that counts both. Stop can be called any number of times and
// returns the same each time, but for a call that gives up, with ctx's error, while another one waits, or because the
// connection does not take what is sent; the stop then goes on until it does, or is closed. Stop returns within 100 ms
// of the end of ctx. It returns nil on a closed connection, and [ErrAbandoned] with [nats.ErrConnectionClosed] if that is
// closed while handlers run. A handler that calls it waits for itself.
//
// If the connection is lost and made again in the moment in which subscriptions end, nats.go can leave them on the
// server and forget them. The service then makes the connection anew ([nats.Conn.ForceReconnect]), because the server
// would send requests that nobody receives. RemoveEndpoint does so, too.
func (s *Service) Stop(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	err := s.server.Stop(ctx)
	s.reporter.settle(ctx)
	return err
}
