package peer

import (
	"context"

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
	}
}

// newClient makes the calls through a Client.
func newClient(p *natsPair) typednats.Requester {
	client := typednats.NewClient(p.client)
	p.onClose(client.Close)
	return client
}

// bareConnection makes the calls through the connection, with the deadline in a header.
func bareConnection(p *natsPair) typednats.Requester { return p.client }

func typedSystem(name string, codec typednats.Codec, requester func(*natsPair) typednats.Requester) System {
	return natsSystem(name, func(p *natsPair) error {
		r := requester(p)
		check := endpoint[order.Stock](p, checkName, codec)
		place := endpoint[order.Order](p, placeName, codec)
		wait := endpoint[order.Stock](p, waitName, codec)
		p.Small = typedCall(r, check, order.Small())
		p.Large = typedCall(r, place, order.Large())
		p.Blocking = typedCall(r, wait, order.Small())
		return p.serve(
			check.Handle(typedHandler(order.Stock.Accept)),
			place.Handle(typedHandler(order.Order.Accept)),
			wait.Handle(typedHandler(acceptSlowly)),
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
