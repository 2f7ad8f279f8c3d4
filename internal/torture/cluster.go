package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

const (
	clusterSize   = 3
	startAttempts = 3

	connectTimeout = 30 * time.Second

	loopback = "127.0.0.1"
)

// cluster is NATS servers in this process that know each other. Each keeps its ports when it is restarted.
type cluster struct {
	nodes []*node
	heard func(what string) // of what connections complain about
}

type node struct {
	name            string
	server          *natsserver.Server
	port, routePort int
}

func startCluster(heard func(string)) (*cluster, error) {
	c := &cluster{heard: heard}
	for i := range clusterSize {
		n := &node{name: fmt.Sprintf("node%d", i), port: server.RANDOM_PORT, routePort: server.RANDOM_PORT}
		if err := c.start(n); err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

// start starts a node with routes to all others.
func (c *cluster) start(n *node) error {
	var routes []*url.URL
	for _, other := range c.nodes {
		if other != n {
			routes = append(routes, &url.URL{Scheme: "nats", Host: address(other.routePort)})
		}
	}
	var errs []error
	for range startAttempts { // a passing connection may have the port
		srv, err := natsserver.Start(&server.Options{
			ServerName: n.name,
			Host:       loopback,
			Port:       n.port,
			Cluster: server.ClusterOpts{
				Name: serviceName, Host: loopback, Port: n.routePort, ConnectRetries: 1 << 20, NoAdvertise: true,
			},
			Routes:              routes,
			MaxPayload:          maxPayload,
			LameDuckDuration:    time.Second,
			LameDuckGracePeriod: 100 * time.Millisecond,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("start %s: %w", n.name, err))
			continue
		}
		n.server = srv
		n.port, _ = portOf(srv.ClientURL())
		n.routePort = srv.ClusterAddr().Port
		return nil
	}
	return errors.Join(errs...)
}

// kill ends a node without a word to anybody.
func (n *node) kill() {
	n.server.Stop()
}

// retire ends a node as an operator does: clients are sent away one after the other.
func (n *node) retire() {
	n.server.LameDuckShutdown()
	n.server.WaitForShutdown()
}

func (c *cluster) close() error {
	var errs []error
	for _, n := range c.nodes {
		n.server.Stop()
		if n.server.Running() {
			errs = append(errs, fmt.Errorf("%s still runs", n.name))
		}
	}
	return errors.Join(errs...)
}

// connect opens a connection to a node. When that is lost, it goes to the next one.
func (c *cluster) connect(first int) (*nats.Conn, error) {
	var urls []string
	for i := range c.nodes {
		urls = append(urls, "nats://"+address(c.nodes[(first+i)%len(c.nodes)].port))
	}
	opts := nats.GetDefaultOptions()
	opts.Servers = urls
	opts.NoRandomize = true
	opts.IgnoreDiscoveredServers = true
	opts.MaxReconnect = -1
	opts.ReconnectWait = 20 * time.Millisecond
	opts.ReconnectJitter = 10 * time.Millisecond
	opts.Timeout = 5 * time.Second
	opts.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) {
		c.heard("connection: " + firstWords(err))
	}
	deadline := time.Now().Add(connectTimeout)
	for {
		nc, err := opts.Connect()
		if err == nil || time.Now().After(deadline) {
			return nc, err
		}
	}
}

// nodeOf is the node that a connection is to, or any while it is to none.
func (c *cluster) nodeOf(nc *nats.Conn) *node {
	port, _ := portOf(nc.ConnectedUrl())
	if i := slices.IndexFunc(c.nodes, func(n *node) bool { return n.port == port }); i >= 0 {
		return c.nodes[i]
	}
	return c.nodes[0]
}

// subscriptions are the subjects that the node of a connection would send to it. A connection may believe less.
func (c *cluster) subscriptions(nc *nats.Conn) []string {
	reconnects := nc.Stats().Reconnects
	if nc.FlushTimeout(time.Second) != nil {
		return nil // there is no connection
	}
	id, err := nc.GetClientID()
	if err != nil {
		return nil
	}
	state, err := c.nodeOf(nc).server.Connz(&server.ConnzOptions{CID: id, Subscriptions: true})
	if err != nil || len(state.Conns) == 0 || !nc.IsConnected() || nc.Stats().Reconnects != reconnects {
		return nil // ids count on one node only: that may have been another connection
	}
	return state.Conns[0].Subs
}

// firstWords is an error without what is particular about it, so that errors can be counted by kind.
func firstWords(err error) string {
	known := []error{nats.ErrBadHeaderMsg, nats.ErrSlowConsumer, nats.ErrPermissionViolation, nats.ErrStaleConnection}
	if i := slices.IndexFunc(known, func(k error) bool { return errors.Is(err, k) }); i >= 0 {
		return known[i].Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}

func address(port int) string { return loopback + ":" + strconv.Itoa(port) }

func portOf(rawURL string) (int, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Port())
}
