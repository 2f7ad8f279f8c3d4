package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// passOn is an interceptor that does nothing.
func passOn(next typednats.Handler) typednats.Handler {
	return func(ctx context.Context, inv *typednats.Invocation) (any, error) { return next(ctx, inv) }
}

// sweepInterceptors has more and more interceptors, on the service or on the client.
func sweepInterceptors(ctx context.Context, s settings) (r *report, err error) {
	b, err := newBed(ctx, rig.ServerOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	raw, err := b.raw("raw", []byte(smallBody))
	if err != nil {
		return nil, err
	}
	interceptors := s.points(0, 1, 2, 4, 8)
	plain := typednats.NewEndpoint[small, small, typednats.Never]("plain")
	if _, err := b.serve(typednats.ServiceConfig{}, plain.Handle(echo)); err != nil {
		return nil, err
	}
	var places []place
	for _, n := range interceptors {
		var all []typednats.Interceptor
		for range n {
			all = append(all, passOn)
		}
		e := typednats.NewEndpoint[small, small, typednats.Never](fmt.Sprintf("intercepted-%d", n))
		if _, err := b.serve(typednats.ServiceConfig{}, e.Handle(echo, typednats.WithInterceptors(all...))); err != nil {
			return nil, err
		}
		client := typednats.NewClient(b.callers, typednats.WithDefaultTimeout(patience), typednats.WithInterceptors(all...))
		places = append(places, place{fixedCallers, []contender{
			raw, typed("on the service", b.client, e, smallValue()), typed("on the client", client, plain, smallValue()),
		}, false})
	}
	c, err := s.compare(ctx, places...)
	if err != nil {
		return nil, err
	}
	return interceptorsReport(interceptors, places[0].contenders, c), nil
}

func interceptorsReport(interceptors []int, contenders []contender, c *comparison) *report {
	table := rig.NewTable("interceptors", "raw, calls/s", "on the service, calls/s", "× raw", "on the client, calls/s",
		"× raw", "raw, allocs", "on the service, allocs", "on the client, allocs")
	return c.report(contenders, "interceptors", linear, plot.Axis{Label: "interceptors"}, interceptors, table,
		fmt.Sprintf("Calls with %d callers through interceptors that do nothing. Allocations are those of one call, on both "+
			"sides together.", fixedCallers))
}
