package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/examples/inventory/client"
	"github.com/typednats/typednats/examples/inventory/server"
	"github.com/typednats/typednats/examples/inventory/stock"
)

// The load of the step that stops an instance.
const (
	callsDuringStop = 50
	callsAfterStop  = 10
)

// patience bounds the wait for what comes at once or never.
const patience = 5 * time.Second

// furniture is what the story is about.
func furniture() *server.Store {
	return server.NewStore(
		server.Item{SKU: "chair", Site: "berlin", Available: 12},
		server.Item{SKU: "desk", Site: "berlin", Available: 3},
		server.Item{SKU: "lamp", Site: "oslo", Available: -3}, // corrupt, to see what becomes of it
	)
}

// story is what the steps share.
type story struct {
	requester typednats.Requester
	discovery *discovery.Client
	client    *client.Client
	instances []*typednats.Service
	reports   <-chan typednats.ErrorReport
	out       *log.Logger

	calls, failures int // up to the step that runs
}

// step is one chapter. calls and failures are what it adds to the statistics of the service.
type step struct {
	title           string
	calls, failures int
	run             func(context.Context) error
}

// tell runs the steps on instances of its own, and stops these at the end, however it comes.
func tell(
	ctx context.Context, out *log.Logger, inventory server.Inventory,
	clientConn *nats.Conn, instanceConns []*nats.Conn,
) (err error) {
	reports := make(chan typednats.ErrorReport, 1)
	inventory.ErrorHandler = func(r typednats.ErrorReport) {
		select {
		case reports <- r:
		default: // one is enough here, and the log has them all
		}
	}
	requester := typednats.NewClient(clientConn)
	defer func() { err = errors.Join(err, requester.Close()) }()
	s := &story{
		requester: requester,
		discovery: discovery.New(clientConn),
		client:    &client.Client{NATS: requester, Out: out},
		reports:   reports,
		out:       out,
	}
	defer func() { err = errors.Join(err, s.stopAll(ctx)) }()
	for _, nc := range instanceConns {
		svc, err := inventory.Start(nc)
		if err != nil {
			return err
		}
		s.instances = append(s.instances, svc)
	}
	out.Printf("%d instances of the service %q are running.", len(s.instances), s.instances[0].Name())
	return s.runSteps(ctx)
}

func (s *story) runSteps(ctx context.Context) error {
	for i, chapter := range []step{
		{"A call that succeeds", 1, 0, s.client.Check},
		{"Failures that the contract declares", 3, 3, s.client.DeclaredFailures},
		{"A failure that it does not declare", 1, 1, s.undeclaredFailure},
		{"One endpoint, two codecs", 4, 2, s.client.Codecs},
		{"Two versions side by side, in groups", 2, 0, s.client.Groups},
		{"A wildcard in the subject", 2, 1, s.client.Wildcard},
		{"Headers there and back", 2, 1, s.client.Headers},
		{"A caller without the contract", 1, 1, s.client.WithoutContract},
		{"Who is there: discovery", 0, 0, s.discover},
		{"An instance stops under load", callsDuringStop + callsAfterStop, 0, s.stopOne},
		{"Statistics of both instances", 0, 0, s.statistics},
	} {
		s.out.Printf("\n%d. %s", i+1, chapter.title)
		err := chapter.run(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted at step %d of the story", i+1)
		case err != nil:
			return fmt.Errorf("step %d, %q: %w", i+1, chapter.title, err)
		}
		s.calls += chapter.calls
		s.failures += chapter.failures
	}
	s.out.Print("\nEvery step did what it says.")
	return nil
}

// stopAll stops the instances after what they have accepted, even though ctx may have ended.
func (s *story) stopAll(ctx context.Context) error {
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), typednats.DefaultDrainTimeout)
	defer cancel()
	var errs []error
	for _, svc := range s.instances {
		errs = append(errs, svc.Stop(ctx)) // the one that is stopped already stays so
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if interrupted {
		s.out.Print("\nInterrupted: both instances have answered what they had accepted.")
	}
	return nil
}

