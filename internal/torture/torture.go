package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nuid"
)

// torture runs everything and returns the report. Its error means that there is none.
func torture(s settings, out io.Writer) (*report, error) {
	r := &report{settings: s, before: measure()}
	acc := newAccount()
	all := &shared{
		contract: newContract(),
		ledger:   &ledger{run: nuid.Next()},
		told:     &told{calls: make(map[uint64]*vanishing)},
		account:  acc,
	}
	r.shared = all
	faults := newSchedule(s)
	printf(out, "seed %d, %v, %d faults planned, %d workers, %d instances, %d nodes (%s)\n",
		s.seed, s.length, len(faults), s.workers, fleetSize, clusterSize, s.servers())
	watch := startObserver()
	err := r.perform(faults, out)
	r.peak = watch.stop()
	if err != nil {
		return nil, err
	}
	var stacks string
	if r.after.goroutines, stacks = awaitGoroutines(r.before.goroutines); stacks != "" {
		acc.brokenf(leavesNothing, "%d goroutines, %d at the start:\n%s", r.after.goroutines, r.before.goroutines, stacks)
	}
	runtime.GC()
	r.after.heap, r.after.total = measure().heap, measure().total
	r.audit()
	return r, nil
}

// perform builds the system, disturbs it, and takes it down.
func (r *report) perform(faults []fault, out io.Writer) (err error) {
	nodes, err := startCluster(r.apart, r.account)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nodes.close()) }()
	instances, err := startFleet(nodes, r.shared)
	defer instances.close()
	if err != nil {
		return err
	}
	callers, err := newCallers(nodes)
	calls := &load{shared: r.shared, callers: callers}
	defer calls.close()
	if err != nil {
		return err
	}
	if err := instances.awaitWhole(callers); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.length)
	defer cancel()
	var background sync.WaitGroup
	garbage := newVandal(nodes, r.contract, newRandom(r.seed, 1<<32))
	background.Go(func() { garbage.work(ctx) })
	lies, err := newLiar(nodes)
	if err != nil {
		return err
	}
	background.Go(func() { lies.work(ctx) })
	s := &saboteur{
		cluster: nodes, fleet: instances, load: calls, vandal: garbage, account: r.account,
		random: newRandom(r.seed, 1<<33), out: out,
	}
	r.account.start = time.Now()
	calls.start(ctx, r.workers, r.seed)
	r.faults, err = s.work(ctx, faults)
	cancel()
	r.unreturned = calls.wait()
	background.Wait()
	r.thrown, r.lies, r.planned = garbage.thrown.Load(), lies.lies.Load(), len(faults)
	return err
}
