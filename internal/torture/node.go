package main

import (
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Users of the nodes. All have the same password.
const (
	callerUser   = "caller"
	instanceUser = "instance" // may be forbidden to subscribe to a subject
	guestUser    = "guest"    // in another account, which imports the service

	password = "torture"
)

// accounts is the configuration of all nodes but for the subject that instances may not subscribe to.
const accounts = `
accounts {
  FLEET {
    users = [
      {user: ` + callerUser + `, password: ` + password + `}
      {user: ` + instanceUser + `, password: ` + password + `, permissions: {subscribe: {deny: [%q]}}}
    ]
    exports = [
      {service: "` + serviceName + `.>"}
      {service: "$SRV.>", response: stream}
    ]
  }
  GUESTS {
    users = [{user: ` + guestUser + `, password: ` + password + `}]
    imports = [
      {service: {account: FLEET, subject: "` + serviceName + `.>"}}
      {service: {account: FLEET, subject: "$SRV.>"}}
    ]
  }
}
no_auth_user: ` + callerUser

// allowAll is what is denied if nothing is to be.
const allowAll = "torture-denies-nothing"

// nodeConfig is what a node is started with. It can be sent to another process.
type nodeConfig struct {
	Name      string `json:"name"`
	Port      int    `json:"port"`
	RoutePort int    `json:"route_port"`
	Routes    []int  `json:"routes"` // ports of the others
}

// options are those of the server, which forbids instances to subscribe to denied.
func (c nodeConfig) options(denied string) (*server.Options, error) {
	opts := &server.Options{}
	if err := opts.ProcessConfigString(fmt.Sprintf(accounts, denied)); err != nil {
		return nil, fmt.Errorf("configure %s: %w", c.Name, err)
	}
	opts.ServerName, opts.Host, opts.Port = c.Name, loopback, c.Port
	opts.Cluster = server.ClusterOpts{
		Name: serviceName, Host: loopback, Port: c.RoutePort, ConnectRetries: 1 << 20, NoAdvertise: true,
	}
	for _, port := range c.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: address(port)})
	}
	opts.MaxPayload = maxPayload
	opts.LameDuckDuration, opts.LameDuckGracePeriod = time.Second, 100*time.Millisecond
	opts.NoLog, opts.NoSigs = true, true
	return opts, nil
}

// daemon is one run of a node's server: in this process, or in one of its own.
type daemon interface {
	ports() (clients, routes int)

	// kill ends it without a word to anybody, retire as an operator does: clients are sent away one after the other.
	kill() error
	retire() error

	// freeze stops it for a while. It does not notice that itself.
	freeze(d time.Duration) error

	// deny has instances lose their subscription to a subject, and allowAll gives it back.
	deny(subject string) error

	connections() ([]connection, error)
}

// connection is a client's connection as a node sees it.
type connection struct {
	ID       uint64   `json:"id"`
	Name     string   `json:"name"`
	Subjects []string `json:"subjects"`
}

func connectionsOf(s *server.Server) ([]connection, error) {
	state, err := s.Connz(&server.ConnzOptions{Subscriptions: true})
	if err != nil {
		return nil, err
	}
	var all []connection
	for _, c := range state.Conns {
		all = append(all, connection{ID: c.Cid, Name: c.Name, Subjects: c.Subs})
	}
	return all, nil
}

// node is a place in the cluster. It keeps its ports, whatever runs there.
type node struct {
	conf nodeConfig

	mu  sync.Mutex
	run daemon
}

func (n *node) daemon() daemon {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.run
}

// start starts a server.
func (n *node) start(launch func(nodeConfig) (daemon, error)) error {
	run, err := launch(n.conf)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.conf.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.run = run
	if n.conf.Port == server.RANDOM_PORT {
		n.conf.Port, n.conf.RoutePort = run.ports()
	}
	return nil
}
