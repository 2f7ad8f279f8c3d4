package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
)

const (
	// fleetSize is more than there are nodes, so that one node has two instances.
	fleetSize = 4

	// retireTime is how long the schedule waits for an instance that stops.
	retireTime = 300 * time.Millisecond

	// healTime is how long the system may take to be whole again after a violent fault.
	healTime = 60 * time.Second
)

// fleet is the instances that run. Faults change it, one at a time.
type fleet struct {
	cluster *cluster
	*shared
	instances []*instance
	retiring  sync.WaitGroup
}

func startFleet(c *cluster, s *shared) (*fleet, error) {
	f := &fleet{cluster: c, shared: s}
	for i := range fleetSize {
		in, err := f.launch(i)
		if err != nil {
			return f, err
		}
		f.instances = append(f.instances, in)
	}
	return f, nil
}

// launch starts an instance on a connection to a node.
func (f *fleet) launch(node int) (*instance, error) { return f.launchWith(node, endpointNames()...) }

// launchWith starts an instance that has some endpoints only, or others.
func (f *fleet) launchWith(node int, names ...string) (*instance, error) {
	nc, err := f.cluster.connect(node, instanceUser)
	if err != nil {
		return nil, fmt.Errorf("connect instance: %w", err)
	}
	in, err := startInstance(nc, f.shared, f.cluster, names...)
	if err != nil {
		nc.Close()
		return nil, err
	}
	f.account.hear("instances started")
	return in, nil
}

// retire ends an instance. It returns when that is done, or a little later: handlers may run longer than the next
// fault should wait.
func (f *fleet) retire(end func()) {
	done := make(chan struct{})
	f.retiring.Go(func() {
		defer close(done)
		end()
	})
	select {
	case <-done:
	case <-time.After(retireTime):
	}
}

// replace ends the instance in a slot and starts another one there.
func (f *fleet) replace(slot, node int, end func(*instance)) error {
	old := f.instances[slot]
	f.retire(func() { end(old) })
	in, err := f.launch(node)
	if err == nil {
		f.instances[slot] = in
	}
	return err
}

// relieve starts another instance for a slot before it stops the one there.
func (f *fleet) relieve(slot, node int) error {
	in, err := f.launch(node)
	if err != nil {
		return err
	}
	old := f.instances[slot]
	f.instances[slot] = in
	f.retire(old.stop)
	return nil
}

func (f *fleet) close() {
	for _, in := range f.instances {
		f.retire(in.stop)
	}
	f.retiring.Wait()
}

// awaitWhole waits until the nodes know where everybody is, and each caller's connection reaches every instance and
// back.
func (f *fleet) awaitWhole(callers []*caller) error {
	deadline := time.Now().Add(healTime)
	for {
		err := f.checkWhole(callers)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		pause(context.Background(), 10*time.Millisecond)
	}
}

func (f *fleet) checkWhole(callers []*caller) error {
	if err := f.cluster.checkNodes(); err != nil {
		return err
	}
	// Once the servers have what the instances sent before, an answer to a ping, which comes behind it, proves that
	// the subscriptions are known, too.
	for _, in := range f.instances {
		if err := in.nc.FlushTimeout(time.Second); err != nil {
			return fmt.Errorf("flush instance: %w", err)
		}
	}
	for i, c := range callers {
		if err := c.nc.FlushTimeout(time.Second); err != nil {
			return fmt.Errorf("flush caller %d: %w", i, err)
		}
		if n := f.found(c.nc, time.Second); n != len(f.instances) {
			return fmt.Errorf("caller %d finds %d instances, want %d", i, n, len(f.instances))
		}
	}
	return nil
}

// found is how many instances of the fleet answer a ping. Those that are stopping do not count.
func (f *fleet) found(nc *nats.Conn, wait time.Duration) int {
	missing := make(map[string]bool)
	for _, in := range f.instances {
		missing[in.svc.ID()] = true
	}
	client := discovery.New(nc, discovery.WithStall(0), discovery.WithMaxWait(wait))
	for ping, err := range client.PingSeq(context.Background(), serviceName) {
		if err != nil {
			break
		}
		if delete(missing, ping.ID); len(missing) == 0 {
			break
		}
	}
	return len(f.instances) - len(missing)
}
