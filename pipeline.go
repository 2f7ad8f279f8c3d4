package typednats

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// pipeline takes one request to its outcome: it decodes, calls the handler behind its interceptors, and encodes what
// that returned. It is the operation that the runtime runs for an endpoint, a struct without type parameters and not a
// closure that a generic function returns, so that one more endpoint costs little machine code.
type pipeline struct {
	*compiled

	handler handler
	chain   Handler // the handler behind the interceptors, nil without any: then they cost nothing
}

func newPipeline(c *compiled, h handler, interceptors []Interceptor) *pipeline {
	p := &pipeline{compiled: c, handler: h}
	if len(interceptors) > 0 {
		p.chain = chain(interceptors, p.handleInnermost)
	}
	return p
}

// NewRequest implements [server.Operation].
func (p *pipeline) NewRequest(parent context.Context, m *nats.Msg) *server.Request {
	return p.handler.newRequest(parent, m)
}

// Serve implements [server.Operation].
func (p *pipeline) Serve(r *server.Request) server.Outcome {
	codec := p.codecs.forContentType(r.ContentType)
	if codec == nil {
		return server.Fail(wire.NotAccepted(r.ContentType, p.codecs))
	}
	if !p.inEmpty {
		if err := codec.Unmarshal(r.Msg.Data, r.Input); err != nil {
			return server.Fail(wire.NotDecodable(err))
		}
	}
	value, extra, err := p.handle(r)
	var out server.Outcome
	switch {
	case err != nil:
		out = p.failed(codec, err)
	case !p.outEmpty:
		out = succeeded(codec, value)
	}
	header, badKey := wire.MergeReplyHeader(out.Header, extra)
	if badKey != "" {
		return server.FailFor(wire.Internal(), errors.Join(out.Cause,
			fmt.Errorf("reply header %q may not be sent: NATS does not allow it, or the library sets it itself", badKey)))
	}
	out.Header = header
	return out
}

// handle runs the handler and returns its reply with the headers to send back.
func (p *pipeline) handle(r *server.Request) (any, nats.Header, error) {
	defer r.Handled()
	if p.chain == nil {
		return p.handler.handle(r.Context, r, nil)
	}
	r.Keep() // an interceptor that gives up waiting may leave the handler running
	inv := &Invocation{
		Side:        ServerSide,
		Endpoint:    p.name,
		Pattern:     p.subject,
		Subject:     r.Msg.Subject,
		Idempotent:  p.idempotent,
		Request:     reflect.ValueOf(r.Input).Elem().Interface(),
		Header:      r.Msg.Header,
		ReplyHeader: make(nats.Header),
		endpoint:    p.compiled,
		request:     r,
	}
	reply, err := p.chain(r.Context, inv)
	if err == nil {
		err = p.checkReplyType(reply)
	}
	return reply, inv.ReplyHeader, err
}

// handleInnermost is the handler behind the interceptors.
func (p *pipeline) handleInnermost(ctx context.Context, inv *Invocation) (any, error) {
	reply, _, err := p.handler.handle(ctx, inv.request, inv.ReplyHeader)
	return reply, err
}

// succeeded is the outcome of a request whose handler returned value.
func succeeded(codec *wireCodec, value any) server.Outcome {
	b := buffer.Get()
	body, err := codec.encode(b, value)
	if err != nil {
		b.Recycle()
		return server.FailFor(wire.NotEncodable(), fmt.Errorf("encode reply %T: %w", value, err))
	}
	return server.Outcome{Reply: server.Reply{Body: body, Buffer: b}}
}

// failed is the outcome of a request whose handler returned err.
func (p *pipeline) failed(codec Codec, err error) server.Outcome {
	found, member := p.errors.find(err)
	if member == nil {
		if se, ok := found.(*ServiceError); ok { //nolint:errorlint // find has unwrapped it
			return server.Fail(se.reply())
		}
		return server.FailFor(wire.Internal(), err)
	}
	description, code := p.errors.describe(found, member)
	body, encodeErr := codec.Marshal(found)
	if encodeErr != nil && !member.empty {
		return server.FailFor(wire.NotEncodable(), fmt.Errorf("encode error %T: %w", found, encodeErr))
	}
	reply := wire.ErrorReply{Code: code, Description: description, Type: member.tag}
	return server.Outcome{
		Reply:       server.Reply{Header: reply.Header(), Body: body},
		Code:        code,
		Description: description,
	}
}
