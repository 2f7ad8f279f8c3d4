package typednats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// pipeline takes one request to its outcome: it asks the guards, decodes, calls the handler behind its interceptors, and encodes what
// that returned. It is the operation that the runtime runs for an endpoint, a struct without type parameters and not a
// closure that a generic function returns, so that one more endpoint costs little machine code.
type pipeline struct {
	*compiled

	handler    handler
	propagated propagated
	guards     []Guard
	chain      Handler // the handler behind the interceptors, nil without any: then they cost nothing
}

func newPipeline(c *compiled, h handler, opts handlerOptions) (*pipeline, error) {
	p := &pipeline{compiled: c, handler: h, propagated: opts.propagated, guards: opts.guards}
	if len(opts.interceptors) == 0 {
		return p, nil
	}
	var err error
	p.chain, err = recoveringChain(opts.interceptors, p.handleInnermost)
	return p, err
}

// Prepare implements [server.Operation].
func (p *pipeline) Prepare(parent context.Context, r *server.Request) {
	if p.chain != nil {
		p.handler.prepareBehind(parent, r)
		return
	}
	p.handler.prepare(parent, r)
}

// Serve implements [server.Operation].
func (p *pipeline) Serve(r *server.Request) server.Outcome {
	ctx, guards, err := p.guard(p.propagated.from(r.OuterContext(), r.Msg.Header), r)
	if err != nil {
		return p.turnedAway(r, guards, err)
	}
	codec := p.codecs.forContentType(r.ContentType)
	if codec == nil {
		return server.Fail(wire.NotAccepted(r.ContentType, p.codecs))
	}
	values, _ := r.Input.(exchange)
	if err := p.in.decode(codec, r.Msg.Data, values.request()); err != nil {
		return p.undecoded(err)
	}
	slot, extra, err := p.handle(ctx, guards, r, values)
	var out server.Outcome
	if err != nil {
		out = p.failed(codec, r, err)
	} else {
		out = p.succeeded(codec, r.ContentType, slot)
	}
	return withReplyHeader(out, extra)
}

// withReplyHeader adds what guards, interceptors and the handler want to send back.
func withReplyHeader(out server.Outcome, extra nats.Header) server.Outcome {
	header, err := wire.MergeReplyHeader(out.Header, extra)
	if err != nil {
		return server.FailFor(wire.Internal(), errors.Join(out.Cause, err))
	}
	out.Header = header
	return out
}

// undecoded is the outcome of a request that could not be decoded. A panic is the service's fault, and its text stays
// here.
func (p *pipeline) undecoded(err error) server.Outcome {
	text, panicked := textOf(err)
	if panicked != nil {
		err = panicked
	}
	if stack := stackOf(err); stack != nil {
		return crashed(wire.Internal(), fmt.Errorf("decode request into %v: %w", p.in.Type, err), stack)
	}
	return server.Fail(wire.NotDecodable(errors.New(text)))
}

// crashed is the outcome of a request that ends with a panic, or for another cause if there is no stack.
func crashed(e wire.ErrorReply, cause error, stack []byte) server.Outcome {
	out := server.FailFor(e, cause)
	out.Stack = stack
	return out
}

// handle runs the handler and returns a pointer to its reply, with the headers to send back, those of the guards included.
func (p *pipeline) handle(
	ctx context.Context, guards nats.Header, r *server.Request, values exchange,
) (any, nats.Header, error) {
	defer r.Handled()
	reply, header, err := p.intercepted(ctx, guards, r, values)
	if err != nil {
		r.Interrupted = server.Interruption(r.Context, err)
	}
	return reply, header, err
}

// intercepted is handle behind the interceptors, if there are any.
func (p *pipeline) intercepted(
	ctx context.Context, guards nats.Header, r *server.Request, values exchange,
) (any, nats.Header, error) {
	if p.chain == nil {
		header, err := p.handler.handle(ctx, r)
		return values.reply(), withGuards(header, guards), err
	}
	behind, ok := values.(exchangeBehind)
	if !ok {
		return nil, nil, fmt.Errorf("request holds a %T", values)
	}
	inv, handoff := behind.invocation()
	*inv = p.invocation(r, guards)
	inv.Request, inv.msg, inv.handoff = load(values.request()), r.Msg, handoff
	reply, err := p.chain(ctx, inv)
	header := handoff.take(inv)
	if err == nil {
		err = p.checkReplyType(reply)
	}
	if err == nil {
		store(values.reply(), reply)
	}
	return values.reply(), header, err
}

