package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	burstSize = 200

	// drainCalls is how many calls are made so that an instance whose connection is drained has some of them.
	drainCalls = 8 * fleetSize
)

// saboteur carries out the schedule, one fault after the other.
type saboteur struct {
	cluster *cluster
	fleet   *fleet
	load    *load
	vandal  *vandal
	account *account
	random  *rand.Rand
	out     io.Writer

	vanishing sync.WaitGroup
}

// work carries out faults until ctx ends, and returns how many. One that has begun is finished.
func (s *saboteur) work(ctx context.Context, faults []fault) (int, error) {
	defer s.vanishing.Wait()
	for i, f := range faults {
		pause(ctx, time.Until(s.account.start.Add(f.at)))
		if ctx.Err() != nil {
			return i, nil
		}
		begin := time.Now()
		printf(s.out, "%8.3fs  #%-3d %s (%d, %v)",
			begin.Sub(s.account.start).Seconds(), i+1, f.kind, f.pick, f.down.Round(time.Millisecond))
		if err := s.do(f); err != nil { //nolint:contextcheck // what has begun is finished
			return i, fmt.Errorf("fault %d, %s: %w", i+1, f.kind, err)
		}
		printf(s.out, ": took %v\n", time.Since(begin).Round(time.Millisecond))
		s.account.hear(string(f.kind))
	}
	return len(faults), nil
}

func (s *saboteur) do(f fault) error {
	if !f.kind.violent() {
		return s.doGentle(f)
	}
	over := s.account.violence()
	defer over()
	err := s.doViolent(f)
	if err != nil {
		return err
	}
	if err := s.fleet.awaitWhole(s.load.callers); err != nil {
		s.account.brokenf(heals, "%v after %s", err, f.kind)
	}
	return nil
}

func (s *saboteur) doGentle(f fault) error {
	slot, node := f.pick%fleetSize, f.pick/fleetSize%clusterSize
	switch f.kind {
	case replaceInstance:
		return s.fleet.replace(slot, node, (*instance).stop)
	case drainInstance:
		return s.drain(slot, node)
	case relieveInstance:
		return s.fleet.relieve(slot, node)
	case readdEndpoint:
		s.readd(f)
	case resetStats:
		s.fleet.instances[slot].reset()
	case overload:
		s.load.burst(burstSize, s.random)
	case discoveryFlood:
		s.flood()
	case endpointFlood:
		return s.floodEndpoint(f)
	case massCancel:
		return s.cancelAll()
	case largeHeaders:
		s.burden()
	case fullLoad:
		return s.overburden(node)
	case garbageBurst:
		s.vandal.burst(context.Background(), 10*burstSize)
	case vanishingCaller:
		return s.vanish(node)
	default:
	}
	return nil
}

func (s *saboteur) doViolent(f fault) error {
	slot := f.pick % fleetSize
	switch f.kind {
	case killNode:
		return s.kill(s.cluster.nodes[f.pick%clusterSize], f.down)
	case killWhileStop:
		node := s.cluster.nodeOf(s.fleet.instances[slot].nc)
		s.fleet.retiring.Go(s.fleet.instances[slot].stop)
		if err := s.kill(node, f.down); err != nil {
			return err
		}
		var err error
		s.fleet.instances[slot], err = s.fleet.launch(f.pick / fleetSize % clusterSize)
		return err
	case killWhileRemove:
		node := s.cluster.nodeOf(s.fleet.instances[slot].nc)
		var removing sync.WaitGroup
		removing.Go(func() { s.readd(f) })
		err := s.kill(node, f.down)
		removing.Wait()
		return err
	case lameDuck:
		node := s.cluster.nodes[f.pick%clusterSize]
		if err := node.daemon().retire(); err != nil {
			return err
		}
		pause(context.Background(), f.down)
		return s.cluster.start(node)
	case freezeNode:
		return s.cluster.nodes[f.pick%clusterSize].daemon().freeze(10 * f.down)
	case revoke:
		return s.revoke(f)
	case reconnectService:
		return s.fleet.instances[slot].nc.ForceReconnect()
	case reconnectCaller:
		return s.load.callers[f.pick%len(s.load.callers)].nc.ForceReconnect()
	default:
		return nil
	}
}

// drain drains the connection of an instance while its handlers are at work, and starts another one.
func (s *saboteur) drain(slot, node int) error {
	in := s.fleet.instances[slot]
	var calls sync.WaitGroup
	for i := range drainCalls {
		p := s.load.contract.napPlan(s.random)
		calls.Go(func() { _ = s.load.call(context.Background(), s.load.callers[i%len(s.load.callers)], p) })
	}
	for deadline := time.Now().Add(patience); in.napping() == 0 && time.Now().Before(deadline); {
		pause(context.Background(), time.Millisecond)
	}
	err := s.fleet.replace(slot, node, (*instance).drain)
	calls.Wait()
	return err
}

// kill kills a node and restarts it.
func (s *saboteur) kill(n *node, down time.Duration) error {
	if err := n.daemon().kill(); err != nil {
		return err
	}
	pause(context.Background(), down)
	return s.cluster.start(n)
}

// readd removes an endpoint of an instance and adds it again.
func (s *saboteur) readd(f fault) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	begin, names := time.Now(), endpointNames()
	err := s.fleet.instances[f.pick%fleetSize].readd(ctx, names[f.pick/fleetSize%len(names)])
	switch {
	case err == nil:
	case s.account.disturbed(begin):
		s.account.hear("removals that failed because the connection was lost")
	default:
		s.account.brokenf(stopsClean, "remove and add endpoint: %v", err)
	}
}
