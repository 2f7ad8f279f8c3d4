package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/discovery"
)

const (
	nodes   = 3
	service = "inventory"

	// patience is how long anything may take. A long queue is not a failure.
	patience = time.Minute
)

// cluster is NATS servers with routes between them, and a connection of callers to each.
type cluster struct {
	servers []*rig.Server
	callers []*nats.Conn
}

// startCluster returns once each node reaches each other one.
func startCluster(ctx context.Context) (*cluster, error) {
	c := new(cluster)
	var routes []string
	for range nodes {
		server, err := rig.StartServer(ctx, rig.ServerOptions{Cluster: "typednats", Routes: slices.Clone(routes)})
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.servers, routes = append(c.servers, server), append(routes, server.RouteURL())
		nc, err := server.Connect()
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.callers = append(c.callers, nc)
	}
	if err := c.awaitRoutes(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) close() error {
	for _, nc := range c.callers {
		nc.Close()
	}
	var errs []error
	for _, server := range c.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// awaitRoutes asks from each node on each node until there is an answer.
func (c *cluster) awaitRoutes(ctx context.Context) (err error) {
	for i, nc := range c.callers {
		sub, err := nc.Subscribe(fmt.Sprintf("node.%d", i), func(m *nats.Msg) { _ = m.Respond(nil) })
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
		for _, from := range c.callers {
			err := eventually(ctx, func() error {
				_, err := from.Request(sub.Subject, nil, time.Second)
				return err
			})
			if err != nil {
				return fmt.Errorf("route to node %d: %w", i, err)
			}
		}
	}
	return nil
}

// eventually tries again until f returns nil, or returns its last error.
func eventually(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// instance is one instance of a service, on a connection of its own.
type instance struct {
	nc    *nats.Conn
	svc   *typednats.Service
	calls atomic.Int64 // that its handler has run
}

// deploy starts an instance on each of the given nodes and returns once all nodes know all of them. The endpoints of
// the i-th one are those that bind returns for it.
func (c *cluster) deploy(
	ctx context.Context, on []int, bind func(i int, inst *instance) []typednats.BoundEndpoint,
) ([]*instance, error) {
	var all []*instance
	for i, node := range on {
		inst, err := c.start(node, func(inst *instance) []typednats.BoundEndpoint { return bind(i, inst) })
		if err != nil {
			return nil, errors.Join(err, stopAll(ctx, all))
		}
		all = append(all, inst)
	}
	if err := c.awaitInstances(ctx, all); err != nil {
		return nil, errors.Join(err, stopAll(ctx, all))
	}
	return all, nil
}

func (c *cluster) start(node int, bind func(*instance) []typednats.BoundEndpoint) (*instance, error) {
	nc, err := c.servers[node].Connect()
	if err != nil {
		return nil, err
	}
	inst := &instance{nc: nc}
	inst.svc, err = typednats.NewService(nc, typednats.ServiceConfig{Name: service, Version: "1.0.0"}, bind(inst)...)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return inst, nil
}

// awaitInstances asks on each node for each instance.
func (c *cluster) awaitInstances(ctx context.Context, all []*instance) error {
	for i, nc := range c.callers {
		d := discovery.New(nc)
		for _, inst := range all {
			err := eventually(ctx, func() error {
				_, err := d.PingInstance(ctx, service, inst.svc.ID())
				return err
			})
			if err != nil {
				return fmt.Errorf("an instance on node %d: %w", i, err)
			}
		}
	}
	return nil
}

func stopAll(ctx context.Context, all []*instance) error {
	var errs []error
	for _, inst := range all {
		errs = append(errs, inst.svc.Stop(ctx))
		inst.nc.Close()
	}
	return errors.Join(errs...)
}

// clientsOn returns a client on each connection.
func clientsOn(conns []*nats.Conn) []*typednats.Client {
	var all []*typednats.Client
	for _, nc := range conns {
		all = append(all, typednats.NewClient(nc, typednats.WithDefaultTimeout(patience)))
	}
	return all
}

func closeAll(clients []*typednats.Client) error {
	var errs []error
	for _, client := range clients {
		errs = append(errs, client.Close())
	}
	return errors.Join(errs...)
}
