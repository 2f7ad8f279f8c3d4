package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	clusterSize   = 3
	startAttempts = 3

	loopback = "127.0.0.1"
	inboxes  = "_INBOX."
)

// cluster is NATS servers that know each other.
type cluster struct {
	nodes   []*node
	launch  func(nodeConfig) (daemon, error)
	apart   bool // the nodes are processes of their own
	account *account

	names atomic.Int64 // of connections
	mu    sync.Mutex
	open  map[string]*nats.Conn // by name
}

// startCluster starts the nodes, each in a process of its own if apart is set.
func startCluster(apart bool, acc *account) (*cluster, error) {
	c := &cluster{launch: startEmbedded, apart: apart, account: acc, open: make(map[string]*nats.Conn)}
	if apart {
		c.launch = startProcess
	}
	for i := range clusterSize {
		n := &node{conf: nodeConfig{Name: fmt.Sprintf("node%d", i), Port: server.RANDOM_PORT, RoutePort: server.RANDOM_PORT}}
		if err := c.start(n); err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

// start starts a node with routes to all others.
func (c *cluster) start(n *node) error {
	n.conf.Routes = nil
	for _, other := range c.nodes {
		if other != n {
			n.conf.Routes = append(n.conf.Routes, other.conf.RoutePort)
		}
	}
	var errs []error
	for range startAttempts { // a passing connection may have the port
		err := n.start(c.launch)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *cluster) close() error {
	var errs []error
	for _, n := range c.nodes {
		if err := n.daemon().kill(); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", n.conf.Name, err))
		}
	}
	return errors.Join(errs...)
}

// nodeOf is the node that a connection is to, or any while it is to none.
func (c *cluster) nodeOf(nc *nats.Conn) *node {
	port, _ := portOf(nc.ConnectedUrl())
	if i := slices.IndexFunc(c.nodes, func(n *node) bool { return n.conf.Port == port }); i >= 0 {
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
	all, err := c.nodeOf(nc).daemon().connections()
	if err != nil || !nc.IsConnected() || nc.Stats().Reconnects != reconnects {
		return nil // ids count on one node only: that may have been another connection
	}
	i := slices.IndexFunc(all, func(one connection) bool { return one.ID == id })
	if i < 0 {
		return nil
	}
	return slices.DeleteFunc(all[i].Subjects, func(s string) bool { return strings.HasPrefix(s, inboxes) })
}

// checkNodes reports what stands between a node and the truth: a client that has gone to another node, which it has not
// noticed yet, or a node that it does not reach. What a node believes of its clients, it has told the others by then.
func (c *cluster) checkNodes() error {
	for _, n := range c.nodes {
		all, err := n.daemon().connections()
		if err != nil {
			return fmt.Errorf("connections of %s: %w", n.conf.Name, err)
		}
		c.mu.Lock()
		open := maps.Clone(c.open)
		c.mu.Unlock()
		for _, one := range all {
			if !strings.HasPrefix(one.Name, serviceName) {
				continue
			}
			nc := open[one.Name]
			if nc == nil || !nc.IsConnected() || c.nodeOf(nc) != n {
				return fmt.Errorf("%s believes that it has the connection %s", n.conf.Name, one.Name)
			}
			if id, err := nc.GetClientID(); err != nil || id != one.ID {
				return fmt.Errorf("%s believes that it has the connection %s still", n.conf.Name, one.Name)
			}
		}
	}
	return c.checkRoutes()
}

// checkRoutes sends a request from each node to each other one.
func (c *cluster) checkRoutes() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var conns []*nats.Conn
	for i, n := range c.nodes {
		nc, err := nats.Connect("nats://"+address(n.conf.Port), nats.UserInfo(callerUser, password), nats.NoReconnect(), nats.Timeout(time.Second))
		if err != nil {
			return fmt.Errorf("reach %s: %w", n.conf.Name, err)
		}
		defer nc.Close()
		conns = append(conns, nc)
		if _, err := nc.Subscribe("routes."+strconv.Itoa(i), func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
			return err
		}
	}
	for i, nc := range conns {
		for j := range conns {
			subject := "routes." + strconv.Itoa(j)
			_, err := nc.RequestWithContext(ctx, subject, nil)
			for ; errors.Is(err, nats.ErrNoResponders); _, err = nc.RequestWithContext(ctx, subject, nil) {
				pause(ctx, time.Millisecond)
			}
			if err != nil {
				return fmt.Errorf("reach node %d from node %d: %w", j, i, err)
			}
		}
	}
	return nil
}

func address(port int) string { return loopback + ":" + strconv.Itoa(port) }

func portOf(rawURL string) (int, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Port())
}
