package typednats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// startChange waits for the right to add or remove endpoints, which a service that has begun to stop does not give: a
// handler that asks would wait for a Stop that waits for the handler.
func (s *Service) startChange(ctx context.Context) error {
	if err := s.acquire(ctx, s.stopping); err != nil {
		return err
	}
	select {
	case <-s.stopping:
		s.release()
		return ErrServiceStopped
	default:
		return nil
	}
}

// acquire waits for the right to change what the service serves, until stopping is closed. It has a little patience
// even if ctx has ended, as the other steps of ending have: most changes take a round trip to the server.
func (s *Service) acquire(ctx context.Context, stopping <-chan struct{}) error {
	select {
	case s.changing <- struct{}{}:
		return nil
	case <-stopping:
		return ErrServiceStopped
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushGrace)
	defer cancel()
	select {
	case s.changing <- struct{}{}:
		return nil
	case <-stopping:
		return ErrServiceStopped
	case <-grace.Done():
		return fmt.Errorf("wait for another change: %w", ctx.Err())
	}
}

func (s *Service) release() { <-s.changing }

// clock is the time since the service began, which is cheaper to read than the time.
func (s *Service) clock() time.Duration { return time.Since(s.begun) }

func (s *Service) isStopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// current returns the endpoints. The slice must not be changed.
func (s *Service) current() []*servedEndpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}

// inspected returns the endpoints whose handlers may run, those that are being removed included.
func (s *Service) inspected() []*servedEndpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.endpoints, s.leaving)
}

// find returns the endpoint whose unique name, or else whose subject, is given.
func (s *Service) find(name string) (*servedEndpoint, bool) {
	endpoints := s.current()
	if e := theOnly(endpoints, func(e *servedEndpoint) bool { return e.name == name }); e != nil {
		return e, true
	}
	e := theOnly(endpoints, func(e *servedEndpoint) bool { return e.subject == name })
	return e, e != nil
}

// theOnly returns the endpoint that fits, nil if there is none or several.
func theOnly(endpoints []*servedEndpoint, fits func(*servedEndpoint) bool) *servedEndpoint {
	i := slices.IndexFunc(endpoints, fits)
	if i < 0 || slices.ContainsFunc(endpoints[i+1:], fits) {
		return nil
	}
	return endpoints[i]
}

// addresses returns, for each endpoint, its name where no other endpoint has it, else its subject.
func addresses(endpoints []*servedEndpoint) map[*servedEndpoint]string {
	named := make(map[string]int, len(endpoints))
	for _, e := range endpoints {
		named[e.name]++
	}
	found := make(map[*servedEndpoint]string, len(endpoints))
	for _, e := range endpoints {
		found[e] = e.name
		if named[e.name] > 1 {
			found[e] = e.subject
		}
	}
	return found
}

// checkAll returns everything that is wrong with endpoints that are to be added.
func (s *Service) checkAll(endpoints []BoundEndpoint) error {
	type address struct{ subject, queueGroup string }
	taken := make(map[address]string)
	for _, e := range s.current() {
		taken[address{e.subject, e.queueGroup}] = e.name
	}
	var errs []error
	for i, b := range endpoints {
		if err := b.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		at := address{b.contract.subject, s.queueGroup(b)}
		if other, ok := taken[at]; ok {
			errs = append(errs, fmt.Errorf("%w: endpoint %q has the same subject %q and queue group %q",
				invalidEndpoint(endpoints[i].name), other, at.subject, at.queueGroup))
		}
		taken[at] = b.name
	}
	return errors.Join(errs...)
}

// queueGroup returns the effective queue group of an endpoint, "" if it has none.
func (s *Service) queueGroup(b BoundEndpoint) string {
	if policy := b.contract.queue.or(s.cfg.queuePolicy()); policy.kind == queueNamed {
		return policy.name
	}
	return ""
}

