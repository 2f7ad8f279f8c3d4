package peer

import (
	"context"
	"errors"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

// typedSystems are typednats. Their calls have no deadline of their own, so they get the default one.
func typedSystems() []System {
	return []System{
		typedSystem("typednats JSON", json.Codec, newClient),
		typedSystem("typednats JSON on a bare connection", json.Codec, bareConnection),
		typedSystem("typednats msgpack", msgpack.Codec, newClient),
		typedSystem("typednats msgpack on a bare connection", msgpack.Codec, bareConnection),
		cancellableSystem("typednats JSON with a cancellable context"),
		interceptedSystem("typednats JSON behind interceptors"),
		chainedSystem("typednats JSON through another handler"),
	}
}

// cancellableSystem makes its calls with a context that can be cancelled, and never is. It is made once.
func cancellableSystem(name string) System {
	plain := typedSystem(name, json.Codec, newClient)
	return System{Name: name, Start: func(url string) (*Running, error) {
		r, err := plain.Start(url)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		r.onClose(func() error {
			cancel()
			return nil
		})
		for _, call := range []*rig.Call{&r.Small, &r.Large, &r.Blocking} {
			plain := *call
			*call = func(context.Context) error { return plain(ctx) }
		}
		return r, nil
	}}
}

// interceptedSystem has an interceptor that does nothing on each side.
func interceptedSystem(name string) System {
	nothing := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) { return next(ctx, inv) }
	})
	return typedSystem(name, json.Codec, func(p *natsPair) typednats.Requester {
		client := typednats.NewClient(p.client, nothing)
		p.onClose(client.Close)
		return client
	}, nothing)
}

// chainedSystem has handlers that call those of another service, with the contexts that they got: two calls in one.
func chainedSystem(name string) System {
	return natsSystem(name, func(p *natsPair) error {
		r, onward := newClient(p), typednats.NewClient(p.service)
		p.onClose(onward.Close)
		check := endpoint[order.Stock](p, checkName, json.Codec)
		place := endpoint[order.Order](p, placeName, json.Codec)
		wait := endpoint[order.Stock](p, waitName, json.Codec)
		checkVia, placeVia, waitVia := check.InSubject("via-check"), place.InSubject("via-place"), wait.InSubject("via-wait")
		p.Small = typedCall(r, checkVia, order.Small())
		p.Large = typedCall(r, placeVia, order.Large())
		p.Blocking = typedCall(r, waitVia, order.Small())
		return errors.Join(
			p.serve(
				check.Handle(typedHandler(order.Stock.Accept)),
				place.Handle(typedHandler(order.Order.Accept)),
				wait.Handle(typedHandler(acceptSlowly)),
			),
			p.serve(
				checkVia.Handle(callOn(onward, check)),
				placeVia.Handle(callOn(onward, place)),
				waitVia.Handle(callOn(onward, wait)),
			),
		)
	})
}

// callOn is a handler that hands the request to e.
func callOn[T any](r typednats.Requester, e typednats.Endpoint[T, T, typednats.Never]) func(context.Context, T) (T, error) {
	return func(ctx context.Context, in T) (T, error) { return typednats.RequestService(ctx, r, e, in) }
}

// newClient makes the calls through a Client.
func newClient(p *natsPair) typednats.Requester {
	client := typednats.NewClient(p.client)
	p.onClose(client.Close)
	return client
}

// bareConnection makes the calls through the connection, with the deadline in a header.
func bareConnection(p *natsPair) typednats.Requester { return p.client }

func typedSystem(
	name string, codec typednats.Codec, requester func(*natsPair) typednats.Requester, opts ...typednats.HandlerOption,
) System {
	return natsSystem(name, func(p *natsPair) error {
		r := requester(p)
		check := endpoint[order.Stock](p, checkName, codec)
		place := endpoint[order.Order](p, placeName, codec)
		wait := endpoint[order.Stock](p, waitName, codec)
		p.Small = typedCall(r, check, order.Small())
		p.Large = typedCall(r, place, order.Large())
		p.Blocking = typedCall(r, wait, order.Small())
		return p.serve(
			check.Handle(typedHandler(order.Stock.Accept), opts...),
			place.Handle(typedHandler(order.Order.Accept), opts...),
			wait.Handle(typedHandler(acceptSlowly), opts...),
		)
	})
}

func endpoint[T any](p *natsPair, name string, codec typednats.Codec) typednats.Endpoint[T, T, typednats.Never] {
	return typednats.NewEndpoint[T, T, typednats.Never](name).
		InGroup(typednats.NewGroup(p.prefix)).
		WithCodec(codec)
}

func typedCall[T order.Message[T]](
	r typednats.Requester, e typednats.Endpoint[T, T, typednats.Never], in T,
) rig.Call {
	return func(ctx context.Context) error {
		out, err := typednats.RequestService(ctx, r, e, in)
		if err != nil {
			return err
		}
		return order.Check(out)
	}
}

func typedHandler[T any](handle func(T) T) func(context.Context, T) (T, error) {
	return func(_ context.Context, in T) (T, error) { return handle(in), nil }
}

// serve starts a service with nothing but defaults.
func (p *natsPair) serve(endpoints ...typednats.BoundEndpoint) error {
	svc, err := typednats.NewService(p.service, typednats.ServiceConfig{Name: "orders", Version: "1.0.0"}, endpoints...)
	if err != nil {
		return err
	}
	p.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return svc.Stop(ctx)
	})
	return nil
}
