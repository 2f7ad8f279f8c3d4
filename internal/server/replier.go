package server

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// publisher puts messages on the wire. [*nats.Conn] is one.
type publisher interface {
	Publish(subject string, data []byte) error
	PublishMsg(m *nats.Msg) error
	MaxPayload() int64 // of one message, in bytes
	IsClosed() bool
}

// replier sends replies, and tells the owner of the service what callers are not told.
type replier struct {
	publisher

	report func(Report)
}

// finish counts how a request has ended, sends its last reply if somebody waits for it, and reports what stays here. It
// is counted first: a caller that has its reply finds it in the statistics. It returns the outcome that the caller has got,
// of whose body only the length may be looked at.
func (p *replier) finish(r *Request, out Outcome, endpoint string) Outcome {
	if out.Code != 0 {
		r.count(out)
	}
	if r.confirms {
		out.Header = wire.ConfirmReplyToken(out.Header)
	}
	err := p.send(r.Msg.Reply, out.Reply)
	if r.confirms && errors.Is(err, nats.ErrMaxPayload) { // the caller does without, and goes on to send headers
		delete(out.Header, wire.ReplyTokenHeader)
		err = p.send(r.Msg.Reply, out.Reply)
	}
	// nats.go knows the limit without a lock more. Its caller would wait until it times out.
	if errors.Is(err, nats.ErrMaxPayload) {
		out = tooLarge(out, p.MaxPayload())
		r.count(out)
		err = p.send(r.Msg.Reply, out.Reply)
	}
	out.Buffer.Recycle()
	if err != nil {
		out.Cause = errors.Join(out.Cause, fmt.Errorf("send reply: %w", err))
	}
	if out.Cause != nil {
		p.report(Report{
			Endpoint: endpoint, Subject: r.Msg.Subject, Err: out.Cause, ErrorID: out.ErrorID, Stack: out.Stack, OfRequest: true,
		})
	}
	return out
}

// send puts one reply on the wire, unless nobody waits for it.
func (p *replier) send(subject string, reply Reply) error {
	switch {
	case subject == "":
		return nil
	case len(reply.Header) == 0:
		return p.Publish(subject, reply.Body)
	default:
		return p.PublishMsg(&nats.Msg{Subject: subject, Header: reply.Header, Data: reply.Body})
	}
}

// tooLarge is the outcome that takes the place of one that the server does not accept.
func tooLarge(out Outcome, limit int64) Outcome {
	size := messageSize(out.Header, out.Body)
	next := FailFor(wire.TooLarge(size, limit),
		errors.Join(out.Cause, fmt.Errorf("reply of %d bytes: %w", size, nats.ErrMaxPayload)))
	next.Buffer, next.Err = out.Buffer, next.Cause
	return next
}

// messageSize is what counts against the server's max_payload, in bytes: body and headers.
func messageSize(h nats.Header, body []byte) int {
	if len(h) == 0 {
		return len(body)
	}
	return (&nats.Msg{Header: h, Data: body}).Size()
}
