package typednats

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	overloadedDescription = "too many requests"
	stoppingDescription   = "service is stopping"
)

// outcome is how a request ended: what its caller gets, and what only the service's owner learns.
type outcome struct {
	header nats.Header
	body   []byte

	code        int // 0 is success
	description string

	cause error  // reported, never sent
	stack []byte // of a panic
}

// failure is the outcome of a request that ends with one of the library's own codes.
func failure(code int, description string) outcome {
	if description = cleanDescription(description, ""); description == "" {
		description = fmt.Sprintf("error %d", code)
	}
	return outcome{header: errorHeader(description, code, ""), code: code, description: description}
}

// internalFailure is the outcome of a request whose cause stays here.
func internalFailure(description string, cause error) outcome {
	out := failure(codeInternal, description)
	out.cause = cause
	return out
}

// serve takes one admitted request from its body to its reply. Whatever happens, the caller gets one.
func (e *servedEndpoint) serve(r *request) {
	var out outcome
	returned := false
	defer func() {
		if !returned {
			out = crash(recover())
		}
		e.reply(r, out)
	}()
	out = e.process(r)
	returned = true
}

// crash is the outcome of a request whose handler, or codec, did not return.
func crash(recovered any) outcome {
	cause := errors.New("the handler ended its goroutine")
	if recovered != nil {
		cause = panicError(recovered)
	}
	out := internalFailure(internalDescription, cause)
	out.stack = debug.Stack()
	return out
}

// panicError is the error of a recovered panic.
func panicError(recovered any) error {
	if err, ok := recovered.(error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: %v", recovered)
}

// process decodes the request, calls the handler and encodes what it returned.
func (e *servedEndpoint) process(r *request) outcome {
	if r.expired() {
		return failure(codeDeadline, "the caller's deadline passed before the handler ran")
	}
	if e.isAbandoned(r) {
		return failure(codeCallerGone, "the caller gave up before the handler ran")
	}
	codec, ok := e.codecs.forContentType(r.facts.contentType)
	if !ok {
		return failure(codeUnsupportedMedia, fmt.Sprintf("content type %q is not accepted; accepted: %v",
			r.facts.mediaType(), e.codecs))
	}
	in := e.op.newIn()
	if !e.inEmpty {
		if err := codec.Unmarshal(r.msg.Data, in); err != nil {
			return failure(codeBadRequest, fmt.Sprintf("request cannot be decoded: %v", err))
		}
	}
	value, err := e.call(r, in)
	var out outcome
	switch {
	case err != nil:
		out = e.failed(codec, err)
	case !e.outEmpty:
		if out.body, err = codec.Marshal(value); err != nil {
			out = internalFailure("reply cannot be encoded", fmt.Errorf("encode reply %T: %w", value, err))
		}
	}
	header, badKey := mergeReplyHeader(out.header, r.replyHeader)
	if badKey != "" {
		return internalFailure(internalDescription, errors.Join(out.cause,
			fmt.Errorf("reply header %q may not be sent: NATS does not allow it, or the library sets it itself", badKey)))
	}
	out.header = header
	return out
}

// call runs the handler.
func (e *servedEndpoint) call(r *request, in any) (any, error) {
	ctx, cancel := e.handlerContext(r)
	defer cancel()
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	if e.intercepted == nil {
		return e.op.call(ctx, r, in)
	}
	r.replyHeader = make(nats.Header)
	reply, err := e.intercepted(ctx, &Invocation{
		Side:        ServerSide,
		Endpoint:    e.name,
		Pattern:     e.subject,
		Subject:     r.msg.Subject,
		Idempotent:  e.idempotent,
		Request:     reflect.ValueOf(in).Elem().Interface(),
		Header:      r.msg.Header,
		ReplyHeader: r.replyHeader,
		contract:    e.contract,
		request:     r,
		in:          in,
	})
	if err != nil {
		return nil, err
	}
	return reply, e.checkReplyType(reply)
}

func (e *servedEndpoint) isAbandoned(r *request) bool {
	if !r.tracked {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return r.abandoned
}

// handlerContext returns the context of r's handler: it ends with the caller's deadline, when the caller gives up,
// and when the service stops waiting.
func (e *servedEndpoint) handlerContext(r *request) (context.Context, context.CancelFunc) {
	if !r.tracked && r.deadline.IsZero() {
		return e.ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(e.ctx)
	e.mu.Lock()
	r.cancel = cancel
	if r.abandoned {
		r.abandonLocked()
	}
	e.mu.Unlock()
	if r.deadline.IsZero() {
		return ctx, func() { cancel(nil) }
	}
	ctx, stop := context.WithDeadline(ctx, r.deadline)
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// invoke is the innermost handler behind the interceptors.
func (e *servedEndpoint) invoke(ctx context.Context, inv *Invocation) (any, error) {
	return e.op.call(ctx, inv.request, inv.in)
}

// failed is the outcome of a request whose handler returned err.
func (e *servedEndpoint) failed(codec Codec, err error) outcome {
	found, member := e.errors.find(err)
	if member == nil {
		if se, ok := found.(*ServiceError); ok { //nolint:errorlint // find has unwrapped it
			return failure(cleanCode(se.Code), se.Description)
		}
		return internalFailure(internalDescription, err)
	}
	description, code := e.errors.describe(found, member)
	body, encodeErr := codec.Marshal(found)
	if encodeErr != nil && !member.empty {
		return internalFailure("reply cannot be encoded", fmt.Errorf("encode error %T: %w", found, encodeErr))
	}
	return outcome{
		header:      errorHeader(description, code, member.tag),
		body:        body,
		code:        code,
		description: description,
	}
}

// reply counts the request and sends its reply, in this order: a caller that has its reply finds it in the
// statistics.
func (e *servedEndpoint) reply(r *request, out outcome) {
	msg, out := e.svc.replyMsg(r.msg, out)
	e.count(r, out)
	e.svc.sendReply(msg, ErrorReport{Endpoint: e.name, Subject: r.msg.Subject, Err: out.cause, Stack: out.stack})
}

// replyMsg returns the message that puts an outcome on the wire, which is a failure where the outcome is larger than
// the server takes. The message is nil if nobody waits for it.
func (s *Service) replyMsg(request *nats.Msg, out outcome) (*nats.Msg, outcome) {
	if request.Reply == "" {
		return nil, out
	}
	msg := &nats.Msg{Subject: request.Reply, Header: out.header, Data: out.body}
	size, limit := payloadSize(msg), s.nc.MaxPayload()
	if limit <= 0 || size <= limit { // the limit is not known before the first connection
		return msg, out
	}
	out = internalFailure(fmt.Sprintf("reply of %d bytes is larger than the server's max_payload of %d", size, limit),
		errors.Join(out.cause, fmt.Errorf("reply of %d bytes: %w", size, nats.ErrMaxPayload)))
	msg.Header, msg.Data = out.header, nil
	return msg, out
}

// sendReply sends a reply, if there is one, and reports the error in report and its own.
func (s *Service) sendReply(msg *nats.Msg, report ErrorReport) {
	if msg != nil {
		if err := s.nc.PublishMsg(msg); err != nil {
			report.Err = errors.Join(report.Err, fmt.Errorf("send reply: %w", err))
		}
	}
	if report.Err != nil {
		s.report(report)
	}
}

// payloadSize is what counts against the server's max_payload: header and body.
func payloadSize(m *nats.Msg) int64 {
	if len(m.Header) == 0 {
		return int64(len(m.Data))
	}
	return int64(m.Size() - len(m.Subject))
}
