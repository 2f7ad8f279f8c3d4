package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// shared is what all instances, and the load, have in common.
type shared struct {
	contract contract
	ledger   *ledger
	told     *told
	account  *account
	underway atomic.Int64 // calls
	gate     gate
	cutOff   sync.Map // ids of hops whose own call waited when the connection of their instance was drained
}

// drainTime is how long an instance or an endpoint may take to stop. Only handlers of vanished callers take long.
const drainTime = 60 * time.Second

// instance is one running service on a connection of its own.
type instance struct {
	svc *typednats.Service
	nc  *nats.Conn
	*shared
	subscriptions func(*nats.Conn) []string // what the server has for a connection
	onward        *typednats.Client         // for calls of handlers

	mu       sync.Mutex
	handlers map[string]*handler
	draining time.Time // when its connection began to drain
}

func startInstance(nc *nats.Conn, s *shared, c *cluster, names ...string) (*instance, error) {
	in := &instance{
		nc: nc, shared: s, subscriptions: c.subscriptions, handlers: make(map[string]*handler),
		onward: typednats.NewClient(nc),
	}
	var endpoints []typednats.BoundEndpoint
	for _, name := range names {
		bound, err := in.bind(name)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, bound)
	}
	var err error
	in.svc, err = typednats.NewService(nc, typednats.ServiceConfig{
		Name:         serviceName,
		Version:      "1.0.0",
		DrainTimeout: drainTime,
		Logger:       slog.New(slog.DiscardHandler),
		ErrorHandler: in.hear,
	}, endpoints...)
	if err != nil {
		return nil, err
	}
	return in, in.warmUp()
}

// warmUp has the ways in which handlers call subscribe to their replies, which they cannot any more once the connection
// drains.
func (in *instance) warmUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, r := range in.requesters() {
		if _, err := in.contract.doNobody(ctx, r, question{}); !errors.Is(err, nats.ErrNoResponders) {
			return fmt.Errorf("call nobody: %w", err)
		}
	}
	return nil
}

// requesters are the ways in which handlers make calls of their own.
func (in *instance) requesters() []typednats.Requester {
	return []typednats.Requester{in.onward, in.nc}
}

