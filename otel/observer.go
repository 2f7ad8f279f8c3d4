package typednatsotel

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
)

// maxDescription bounds the description of a span's status, in bytes: it may be what a stranger says.
const maxDescription = 1 << 10

// Observer returns an observer that records every request of a service, and every call of a client, as a span and as a
// duration. One does for all services and clients of a program; it is for [typednats.ServiceConfig] and
// [typednats.WithObserver].
//
// A span, and what is measured, is named by the subject of the endpoint as it is described, wildcards included. A call
// made with [typednats.Request] has no description: its method is _OTHER, and the span alone has the subject. The span
// of a request begins when it was received, so the time in the queue is part of it; that of a call has all of its
// attempts.
//
// A client sends the trace in headers, as the propagator writes it, and a service reads it, in whatever case. An error
// is an option that is not sound, [typednats.ErrInvalidConfig], or one of the meter provider.
func Observer(opts ...Option) (typednats.Observer, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	o := &observer{
		settings: s,
		tracer:   s.tracers.Tracer(scope, trace.WithSchemaURL(schemaURL)),
	}
	for _, key := range s.headers {
		o.recorded = append(o.recorded, recordedHeader{key, attribute.Key(requestHeaderPrefix + key)})
	}
	if o.instruments, err = newInstruments(s.meters, s.detailed); err != nil {
		return nil, fmt.Errorf("OpenTelemetry observer: %w", err)
	}
	return o, nil
}

// observer implements [typednats.Observer].
type observer struct {
	settings

	tracer      trace.Tracer
	instruments instruments
	recorded    []recordedHeader
	methods     cache[methodID, *method]
}

// recordedHeader is a header, and the attribute for it.
type recordedHeader struct {
	name string
	key  attribute.Key
}

// observed is the context of a request or a call that is being recorded, by one observer. An End that gets another one
// is not for that: the filter has left it out, or has panicked, and the context is that of the handler which makes the
// call, or of an observer before this one.
type observed struct {
	context.Context //nolint:containedctx // it is a context itself

	by     *observer
	of     *typednats.Observation // for comparing only
	span   trace.Span
	method *method
}

// Start implements [typednats.Observer].
func (o *observer) Start(ctx context.Context, ob *typednats.Observation) context.Context {
	if o.keep != nil && !o.keep(ob) {
		return ctx
	}
	m := o.methodOf(ob)
	opts := make([]trace.SpanStartOption, len(m.start), len(m.start)+3)
	copy(opts, m.start)
	opts = append(opts, trace.WithTimestamp(ob.Received))
	if ob.Side == typednats.ServerSide {
		ctx, opts = o.extract(ctx, ob, opts)
	}
	ctx, span := o.tracer.Start(ctx, m.name, opts...)
	if span.IsRecording() {
		span.SetAttributes(o.startAttributes(ob, m)...)
	}
	if ob.Side == typednats.ClientSide {
		o.propagator.Inject(ctx, (*carrier)(ob))
	}
	return &observed{ctx, o, ob, span, m}
}

// End implements [typednats.Observer].
func (o *observer) End(ctx context.Context, ob *typednats.Observation) {
	begun, ok := ctx.(*observed)
	if !ok || begun.by != o || begun.of != ob {
		return
	}
	r := begun.method.ended(newEnding(ob, o.failed(ob)))
	o.instruments.record(ctx, ob, r)
	span := begun.span
	if !span.IsRecording() {
		span.End()
		return
	}
	span.SetAttributes(endAttributes(ob, r)...)
	if r.failed {
		span.SetStatus(codes.Error, describe(ob.Err))
	}
	span.End(trace.WithTimestamp(ob.Received.Add(ob.Took))) // as long as what is measured
}

// extract takes over the caller's trace: as the parent, or as a link if nobody knows who that is.
func (o *observer) extract(
	ctx context.Context, ob *typednats.Observation, opts []trace.SpanStartOption,
) (context.Context, []trace.SpanStartOption) {
	theirs := ctx
	if len(ob.Header) > 0 {
		theirs = o.propagator.Extract(ctx, (*carrier)(ob))
	}
	if !o.public {
		return theirs, opts
	}
	opts = append(opts, trace.WithNewRoot())
	if caller := trace.SpanContextFromContext(theirs); caller.IsValid() && caller.IsRemote() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return ctx, opts
}

// methodOf returns the method of a request or a call.
func (o *observer) methodOf(ob *typednats.Observation) *method {
	id := methodID{ob.Side, ob.Pattern}
	if ob.Endpoint == "" { // its pattern is the subject
		id.pattern = ""
	}
	if m, ok := o.methods.find(id); ok {
		return m
	}
	if id.pattern != "" {
		if m, ok := o.methods.add(id, newMethod(id), maxMethods); ok {
			return m
		}
		id.pattern = ""
	}
	m, _ := o.methods.add(id, newMethod(id), unlimited)
	return m
}

// startAttributes are those of a span that are known at the start, beside those of its method.
func (o *observer) startAttributes(ob *typednats.Observation, m *method) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 5+len(o.recorded))
	if !m.known {
		attributes = append(attributes, originalMethodKey.String(ob.Pattern))
	}
	if ob.Subject != ob.Pattern {
		attributes = append(attributes, subjectKey.String(ob.Subject))
	}
	if ob.Side == typednats.ServerSide {
		attributes = append(attributes, serviceKey.String(ob.Service), instanceKey.String(ob.Instance),
			queueWaitKey.Float64(ob.Wait.Seconds()))
	}
	for _, header := range o.recorded {
		if values := (*carrier)(ob).Values(header.name); len(values) > 0 {
			attributes = append(attributes, header.key.StringSlice(values))
		}
	}
	return attributes
}

// endAttributes are those of a span that are known at the end.
func endAttributes(ob *typednats.Observation, r *recorded) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, len(r.attributes), len(r.attributes)+3)
	copy(attributes, r.attributes)
	if ob.ErrorID != "" {
		attributes = append(attributes, errorIDKey.String(ob.ErrorID))
	}
	if ob.Side == typednats.ClientSide {
		attributes = append(attributes, attemptsKey.Int(ob.Attempts))
	}
	if refused := refusedOf(ob); refused != "" {
		attributes = append(attributes, refusedKey.String(refused))
	}
	return attributes
}

// describe returns what is wrong, for people.
func describe(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprint(err) // its method may panic
	if len(text) > maxDescription {
		text = text[:maxDescription]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
