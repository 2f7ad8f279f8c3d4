package typednats

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// Propagate has headers of a request go on to the calls that are made for it: those that the handler, a guard or an
// interceptor makes with its context, or with one made from that, through any [Requester]. Those of a whole service are in
// [ServiceConfig]. By default none go on: a header may be a secret between a caller and this service.
//
// The keys are compared without case, and sent as they are given here, those of a service before those of an endpoint.
// What a call sets itself with [WithHeader] counts, and then what goes on, before a client's [WithDefaultHeader]. A
// value that may not be sent does not go on. A service that is called then passes a header further only if it
// propagates it, too.
func Propagate(keys ...string) HandlerOption {
	keys = slices.Clone(keys)
	return handlerOption(func(o *handlerOptions) { o.propagated = append(o.propagated, keys...) })
}

// checkPropagated records the headers that a program may not send.
func checkPropagated(what string, keys []string, m *mistakes) {
	for _, key := range keys {
		m.add(what, key, wire.CheckHeader(key, nil))
	}
}

// propagated is the keys of the headers that go on.
type propagated []string

type propagatedKey struct{}

// from returns a context with which headers of a request go on to calls.
func (p propagated) from(ctx context.Context, h nats.Header) context.Context {
	var on nats.Header
	for _, key := range p {
		values := wire.HeaderValues(h, key)
		if len(values) == 0 || wire.CheckHeader(key, values) != nil {
			continue
		}
		if len(wire.HeaderValues(on, key)) > 0 { // in another spelling: which one is sent must not be by chance
			continue
		}
		if on == nil {
			on = make(nats.Header, len(p))
		}
		on[key] = slices.Clone(values)
	}
	if len(on) == 0 {
		return ctx
	}
	return context.WithValue(ctx, propagatedKey{}, on)
}

// carryOn adds to a call the headers that go on from the request for which it is made.
func (c *call) carryOn(ctx context.Context) {
	on, _ := ctx.Value(propagatedKey{}).(nats.Header)
	c.addHeaders(on)
}

// addHeaders adds the headers that the call does not have yet.
func (c *call) addHeaders(more nats.Header) {
	for key, values := range more {
		if len(wire.HeaderValues(c.header, key)) == 0 {
			c.header = wire.HeaderWith(c.header, key, values...)
		}
	}
}
