// Package peer holds the systems that are compared: raw nats.go, what people write on it by hand, typednats, and RPC
// without a broker. All send the messages of package order, and all calls have a deadline of five seconds.
package peer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"google.golang.org/grpc"

	"github.com/typednats/typednats/bench/internal/rig"
)

// timeout is the deadline of calls, where it has to be said. It is the default of typednats.
const timeout = 5 * time.Second

// Names of the systems that others are compared with.
const (
	Raw           = "raw"
	RawGoroutines = "raw with goroutines"
)

// System is one way of making calls.
type System struct {
	Name string

	// Start starts service and client, on a connection each, and returns once calls can be made. The URL is that of
	// a NATS server; what needs none listens on loopback.
	Start func(url string) (*Running, error)
}

// Running is a system that runs.
type Running struct {
	Small    rig.Call // the small message
	Large    rig.Call // the one of 2 KB; nil if the system is not for that
	Blocking rig.Call // the small message, to a handler that blocks for order.BlockTime
	Burst    bool     // what is measured comes after a burst of blocking calls

	closers []func() error
}

// Close ends the service and the client.
func (r *Running) Close() error {
	var errs []error
	for _, c := range slices.Backward(r.closers) {
		errs = append(errs, c())
	}
	r.closers = nil
	return errors.Join(errs...)
}

func (r *Running) onClose(f func() error) { r.closers = append(r.closers, f) }

// Systems returns all systems of the comparison.
func Systems() []System {
	return slices.Concat(rawSystems(), jsonSystems(), typedSystems(), []System{
		connectSystem("Connect JSON", true),
		connectSystem("Connect protobuf", false),
		grpcSystem(),
	})
}

// About says which systems without a broker these are.
func About() string {
	return fmt.Sprintf("Connect %s over HTTP/1.1 and gRPC %s, both without TLS.", connect.Version, grpc.Version)
}

// natsSystem is a system on NATS. The subjects that start gets begin with a prefix that nobody else uses: a service
// that has just ended may still get requests.
func natsSystem(name string, start func(p *natsPair) error) System {
	return System{Name: name, Start: func(url string) (*Running, error) {
		p := &natsPair{Running: new(Running), prefix: nuid.Next()}
		err := p.connect(url)
		if err == nil {
			err = start(p)
		}
		if err == nil {
			err = p.service.FlushTimeout(timeout) // the subscriptions are there
		}
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		return p.Running, nil
	}}
}

// natsPair is the connections of a service and its client.
type natsPair struct {
	*Running

	prefix          string
	service, client *nats.Conn
}

func (p *natsPair) connect(url string) error {
	for _, nc := range []**nats.Conn{&p.service, &p.client} {
		var err error
		if *nc, err = nats.Connect(url); err != nil {
			return err
		}
		p.onClose(func() error {
			(*nc).Close()
			return nil
		})
	}
	return nil
}

// The names of the endpoints. Their subjects have the prefix in front.
const (
	checkName = "check" // the small message
	placeName = "place" // the one of 2 KB
	waitName  = "wait"  // the handler blocks
)

func (p *natsPair) subject(name string) string { return p.prefix + "." + name }

// subscribe subscribes the service, as a member of a queue group: services have several instances.
func (p *natsPair) subscribe(name string, handler nats.MsgHandler) error {
	_, err := p.service.QueueSubscribe(p.subject(name), "q", handler)
	return err
}