// undeclaredFailure has the client see a failure without its cause, and sees the cause itself.
func (s *story) undeclaredFailure(ctx context.Context) error {
	if err := s.client.UndeclaredFailure(ctx); err != nil {
		return err
	}
	select {
	case report := <-s.reports:
		s.out.Printf("   the service's error handler, and its log: %v", report.Err)
		if !errors.Is(report.Err, server.ErrCorrupt) {
			return fmt.Errorf("got report %w, want %w", report.Err, server.ErrCorrupt)
		}
		return nil
	case <-time.After(patience):
		return errors.New("the service's error handler was not told")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// discover asks who serves the inventory, what that is, and what it has done. Others may serve it, too.
func (s *story) discover(ctx context.Context) error {
	pings, err := s.discovery.PingService(ctx, s.instances[0].Name())
	if err != nil {
		return err
	}
	for _, svc := range s.instances {
		if !slices.ContainsFunc(pings, func(p micro.Ping) bool { return p.ID == svc.ID() }) {
			return fmt.Errorf("got %d answers to a ping, none from instance %s", len(pings), svc.ID())
		}
		s.out.Printf("   ping: found instance %s", svc.ID())
	}

	info, err := s.discovery.InfoInstance(ctx, s.instances[0].Name(), s.instances[0].ID())
	if err != nil {
		return err
	}
	var subjects []string
	for _, endpoint := range info.Endpoints {
		s.out.Printf("   info: %-9s listens on %s", endpoint.Name, endpoint.Subject)
		subjects = append(subjects, endpoint.Subject)
	}
	want := []string{
		stock.Check.Subject(), stock.CheckV2.Subject(), stock.Reserve.Subject(), stock.Warehouse.Subject(),
	}
	if !slices.Equal(want, subjects) {
		return fmt.Errorf("got endpoints on %q, want %q", subjects, want)
	}

	var requests, failed int
	for _, svc := range s.instances {
		stats, err := s.discovery.StatsInstance(ctx, svc.Name(), svc.ID())
		if err != nil {
			return err
		}
		for _, endpoint := range stats.Endpoints {
			requests += endpoint.NumRequests
			failed += endpoint.NumErrors
		}
	}
	s.out.Printf("   stats: %d requests so far, %d of them failed", requests, failed)
	return s.expectTotals(requests, failed)
}

// stopOne stops an instance while calls are under way. None of them fails, and the other one takes those that follow.
func (s *story) stopOne(ctx context.Context) error {
	stopped, left := s.instances[0], s.instances[1]
	errs := make([]error, callsDuringStop)
	var calls sync.WaitGroup
	for i := range errs {
		calls.Go(func() {
			_, errs[i] = typednats.RequestService(ctx, s.requester, stock.Check, stock.CheckRequest{SKU: "desk"})
		})
	}
	// An interrupt must not cut the drain short.
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), typednats.DefaultDrainTimeout)
	defer cancel()
	stopErr := stopped.Stop(stopCtx)
	calls.Wait()
	if err := errors.Join(stopErr, errors.Join(errs...)); err != nil {
		return err
	}
	s.out.Printf("   %d calls during the stop: all answered", callsDuringStop)

	_, err := s.discovery.PingInstance(ctx, stopped.Name(), stopped.ID())
	if err == nil {
		return errors.New("the stopped instance answers a ping")
	}
	if !errors.Is(err, discovery.ErrNotFound) {
		return err
	}
	s.out.Print("   ping of the stopped instance: nobody there")

	before := served(left)
	for range callsAfterStop {
		if _, err := typednats.RequestService(ctx, s.requester, stock.Check, stock.CheckRequest{SKU: "desk"}); err != nil {
			return err
		}
	}
	s.out.Printf("   %d calls more: the other instance answered %d", callsAfterStop, served(left)-before)
	if got := served(left) - before; got != callsAfterStop {
		return fmt.Errorf("the instance that is left answered %d calls, want %d", got, callsAfterStop)
	}
	return nil
}

// served is how many requests an instance has had.
func served(svc *typednats.Service) int {
	total := 0
	for _, endpoint := range svc.Stats().Endpoints {
		total += endpoint.NumRequests
	}
	return total
}

// statistics adds up what both instances have counted, the stopped one included.
func (s *story) statistics(context.Context) error {
	var requests, failed int
	for _, endpoint := range s.instances[0].Info().Endpoints {
		var sum micro.EndpointStats
		for _, svc := range s.instances {
			stats, ok := svc.EndpointStats(endpoint.Subject)
			if !ok {
				return fmt.Errorf("instance %s has no statistics of %s", svc.ID(), endpoint.Subject)
			}
			sum.NumRequests += stats.NumRequests
			sum.NumErrors += stats.NumErrors
		}
		s.out.Printf("   %-28s %3d requests, %d failed", endpoint.Subject, sum.NumRequests, sum.NumErrors)
		requests += sum.NumRequests
		failed += sum.NumErrors
	}
	s.out.Printf("   %-28s %3d requests, %d failed", "together", requests, failed)
	s.out.Printf("   %-28s %3d requests, %d failed", "made by the client", s.calls, s.failures)
	return s.expectTotals(requests, failed)
}

// expectTotals compares the statistics with the calls that were made.
func (s *story) expectTotals(requests, failed int) error {
	if requests != s.calls || failed != s.failures {
		return fmt.Errorf("got %d requests, %d of them failed; want %d and %d", requests, failed, s.calls, s.failures)
	}
	return nil
}
