package typednats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// Guard decides whether a service runs a request. It is called once the request has got its slot, before a byte of the body
// is looked at, so what it refuses costs no decoding, and its 401 comes before a 400 or a 415. It sees the headers, the
// subject and what [Invocation] says of the endpoint; inv.Request is nil. It can set inv.ReplyHeader. The subject holds no
// wildcard: a request that was sent to the pattern of an endpoint gets its 400 before any guard.
//
// The context that it returns goes on to the guards after it, the interceptors and the handler: that is how it hands on
// who the caller is. It is ctx or made from ctx, never nil. An error ends the request, and crosses as that of a handler does:
// a declared error, a [*ServiceError] (typednats.Errorf(401, "…")), or code 500, which the service's owner is told of. All of
// them are marked, see [RefusedGuard]. A panic in it is a [*PanicError].
//
// Guards A, B and C are called in that order. Those of a service come before those of several endpoints ([ForAll]), and
// these before those of one; WithGuards(A) and then WithGuards(B, C) is WithGuards(A, B, C). They run in many goroutines at
// a time, inside the caller's deadline and the statistics.
//
// A caller through a [Client] gets a declared error as such. [WasRun] then says that the handler was run, since nothing in that
// error tells; [WithReplyHeader] does.
type Guard func(ctx context.Context, inv *Invocation) (context.Context, error)

// WithGuards adds guards to an endpoint, after those that were added before. Those of a whole service are in
// [ServiceConfig], and [ForAll] adds some to several endpoints.
func WithGuards(guards ...Guard) HandlerOption {
	guards = slices.Clone(guards)
	return handlerOption(func(o *handlerOptions) { o.guards = append(o.guards, guards...) })
}

// checkGuards records guards that are nil.
func checkGuards(guards []Guard, m *mistakes) {
	for i, g := range guards {
		if g == nil {
			m.add("guard", fmt.Sprint(i), errNil)
		}
	}
}

var errNoContext = errors.New("it returned no context")

// guard asks the guards, if there are any. It returns the context for the interceptors and the handler, the guards' headers
// for the reply, and why the request does not go on.
func (p *pipeline) guard(ctx context.Context, r *server.Request) (context.Context, nats.Header, error) {
	if len(p.guards) == 0 {
		return ctx, nil, nil
	}
	inv := p.invocation(r, nil)
	for i, g := range p.guards {
		next, err := g.ask(ctx, &inv)
		if err == nil && next == nil {
			err = fmt.Errorf("guard %d: %w", i, errNoContext)
		}
		if err != nil {
			return ctx, inv.ReplyHeader, err
		}
		ctx = next //nolint:fatcontext // as many as there are guards
	}
	return ctx, inv.ReplyHeader, nil
}

// ask calls a guard.
func (g Guard) ask(ctx context.Context, inv *Invocation) (next context.Context, err error) {
	defer catchPanic(&err)
	return g(ctx, inv)
}

// turnedAway is the outcome of a request that a guard does not let pass. What it declares is encoded as the request asks
// for or, if nobody here can do that, as the endpoint does by default.
func (p *pipeline) turnedAway(r *server.Request, header nats.Header, err error) server.Outcome {
	r.Interrupted = server.Interruption(r.Context, err)
	r.Handled()
	codec := p.codecs.forContentType(r.ContentType)
	if codec == nil {
		codec = &p.codecs[0]
	}
	return withReplyHeader(p.failed(codec, r, &refusedError{wire.RefusedGuard, err}), header)
}

// withGuards adds the headers that guards have set to those of a handler, which count.
func withGuards(header, guards nats.Header) nats.Header {
	if len(guards) == 0 {
		return header
	}
	all := maps.Clone(guards)
	maps.Copy(all, header)
	return all
}
