package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

const connectTimeout = 30 * time.Second

// connect opens a user's connection to a node. When that is lost, it goes to the next one.
func (c *cluster) connect(first int, user string) (*nats.Conn, error) {
	opts := nats.GetDefaultOptions()
	for i := range c.nodes {
		opts.Servers = append(opts.Servers, "nats://"+address(c.nodes[(first+i)%len(c.nodes)].conf.Port))
	}
	opts.Name = fmt.Sprintf("%s-%d", serviceName, c.names.Add(1))
	opts.User, opts.Password = user, password
	opts.NoRandomize = true
	opts.IgnoreDiscoveredServers = true
	opts.MaxReconnect = -1
	opts.ReconnectWait = 20 * time.Millisecond
	opts.ReconnectJitter = 10 * time.Millisecond
	opts.Timeout = 5 * time.Second
	opts.DrainTimeout = drainTime
	opts.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) {
		c.account.hear("connection: " + firstWords(err))
	}
	opts.ClosedCB = func(nc *nats.Conn) { c.forget(nc.Opts.Name) }
	if c.apart {
		c.noticeSilence(&opts)
	}
	deadline := time.Now().Add(connectTimeout)
	for {
		nc, err := opts.Connect()
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.open[opts.Name] = nc
			return nc, nil
		}
		if time.Now().After(deadline) {
			return nil, err
		}
	}
}

// noticeSilence has a connection go to another node once its own has been silent for two or three seconds. If that is
// not because of a fault but because the machine is busy, it is as violent as one.
func (c *cluster) noticeSilence(opts *nats.Options) {
	opts.PingInterval, opts.MaxPingsOut = time.Second, 2
	none := func() {}
	over := none
	opts.DisconnectedErrCB = func(_ *nats.Conn, err error) {
		if errors.Is(err, nats.ErrStaleConnection) {
			over = c.account.violence()
			c.account.hear("connections given up because a node was silent")
		}
	}
	again := func(*nats.Conn) {
		over()
		over = none
	}
	opts.ReconnectedCB = again
	closed := opts.ClosedCB
	opts.ClosedCB = func(nc *nats.Conn) {
		again(nc)
		closed(nc)
	}
}

func (c *cluster) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, name)
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
