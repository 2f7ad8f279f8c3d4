package peer

import (
	"context"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/codec/raw"
)

// Bounded returns systems that show what it costs that typednats bounds how many handlers run at a time, where the
// handlers are fast. All of them, and [Raw], send the same bytes, which no codec decodes.
func Bounded() []System {
	return []System{
		rawSystem(RawGoroutines, goroutine),
		boundedSystem("typednats service and raw client", false, false),
		boundedSystem("typednats service and raw client after a burst", false, true),
		boundedSystem("typednats bytes", true, false),
		boundedSystem("typednats bytes after a burst", true, true),
	}
}

// boundedSystem is a service of typednats that takes bytes. Its one endpoint blocks for requests that are empty, so
// that a burst of them concerns the very endpoint that is measured.
func boundedSystem(name string, typedClient, burst bool) System {
	return natsSystem(name, func(p *natsPair) error {
		bodies, err := newRawBodies(order.Small())
		if err != nil {
			return err
		}
		e := endpoint[[]byte](p, checkName, raw.Codec)
		call := func(request []byte) func(context.Context) error {
			return rawBodies{request: request, reply: bodies.reply}.call(p.client, e.Subject())
		}
		if typedClient {
			client := newClient(p)
			call = func(request []byte) func(context.Context) error {
				return func(ctx context.Context) error {
					reply, err := typednats.RequestService(ctx, client, e, request)
					if err != nil {
						return err
					}
					return bodies.check(reply)
				}
			}
		}
		p.Small, p.Blocking, p.Burst = call(bodies.request), call(nil), burst
		return p.serve(e.Handle(func(_ context.Context, request []byte) ([]byte, error) {
			if len(request) == 0 {
				order.Block()
			}
			return bodies.reply, nil
		}))
	})
}