func (s *Service) newServed(b BoundEndpoint) *servedEndpoint {
	e := &servedEndpoint{
		contract:           b.contract,
		op:                 b.op,
		svc:                s,
		queueGroup:         s.queueGroup(b),
		maxConcurrent:      DefaultMaxConcurrent,
		maxPendingMessages: DefaultMaxPendingMessages,
		maxPendingBytes:    DefaultMaxPendingBytes,
		drained:            make(chan struct{}),
	}
	if s.cfg.MaxConcurrent > 0 {
		e.maxConcurrent = s.cfg.MaxConcurrent
	}
	if n := b.opts.maxConcurrent; n != nil {
		e.maxConcurrent = *n
	}
	if n := b.opts.maxPendingMessages; n != nil {
		e.maxPendingMessages, e.maxPendingBytes = *n, *b.opts.maxPendingBytes
	}
	if interceptors := slices.Concat(s.cfg.Interceptors, b.opts.interceptors); len(interceptors) > 0 {
		e.intercepted = chain(interceptors, e.invoke)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.counts.Store(&counts{})
	return e
}

// subscribe adds endpoints and runs more, all or nothing, and makes sure that the server knows.
func (s *Service) subscribe(endpoints []BoundEndpoint, more func() error) error {
	lastError := s.nc.LastError()
	var added []*servedEndpoint
	for _, b := range endpoints {
		added = append(added, s.newServed(b))
	}
	err := subscribeAll(s.nc, added)
	if err == nil {
		s.mu.Lock()
		s.endpoints = slices.Concat(s.endpoints, added)
		s.mu.Unlock()
		if more != nil {
			err = more()
		}
	}
	if err == nil {
		err = s.confirm(added, lastError)
	}
	if err == nil {
		return nil
	}
	var monitors []*monitor
	if more != nil {
		monitors = s.monitors
		defer s.removeMonitors()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.drainTimeout())
	defer cancel()
	s.detach(added)
	return errors.Join(err, s.cutOff(ctx, added, monitors), s.finish(ctx, added))
}

// subscribeAll starts the flow of cancellations, then that of requests: a connection keeps the server's last refusal
// only, and that of a cancel subject, which does no harm, must not stand in the place of another.
func subscribeAll(nc *nats.Conn, endpoints []*servedEndpoint) error {
	for _, e := range endpoints {
		if err := e.subscribeCancel(nc); err != nil {
			return err
		}
	}
	for _, e := range endpoints {
		if err := e.subscribe(nc); err != nil {
			return err
		}
	}
	return nil
}

// confirm waits until the server has taken the subscriptions, and returns its refusal if it has refused one.
// A connection that is still being made, or made again, takes them when it is there.
func (s *Service) confirm(added []*servedEndpoint, before error) error {
	if !s.nc.IsConnected() {
		return nil
	}
	if err := s.nc.FlushTimeout(flushTimeout); errors.Is(err, nats.ErrConnectionClosed) && s.nc.IsClosed() {
		return fmt.Errorf("flush subscriptions: %w", err)
	}
	refusal := s.nc.LastError()
	full := errors.Is(refusal, nats.ErrMaxSubscriptionsExceeded)
	if !full && !errors.Is(refusal, nats.ErrPermissionViolation) {
		return nil
	}
	if refusal == before { //nolint:errorlint // the very one, from before; the kinds above can be compared, others may not
		return nil
	}
	if full {
		return fmt.Errorf("subscribe: %w", refusal)
	}
	for _, e := range added {
		if strings.Contains(refusal.Error(), strconv.Quote(e.subject)) {
			return fmt.Errorf("subscribe endpoint %q to %q: %w", e.name, e.subject, refusal)
		}
	}
	return s.monitorRefusal(refusal)
}

// detach takes endpoints out of what the service serves. They are leaving until finish is through.
func (s *Service) detach(endpoints []*servedEndpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = without(s.endpoints, endpoints)
	s.leaving = slices.Concat(s.leaving, endpoints)
}

func without(all, some []*servedEndpoint) []*servedEndpoint {
	left := make(map[*servedEndpoint]bool, len(some))
	for _, e := range some {
		left[e] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(e *servedEndpoint) bool { return left[e] })
}

// halt ends everything. The caller marks the service as stopped afterwards.
func (s *Service) halt(ctx context.Context) error {
	defer s.removeMonitors()
	endpoints := s.inspected()
	if s.nc.IsClosed() {
		for _, e := range endpoints {
			e.discard()
		}
		s.prober.close()
		s.intake.close()
		return nil
	}
	err := errors.Join(s.cutOff(ctx, endpoints, s.monitors), s.finish(ctx, endpoints))
	s.prober.close()
	s.intake.close()
	if err != nil {
		return fmt.Errorf("stop service %q: %w", s.cfg.Name, err)
	}
	return s.awaitReaders(ctx)
}

// awaitReaders waits for the goroutines of the service. Handlers are through by then; what can still run is the
// user's StatsHandler.
func (s *Service) awaitReaders(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.intake.readers.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop service %q: wait for the StatsHandler: %w", s.cfg.Name, ctx.Err())
	}
}

// watch looks after what no request does: it stops the service when its connection is closed for good, finds out
// about callers that are gone, and about requests that nats.go dropped. It ends with the service.
func (s *Service) watch(closed chan nats.Status) {
	defer s.nc.RemoveStatusListener(closed)
	ticker := time.NewTicker(inspectInterval)
	defer ticker.Stop()
	for !s.nc.IsClosed() { // it may have been closed before closed was registered
		select {
		case <-closed:
		case <-s.done:
			return
		case <-ticker.C:
			s.inspect()
		}
	}
	_ = s.Stop(context.Background()) // it does not wait on a closed connection
}

func (s *Service) inspect() {
	endpoints := s.inspected()
	for _, e := range endpoints {
		e.noteDropped()
	}
	if err := s.prober.inspect(endpoints); err != nil {
		s.report(ErrorReport{Err: err})
	}
}

// noteDropped counts and reports the requests that nats.go has dropped because nobody read them in time.
func (e *servedEndpoint) noteDropped() {
	dropped, err := e.sub.Dropped()
	if err != nil || dropped <= e.dropped {
		return
	}
	n := dropped - e.dropped
	e.dropped = dropped
	err = fmt.Errorf("%w: %d requests", nats.ErrSlowConsumer, n)
	counted := e.counts.Load()
	counted.requests.Add(int64(n))
	counted.failed(n, codeUnavailable, err.Error())
	e.svc.report(ErrorReport{Endpoint: e.name, Subject: e.subject, Err: err})
}

// report tells the service's owner about an error.
func (s *Service) report(r ErrorReport) {
	defer func() {
		if recovered := recover(); recovered != nil {
			s.cfg.logger().Error("typednats: the ErrorHandler failed", "service", s.cfg.Name, "error", panicError(recovered))
		}
	}()
	attrs := []any{"service", s.cfg.Name, "id", s.id, "endpoint", r.Endpoint, "subject", r.Subject, "error", r.Err}
	if r.Stack != nil {
		attrs = append(attrs, "stack", string(r.Stack))
	}
	message := "typednats: request failed"
	if r.Endpoint == "" {
		message = "typednats: service in trouble"
	}
	s.cfg.logger().Error(message, attrs...)
	if s.cfg.ErrorHandler != nil {
		s.cfg.ErrorHandler(r)
	}
}
