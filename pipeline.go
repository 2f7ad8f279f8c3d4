package typednats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

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
	if r.abandoned() {
		return failure(codeCallerGone, "the caller gave up before the handler ran")
	}
	codec := e.codecs.forContentType(r.contentType)
	if codec == nil {
		return failure(codeUnsupportedMedia, fmt.Sprintf("content type %q is not accepted; accepted: %v",
			cmp.Or(r.contentType, jsonMediaType), e.codecs))
	}
	if !e.inEmpty {
		if err := codec.Unmarshal(r.msg.Data, r.in); err != nil {
			return failure(codeBadRequest, fmt.Sprintf("request cannot be decoded: %v", err))
		}
	}
	value, err := e.call(r)
	var out outcome
	switch {
	case err != nil:
		out = e.failed(codec, err)
	case !e.outEmpty:
		r.buffer = newBuffer()
		if out.body, err = codec.encode(r.buffer, value); err != nil {
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
func (e *servedEndpoint) call(r *request) (any, error) {
	defer func() {
		r.took = e.svc.clock() - r.started
		r.ctx.end(context.Canceled)
	}()
	if e.intercepted == nil {
		return e.op.call(r.ctx, r)
	}
	r.kept = true
	r.replyHeader = make(nats.Header)
	reply, err := e.intercepted(r.ctx, &Invocation{
		Side:        ServerSide,
		Endpoint:    e.name,
		Pattern:     e.subject,
		Subject:     r.msg.Subject,
		Idempotent:  e.idempotent,
		Request:     reflect.ValueOf(r.in).Elem().Interface(),
		Header:      r.msg.Header,
		ReplyHeader: r.replyHeader,
		contract:    e.contract,
		request:     r,
	})
	if err != nil {
		return nil, err
	}
	return reply, e.checkReplyType(reply)
}

// invoke is the innermost handler behind the interceptors.
func (e *servedEndpoint) invoke(ctx context.Context, inv *Invocation) (any, error) {
	return e.op.call(ctx, inv.request)
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
	r.counts.processing.Add(int64(r.took))
	e.svc.reply(r, out, e.name)
	r.buffer.release()
}

// reply counts an outcome, sends it if somebody waits for it, and reports what stays here.
func (s *Service) reply(r *request, out outcome, endpoint string) {
	if out.code != 0 {
		r.count(out)
	}
	err := s.send(r.msg.Reply, out)
	if errors.Is(err, nats.ErrMaxPayload) { // the caller is waiting for something
		out = tooLarge(out, s.nc.MaxPayload())
		r.count(out)
		err = s.send(r.msg.Reply, out)
	}
	if err != nil {
		out.cause = errors.Join(out.cause, fmt.Errorf("send reply: %w", err))
	}
	if out.cause != nil {
		s.report(ErrorReport{Endpoint: endpoint, Subject: r.msg.Subject, Err: out.cause, Stack: out.stack})
	}
}

// send puts an outcome on the wire, unless nobody waits for it.
func (s *Service) send(subject string, out outcome) error {
	switch {
	case subject == "":
		return nil
	case len(out.header) == 0:
		return s.nc.Publish(subject, out.body)
	default:
		return s.nc.PublishMsg(&nats.Msg{Subject: subject, Header: out.header, Data: out.body})
	}
}

// tooLarge is the outcome that takes the place of one that the server does not accept.
func tooLarge(out outcome, limit int64) outcome {
	msg := nats.Msg{Header: out.header, Data: out.body}
	size := len(msg.Data) // both count against the limit
	if len(msg.Header) > 0 {
		size = msg.Size()
	}
	return internalFailure(fmt.Sprintf("reply of %d bytes is larger than the server's max_payload of %d", size, limit),
		errors.Join(out.cause, fmt.Errorf("reply of %d bytes: %w", size, nats.ErrMaxPayload)))
}
