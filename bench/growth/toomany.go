package main

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/discovery"
)

// most is more endpoints than a service can tell of in one message.
const most = 16_384

func askInfo(ctx context.Context, d *discovery.Client, svc *typednats.Service) error {
	_, err := d.InfoInstance(ctx, svc.Name(), svc.ID())
	return err
}

func askStats(ctx context.Context, d *discovery.Client, svc *typednats.Service) error {
	_, err := d.StatsInstance(ctx, svc.Name(), svc.ID())
	return err
}

// tooManyEndpoints shows from where on a service does not start, because what it says of itself would not fit into a
// message, and that it answers with one endpoint less.
func (s settings) tooManyEndpoints(ctx context.Context, r *report) (err error) {
	var opts rig.ServerOptions
	if s.quick {
		opts.MaxPayload = 8 << 10 // needs few endpoints
	}
	b, err := newBed(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var unexpected, refusal error
	fits := sort.Search(most, func(n int) bool {
		err := b.tryEndpoints(ctx, n+1)
		switch {
		case errors.Is(err, nats.ErrMaxPayload):
			refusal = err
		case err != nil:
			unexpected = fmt.Errorf("%d endpoints: %w", n+1, err)
		}
		return err != nil
	})
	switch {
	case unexpected != nil:
		return unexpected
	case refusal == nil:
		return fmt.Errorf("%d endpoints: no refusal, want %w", most, nats.ErrMaxPayload)
	}
	if refusal = b.tryEndpoints(ctx, fits+1); !errors.Is(refusal, nats.ErrMaxPayload) {
		return fmt.Errorf("%d endpoints: %w, want %w", fits+1, refusal, nats.ErrMaxPayload)
	}
	r.list(fmt.Sprintf("Where it breaks: an answer larger than `max_payload`, %s, could not be sent.",
		plot.Bytes(float64(b.callers.MaxPayload()))), []string{fmt.Sprintf(
		"A service starts, and answers, with up to %s endpoints. With one more NewService returns `%v`.",
		count(float64(fits)), refusal)})
	return nil
}

// tryEndpoints starts a service with so many endpoints, and asks it about itself.
func (b *bed) tryEndpoints(ctx context.Context, endpoints int) (err error) {
	bound, _ := manyEndpoints(endpoints)
	svc, err := b.serve(typednats.ServiceConfig{Logger: silent()}, bound...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Stop(ctx)) }()
	d := discovery.New(b.callers)
	return errors.Join(askInfo(ctx, d, svc), askStats(ctx, d, svc))
}
