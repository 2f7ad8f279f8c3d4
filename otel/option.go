package typednatsotel

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
)

var (
	errNil    = errors.New("it is nil")
	errNone   = errors.New("there are none")
	errHeader = errors.New("want letters, digits or dashes, as in HTTP")
)

// Option changes what an [Observer] records. A nil Option is a mistake, which Observer reports.
type Option func(*settings)

// WithTracerProvider sets where spans go, overriding the global one, [otel.GetTracerProvider].
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = p }
}

// WithMeterProvider sets where metrics go, overriding the global one, [otel.GetMeterProvider].
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(s *settings) { s.meters = p }
}

// WithPropagator sets how traces go on in headers, overriding the global one, [otel.GetTextMapPropagator], which does
// nothing unless the program has set it.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(s *settings) { s.propagator = p }
}

// WithPublicEndpoint is for services that strangers call: a request begins a trace of its own, which links to that of
// the caller, and the caller's baggage is left out. Without it, the caller's span is the parent, and the caller
// decides whether the request is sampled. It changes nothing on a client.
func WithPublicEndpoint() Option {
	return func(s *settings) { s.public = true }
}

// WithRequestHeaders records these headers of requests, on spans only, as rpc.request.header.<key>. Keys are compared
// without case. By default none is recorded: headers may hold secrets. WithRequestHeaders(A) + WithRequestHeaders(B)
// == WithRequestHeaders(A, B).
func WithRequestHeaders(keys ...string) Option {
	return func(s *settings) { s.headers = slices.Concat(s.headers, keys) }
}

// WithFilter records only those requests and calls for which keep is true. It is called at the start of each, in many
// goroutines at a time, when what is known at the end is not known yet. What is left out also does not pass on a
// trace. By default all are kept.
func WithFilter(keep func(*typednats.Observation) bool) Option {
	return func(s *settings) { s.keep, s.filtered = keep, true }
}

// WithDetailedMetrics adds histograms of how long requests waited in the queue of a service, and of how large requests
// and replies were.
func WithDetailedMetrics() Option {
	return func(s *settings) { s.detailed = true }
}

// WithErrors has failed decide which requests and calls have failed: those have error.type, and the status Error on
// their span. It is called at the end of each, in many goroutines at a time.
//
// By default a declared error is none on either side. On a client, everything else but a reply is one; on a service,
// what has code 500 or more, which includes undeclared errors, panics and the refusals 503 and 504, and what got no
// answer.
func WithErrors(failed func(*typednats.Observation) bool) Option {
	return func(s *settings) { s.failed = failed }
}

// settings are what the options say.
type settings struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator
	public     bool
	headers    []string
	keep       func(*typednats.Observation) bool
	filtered   bool
	detailed   bool
	failed     func(*typednats.Observation) bool
}

// newSettings applies the options to the defaults. Its error has all that is wrong with them.
func newSettings(opts []Option) (settings, error) {
	s := settings{
		tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), propagator: otel.GetTextMapPropagator(),
		failed: hasFailed,
	}
	var errs []error
	for i, opt := range opts {
		if opt == nil {
			errs = append(errs, mistake(fmt.Sprintf("option %d", i+1), errNil))
			continue
		}
		opt(&s)
	}
	for option, value := range map[string]any{
		"WithTracerProvider": s.tracers, "WithMeterProvider": s.meters, "WithPropagator": s.propagator, "WithErrors": s.failed,
	} {
		if isNil(value) {
			errs = append(errs, mistake(option, errNil))
		}
	}
	if s.filtered && s.keep == nil {
		errs = append(errs, mistake("WithFilter", errNil))
	}
	for i, key := range s.headers {
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			errs = append(errs, mistake(fmt.Sprintf("WithRequestHeaders: %q", key), errHeader))
		}
		s.headers[i] = strings.ToLower(key)
	}
	slices.Sort(s.headers)
	s.headers = slices.Compact(s.headers)
	return s, errors.Join(errs...)
}

// mistake is an error about an option.
func mistake(about string, err error) error {
	return fmt.Errorf("%w: OpenTelemetry observer: %s: %w", typednats.ErrInvalidConfig, about, err)
}

// isNil reports whether an interface holds nothing, or a nil pointer or function, which could only panic when it is
// used.
func isNil(v any) bool {
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return rv.IsNil()
	default:
		return false
	}
}