// invocation is what guards see of a request, and interceptors, once it has its value and what next needs.
func (p *pipeline) invocation(r *server.Request, replyHeader nats.Header) Invocation {
	if replyHeader == nil {
		replyHeader = make(nats.Header)
	}
	return Invocation{
		Side:        ServerSide,
		Endpoint:    p.name,
		Pattern:     p.subject,
		Subject:     r.Msg.Subject,
		Idempotent:  p.idempotent,
		Header:      r.Msg.Header,
		ReplyHeader: replyHeader,
		endpoint:    p.compiled,
		context:     r.Context,
	}
}

// handleInnermost is the handler behind the interceptors. It does not touch the request: if an interceptor has left it
// running, that may have been used again. What it sets of the headers counts if it returns.
func (p *pipeline) handleInnermost(ctx context.Context, inv *Invocation) (any, error) {
	if inv == nil || inv.msg == nil {
		return nil, errInvocation
	}
	if ctx == nil {
		return nil, errNextContext
	}
	if err := p.checkRequestType(inv.Request); err != nil {
		return nil, err
	}
	var before nats.Header
	call := inv.handoff.begin(inv, func() {
		inv.ReplyHeader = inv.handlerSet.undoIn(inv.ReplyHeader)
		inv.handlerSet = replaced{}
		before = cloneHeader(inv.ReplyHeader)
	})
	reply, header, err := p.handler.handleBehind(ctx, inv, cloneHeader(before))
	inv.handoff.end(inv, call, func() {
		inv.handlerSet = newReplaced(header, before)
		inv.ReplyHeader = inv.handlerSet.applyTo(inv.ReplyHeader)
	})
	return reply, err
}

// succeeded is the outcome of a request whose handler returned what slot points to.
func (p *pipeline) succeeded(codec *wireCodec, requestType string, slot any) server.Outcome {
	if p.out.empty {
		return server.Outcome{}
	}
	b := buffer.Get()
	body, err := p.out.encode(codec, b, slot)
	if err != nil {
		b.Recycle()
		return crashed(wire.NotEncodable(), fmt.Errorf("encode reply %v: %w", p.out.Type, err), stackOf(err))
	}
	out := server.Outcome{Reply: server.Reply{Body: body, Buffer: b}}
	if wire.BeginsAsAcknowledgement(body) {
		out.Header = wire.NotAnAcknowledgement(requestType)
	}
	return out
}

// failed is the outcome of a request whose handler returned err, or that was refused before.
func (p *pipeline) failed(codec *wireCodec, r *server.Request, err error) server.Outcome {
	out := p.failedWith(codec, r, err)
	out.Err = err
	if why := refusalOf(err); why != "" {
		out.Header = wire.Refuse(out.Header, why)
	}
	return out
}

// failedWith is failed without the mark of a refusal. What the caller did to its context is not the service's failure: its
// owner is not told.
func (p *pipeline) failedWith(codec *wireCodec, r *server.Request, err error) server.Outcome {
	found := p.errors.find(err)
	switch {
	case found.member != nil:
		return p.declared(codec, found.declared, found.member)
	case found.service != nil:
		return server.Fail(found.service.reply())
	case r.Interrupted != "":
		return server.Fail(wire.Interrupted(r.Interrupted))
	default:
		return crashed(wire.Internal(), found.explain(err), stackOf(err))
	}
}

// declared is the outcome of a request whose handler returned a declared error.
func (p *pipeline) declared(codec *wireCodec, found error, member *errorMember) server.Outcome {
	description, code, err := p.errors.describe(found, member)
	if err != nil {
		return crashed(wire.Internal(), fmt.Errorf("describe error %v: %w", member.typ, err), stackOf(err))
	}
	body, err := member.encode(codec, found)
	if err != nil {
		return crashed(wire.NotEncodable(), fmt.Errorf("encode error %v: %w", member.typ, err), stackOf(err))
	}
	reply := wire.ErrorReply{Code: code, Description: description, Type: member.tag}
	return server.Outcome{
		Reply:       server.Reply{Header: reply.Header(), Body: body},
		Code:        code,
		Description: description,
		Tag:         member.tag,
	}
}
