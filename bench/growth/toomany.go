package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/discovery"
)

// enquiry is a question that a service with too many endpoints cannot answer.
type enquiry struct {
	verb string
	room func(payload float64) float64 // endpoints that an answer of so many bytes has room for
	ask  func(ctx context.Context, d *discovery.Client, svc *typednats.Service) error
}

func askInfo(ctx context.Context, d *discovery.Client, svc *typednats.Service) error {
	_, err := d.InfoInstance(ctx, svc.Name(), svc.ID())
	return err
}

func askStats(ctx context.Context, d *discovery.Client, svc *typednats.Service) error {
	_, err := d.StatsInstance(ctx, svc.Name(), svc.ID())
	return err
}

// tooManyEndpoints shows from where on the answers of a service do not fit into a message, and what is left then.
func (s settings) tooManyEndpoints(ctx context.Context, smallest, largest *fleet, r *report) (err error) {
	var opts rig.ServerOptions
	if s.quick {
		opts.MaxPayload = 8 << 10 // needs few endpoints
	}
	b, err := newBed(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var items []string
	for _, q := range []enquiry{
		{"INFO", room(smallest, largest, func(f *fleet) answer { return f.info }), askInfo},
		{"STATS", room(smallest, largest, func(f *fleet) answer { return f.stats }), askStats},
	} {
		item, err := b.overfill(ctx, q)
		if err != nil {
			return fmt.Errorf("too many endpoints for %s: %w", q.verb, err)
		}
		items = append(items, item)
	}
	r.list(fmt.Sprintf("Where it breaks: an answer larger than `max_payload`, %s, is not sent. PING and calls still work then.",
		plot.Bytes(float64(b.callers.MaxPayload()))), items)
	return nil
}

// room extends the line through the sizes of two answers.
func room(smallest, largest *fleet, of func(*fleet) answer) func(payload float64) float64 {
	n, size := float64(smallest.endpoints), float64(of(smallest).size)
	perEndpoint := (float64(of(largest).size) - size) / (float64(largest.endpoints) - n)
	return func(payload float64) float64 { return n + (payload-size)/perEndpoint }
}

// overfill asks services with a little less and a little more endpoints than an answer has room for.
func (b *bed) overfill(ctx context.Context, q enquiry) (string, error) {
	room := q.room(float64(b.callers.MaxPayload()))
	fits, breaks := int(room*0.99), int(room*1.01)+1
	if _, err := b.askOne(ctx, q, fits); err != nil {
		return "", fmt.Errorf("%d endpoints: %w", fits, err)
	}
	told, err := b.askOne(ctx, q, breaks)
	if !errors.Is(err, discovery.ErrNotFound) || told == nil {
		return "", fmt.Errorf("%d endpoints: %w, want %w", breaks, err, discovery.ErrNotFound)
	}
	return fmt.Sprintf("%s is answered by a service with %s endpoints, and not by one with %s: once WithMaxWait is over the "+
		"asker gets `%v`, and WithReplyError is told of a `%v`.",
		q.verb, count(float64(fits)), count(float64(breaks)), discovery.ErrNotFound, told), nil
}

// askOne asks a service with so many endpoints. It checks that PING and calls work, whatever the answer.
func (b *bed) askOne(ctx context.Context, q enquiry, endpoints int) (told, err error) {
	bound, last := manyEndpoints(endpoints)
	svc, err := b.serve(typednats.ServiceConfig{Logger: silent()}, bound...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, svc.Stop(ctx)) }()
	d := discovery.New(b.callers, discovery.WithMaxWait(2*time.Second),
		discovery.WithReplyError(func(_ string, err error) { told = err }))
	if _, err := d.PingInstance(ctx, svc.Name(), svc.ID()); err != nil {
		return nil, fmt.Errorf("PING: %w", err)
	}
	if err := typed("", b.client, last, smallValue()).call(ctx); err != nil {
		return nil, err
	}
	err = q.ask(ctx, d, svc)
	return told, err
}
