package typednatsotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/typednats/typednats"
)

// Gauges has meter tell, whenever metrics are collected, how many requests of each endpoint of the services are in the
// hands of handlers, how many may be, and how many wait. Endpoints of the same subject in services of the same name count together, so
// all services of a program belong in one call. A service that was stopped is left out.
//
// The registration's Unregister ends that. An error is a meter or a service that is nil, no service at all, both
// [typednats.ErrInvalidConfig], or one of the meter.
func Gauges(meter metric.Meter, services ...*typednats.Service) (metric.Registration, error) {
	if isNil(meter) {
		return nil, gaugesError("meter", errNil)
	}
	if len(services) == 0 {
		return nil, gaugesError("services", errNone)
	}
	for i, svc := range services {
		if svc == nil {
			return nil, gaugesError(fmt.Sprintf("service %d", i+1), errNil)
		}
	}
	g := gauges{services: services}
	var err, err2, err3 error
	g.active, err = meter.Int64ObservableGauge(activeCallsName, metric.WithUnit("{call}"),
		metric.WithDescription("How many requests are in the hands of handlers."))
	g.waiting, err2 = meter.Int64ObservableGauge(waitingCallsName, metric.WithUnit("{call}"),
		metric.WithDescription("How many requests wait for a handler."))
	g.most, err3 = meter.Int64ObservableGauge(maxCallsName, metric.WithUnit("{call}"),
		metric.WithDescription("How many requests may be in the hands of handlers."))
	if err = errors.Join(err, err2, err3); err != nil {
		return nil, fmt.Errorf("OpenTelemetry gauges: %w", err)
	}
	registration, err := meter.RegisterCallback(g.observe, g.active, g.waiting, g.most)
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry gauges: %w", err)
	}
	return registration, nil
}

// gaugesError is about an argument of [Gauges].
func gaugesError(about string, err error) error {
	return fmt.Errorf("%w: OpenTelemetry gauges: %s: %w", typednats.ErrInvalidConfig, about, err)
}

// gauges are what is known of services at a moment.
type gauges struct {
	services              []*typednats.Service
	active, waiting, most metric.Int64ObservableGauge
}

// observe is called when metrics are collected.
func (g gauges) observe(_ context.Context, to metric.Observer) error {
	type place struct{ service, subject string }
	type load struct{ active, waiting, most int64 }
	loads := make(map[place]load)
	for _, svc := range g.services {
		select {
		case <-svc.Done():
			continue
		default:
		}
		for _, e := range svc.Load() {
			at := place{svc.Name(), e.Subject}
			sum := loads[at]
			loads[at] = load{sum.active + int64(e.Running), sum.waiting + int64(e.Waiting), sum.most + int64(e.MaxConcurrent)}
		}
	}
	for at, sum := range loads {
		set := metric.WithAttributeSet(attribute.NewSet(systemKey.String(system), methodKey.String(at.subject), serviceKey.String(at.service)))
		to.ObserveInt64(g.active, sum.active, set)
		to.ObserveInt64(g.waiting, sum.waiting, set)
		to.ObserveInt64(g.most, sum.most, set)
	}
	return nil
}