// bind gives an endpoint a new handler, which begins to count at zero as the endpoint's statistics do.
func (in *instance) bind(name string) (typednats.BoundEndpoint, error) {
	h := &handler{shared: in.shared, maxNap: maxNap, onward: in.requesters(), isDraining: in.isDraining}
	switch name {
	case moodyEndpoint:
		h.maxNap = strangerNap
	case measuredEndpoint:
		h.maxNap = measuredNap
	}
	bound, err := in.contract.bind(name, h)
	if err != nil {
		return bound, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.handlers[name] = h
	return bound, nil
}

// hear counts what the service tells its owner, and nobody else.
func (in *instance) hear(r typednats.ErrorReport) {
	if f, ok := errors.AsType[*failure](r.Err); ok {
		in.hearFailure(r, f)
	}
	switch {
	case errors.Is(r.Err, typednats.ErrAbandoned):
		in.hearAbandoned(r.Err)
	case errors.Is(r.Err, nats.ErrPermissionViolation):
		in.account.hear("subscriptions that were revoked, as reported")
	case errors.Is(r.Err, nats.ErrSlowConsumer):
		in.account.hear("requests dropped by nats.go")
	case r.Stack != nil:
		in.account.hear("handlers that crashed")
	default:
		in.account.hear("other errors that stay in the service")
	}
}

// hearAbandoned notes that an instance whose connection drains could not wait for all handlers.
func (in *instance) hearAbandoned(err error) {
	if in.account.disturbed(in.drainBegan()) {
		in.account.hear("drains that failed because the connection was lost")
		return
	}
	in.account.brokenf(stopsClean, "instance %s: %v", in.svc.ID(), err)
}

// hearFailure checks a report of a handler's undeclared error.
func (in *instance) hearFailure(r typednats.ErrorReport, f *failure) {
	f.handler.reported.Add(1)
	if f.ended {
		in.account.brokenf(reportsAgree, "endpoint %q: the end of a call was reported: %v", r.Endpoint, r.Err)
	}
	_, isCall := errors.AsType[*typednats.CallError](r.Err)
	_, isDeclared := errors.AsType[grudge](r.Err)
	if r.Endpoint == hopEndpoint && !isCall && !isDeclared {
		in.account.brokenf(reportsAgree, "endpoint %q: the report does not say which call failed: %v", r.Endpoint, r.Err)
	}
}

// readd removes an endpoint and adds it again. That takes only as long as what was accepted.
func (in *instance) readd(ctx context.Context, name string) error {
	err := in.svc.RemoveEndpoint(ctx, name)
	bound, bindErr := in.bind(name)
	if bindErr != nil {
		return bindErr
	}
	// The endpoint is gone even if there was an error.
	return errors.Join(err, in.svc.AddEndpoints(bound)) //nolint:contextcheck // AddEndpoints takes none
}

func (in *instance) reset() {
	in.mu.Lock()
	for _, h := range in.handlers {
		h.reset.Store(true)
	}
	in.mu.Unlock()
	in.svc.Reset()
}

// stop drains the service, checks what it leaves, and closes the connection at once.
func (in *instance) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	begin := time.Now()
	var err error
	if !within(2*drainTime, func() { err = in.svc.Stop(ctx) }) {
		in.account.brokenf(stopsClean, "instance %s has not stopped after %v", in.svc.ID(), 2*drainTime)
		return
	}
	if err := in.onward.Close(); err != nil {
		in.account.brokenf(leavesNothing, "client of instance %s: %v", in.svc.ID(), err)
	}
	count, left := in.nc.NumSubscriptions(), in.subscriptions(in.nc)
	// A node that is about to go down may still answer, and take no notice of what it is told.
	for deadline := time.Now().Add(closeTime); len(left) > 0 && time.Now().Before(deadline); left = in.subscriptions(in.nc) {
		pause(context.Background(), 10*time.Millisecond)
	}
	in.nc.Close()
	switch {
	case count > 1 || len(left) > 0: // the connection's own is for bare requests
		in.account.brokenf(leavesNothing, "instance %s has %d subscriptions after its stop, and its node has %v",
			in.svc.ID(), count, left)
	case err == nil:
	case in.account.disturbed(begin):
		in.account.hear("stops that failed because the connection was lost")
	default:
		in.account.brokenf(stopsClean, "instance %s after %v: %v", in.svc.ID(), time.Since(begin), err)
	}
	in.compare()
}

// drain drains the connection, as programs do that know nothing of the service, and checks that this ends both.
func (in *instance) drain() {
	begin := time.Now()
	in.mu.Lock()
	in.draining = begin
	in.mu.Unlock()
	err := in.nc.Drain()
	ended := within(2*drainTime, func() {
		<-in.svc.Done()
		for !in.nc.IsClosed() {
			pause(context.Background(), 10*time.Millisecond)
		}
	})
	if !ended || err != nil && !in.account.disturbed(begin) {
		in.account.brokenf(stopsClean, "instance %s, drained, ended %v after %v: %v", in.svc.ID(), ended, time.Since(begin), err)
		return
	}
	if err := in.onward.Close(); err != nil {
		in.account.brokenf(leavesNothing, "client of instance %s: %v", in.svc.ID(), err)
	}
	if !in.account.disturbed(begin) { // it waits for no handler if its connection is lost
		in.compare()
	}
}

// drainBegan is when the connection began to drain, or the zero time.
func (in *instance) drainBegan() time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.draining
}

func (in *instance) isDraining() bool { return !in.drainBegan().IsZero() }

// napping is how many handlers sleep that may do so for long.
func (in *instance) napping() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.handlers[moodyEndpoint].napping.Load()
}

// compare checks the statistics of a stopped instance.
func (in *instance) compare() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for name, h := range in.handlers {
		stats, ok := in.svc.EndpointStats(name)
		if !ok {
			in.account.brokenf(statsAgree, "endpoint %q has no statistics", name)
			continue
		}
		if err := h.compare(&stats); err != nil {
			in.account.brokenf(statsAgree, "endpoint %q: %v: num_requests %d, num_errors %d, ran %d, succeeded %d",
				name, err, stats.NumRequests, stats.NumErrors, h.ran.Load(), h.succeeded.Load())
		}
		if owed, reported := h.owed.Load(), h.reported.Load(); owed != reported {
			in.account.brokenf(reportsAgree, "endpoint %q: %d failures, %d reports", name, owed, reported)
		}
		in.account.addStats(&stats)
	}
}
