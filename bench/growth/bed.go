package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/rig"
)

// patience is how long a call may take. A long queue is not a failure.
const patience = time.Minute

// queueGroup is that of raw subscriptions; a typed service has it by itself.
const queueGroup = "q"

// bed is a NATS server with a connection for services and one for those who call them.
type bed struct {
	server           *rig.Server
	service, callers *nats.Conn
	client           *typednats.Client
}

func newBed(ctx context.Context, opts rig.ServerOptions) (*bed, error) {
	server, err := rig.StartServer(ctx, opts)
	if err != nil {
		return nil, err
	}
	b := &bed{server: server}
	if b.service, err = server.Connect(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if b.callers, err = server.Connect(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.client = typednats.NewClient(b.callers, typednats.WithDefaultTimeout(patience))
	return b, nil
}

func (b *bed) close() error {
	for _, nc := range []*nats.Conn{b.callers, b.service} {
		if nc != nil {
			nc.Close()
		}
	}
	return b.server.Close()
}

// serve starts a service that ends with the bed.
func (b *bed) serve(cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint) (*typednats.Service, error) {
	cfg.Name, cfg.Version = "growth", "1.0.0"
	return typednats.NewService(b.service, cfg, endpoints...)
}

// raw answers a subject with what comes, with nats.go alone, and returns a call of it.
func (b *bed) raw(subject string, body []byte) (contender, error) {
	_, err := b.service.QueueSubscribe(subject, queueGroup, func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return contender{}, err
	}
	if err := b.service.Flush(); err != nil {
		return contender{}, err
	}
	return contender{"raw", func(context.Context) error {
		reply, err := b.callers.Request(subject, body, patience)
		if err != nil {
			return err
		}
		if len(reply.Data) != len(body) {
			return fmt.Errorf("a reply of %d bytes, want %d", len(reply.Data), len(body))
		}
		return nil
	}}, nil
}

// typed is a contender that calls an endpoint.
func typed[In, Out any, Err error](
	name string, c *typednats.Client, e typednats.Endpoint[In, Out, Err], in In,
) contender {
	return contender{name, func(ctx context.Context) error {
		_, err := typednats.RequestService(ctx, c, e, in)
		return err
	}}
}

// small is the request and the reply where their size does not matter.
type small struct {
	ID    string `json:"id"`
	Count int    `json:"count"`
}

// smallBody is what becomes of a small on the wire.
const smallBody = `{"id":"item-456","count":3}`

func smallValue() small { return small{ID: "item-456", Count: 3} }

func echo[T any](_ context.Context, in T) (T, error) { return in, nil }
