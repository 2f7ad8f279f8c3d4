package typednatsotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/typednats/typednats"
)

// instruments are what metrics are recorded with.
type instruments struct {
	client, server metric.Float64Histogram

	queue          metric.Float64Histogram // nil if metrics are not detailed, and so are those below
	request, reply metric.Int64Histogram
}

func newInstruments(meters metric.MeterProvider, detailed bool) (instruments, error) {
	meter := meters.Meter(scope, metric.WithSchemaURL(schemaURL))
	var errs []error
	duration := func(name, description string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(durationBuckets()...))
		errs = append(errs, err)
		return h
	}
	size := func(name, description string) metric.Int64Histogram {
		h, err := meter.Int64Histogram(name, metric.WithUnit("By"), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(sizeBuckets()...))
		errs = append(errs, err)
		return h
	}
	i := instruments{
		client: duration(clientDurationName, "Measures the duration of an outgoing Remote Procedure Call (RPC)."),
		server: duration(serverDurationName, "Measures the duration of an incoming Remote Procedure Call (RPC)."),
	}
	if detailed {
		i.queue = duration(queueDurationName, "How long requests waited for a handler.")
		i.request = size(requestSizeName, "How large the bodies of requests were.")
		i.reply = size(replySizeName, "How large the bodies of replies were.")
	}
	return i, errors.Join(errs...)
}

// record records a request or a call that has ended.
func (i *instruments) record(ctx context.Context, o *typednats.Observation, r *recorded) {
	if o.Side == typednats.ClientSide {
		i.client.Record(ctx, o.Took.Seconds(), r.measured...)
		return
	}
	i.server.Record(ctx, o.Took.Seconds(), r.measured...)
	if i.queue != nil {
		i.queue.Record(ctx, o.Wait.Seconds(), r.measured...)
		i.request.Record(ctx, int64(o.RequestSize), r.measured...)
		i.reply.Record(ctx, int64(o.ReplySize), r.measured...)
	}
}
