package main

import (
	"context"
	"slices"
	"time"
)

// revoke has the node of an instance take the subscription to one endpoint away from all instances that are connected
// to it, and give it back when their connections are made again.
func (s *saboteur) revoke(f fault) error {
	names := endpointNames()
	subject := s.load.contract.subject(names[f.pick/fleetSize%len(names)])
	node := s.cluster.nodeOf(s.fleet.instances[f.pick%fleetSize].nc)
	var hit []*instance
	for _, in := range s.fleet.instances {
		if s.cluster.nodeOf(in.nc) == node {
			hit = append(hit, in)
		}
	}
	if err := node.daemon().deny(subject); err != nil {
		return err
	}
	for _, in := range hit {
		s.await(in, "lose "+subject, func() bool { return !slices.Contains(s.cluster.subscriptions(in.nc), subject) })
	}
	pause(context.Background(), f.down)
	if err := node.daemon().deny(allowAll); err != nil {
		return err
	}
	for _, in := range hit {
		if err := in.nc.ForceReconnect(); err != nil {
			return err
		}
		s.await(in, "get "+subject+" back", func() bool { return slices.Contains(s.cluster.subscriptions(in.nc), subject) })
	}
	return nil
}

// await notes a broken promise if an instance does not do what it should.
func (s *saboteur) await(in *instance, what string, done func() bool) {
	for deadline := time.Now().Add(healTime); !done(); pause(context.Background(), 10*time.Millisecond) {
		if time.Now().After(deadline) {
			s.account.brokenf(heals, "instance %s did not %s", in.svc.ID(), what)
			return
		}
	}
}
