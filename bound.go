package typednats

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/server"
)

// BoundEndpoint is an endpoint with its handler, ready for [NewService]. It is made by [Endpoint.Handle] and
// [Endpoint.HandleWith]; the zero value is refused by NewService.
type BoundEndpoint struct {
	name       string
	subject    string
	descriptor *descriptor
	endpoint   *compiled
	handler    handler
	opts       handlerOptions
	err        error // what is wrong with it, reported by NewService
}

// Name returns the endpoint's name.
func (b BoundEndpoint) Name() string { return b.name }

// Subject returns the subject that the endpoint listens on.
func (b BoundEndpoint) Subject() string { return b.subject }

// Contract returns the endpoint as a document; see [Endpoint.Contract].
func (b BoundEndpoint) Contract() (contract.Document, error) { return b.descriptor.document() }

func bind(d *descriptor, h handler, opts []HandlerOption) BoundEndpoint {
	s := d.specification()
	b := BoundEndpoint{name: s.name, subject: s.pattern(), descriptor: d, handler: h}
	var m mistakes
	if h == nil {
		m.add("handler", "nil", errNil)
	}
	b.opts = newHandlerOptions(opts, &m)
	c, err := d.compile()
	if err == nil && c.isForClients {
		m.add("At", c.target, errAtIsForClients)
	}
	b.endpoint = c
	b.err = errors.Join(err, m.join(invalidEndpoint(b.name)))
	return b
}

// ForAll returns endpoints with options that they have in common: a guard for all that administrators may do, say. They come
// before what each endpoint has of its own, and after what the service has: guards, interceptors and observers stand outside
// the endpoint's, its own bounds override those given here. Bad values are reported by [NewService].
func ForAll(endpoints []BoundEndpoint, opts ...HandlerOption) []BoundEndpoint {
	var m mistakes
	common := newHandlerOptions(opts, &m)
	all := slices.Clone(endpoints)
	for i, b := range all {
		all[i].opts = b.opts.inside(&common)
		if b.endpoint != nil || b.err != nil { // else nothing was bound
			all[i].err = errors.Join(b.err, m.join(invalidEndpoint(b.name)))
		}
	}
	return all
}

// check returns what is wrong with a bound endpoint.
func (b BoundEndpoint) check() error {
	if b.err == nil && b.endpoint == nil {
		return fmt.Errorf("%w: a BoundEndpoint is made by Handle or HandleWith", invalidEndpoint(b.name))
	}
	return b.err
}

// host is what an endpoint knows of the service that runs it.
type host struct {
	cfg    *ServiceConfig
	id     string
	report func(server.Report)
}

// inService returns the endpoint as a service runs it. There must be nothing wrong with it but that an interceptor refuses to
// wrap it.
func (b BoundEndpoint) inService(h *host) (server.Endpoint, error) {
	cfg := h.cfg
	opts := b.opts.inside(&handlerOptions{
		guards: cfg.Guards, interceptors: cfg.Interceptors, observers: cfg.Observers, propagated: cfg.Propagate,
	})
	operation, err := newPipeline(b.endpoint, b.handler, opts)
	if err != nil {
		return server.Endpoint{}, fmt.Errorf("%w: %w", invalidEndpoint(b.name), err)
	}
	e := server.Endpoint{
		Name:            b.name,
		Subject:         b.subject,
		QueueGroup:      b.endpoint.queue.or(cfg.queuePolicy()).queueGroup(),
		Metadata:        b.endpoint.metadata,
		Timeout:         b.endpoint.timeout,
		MaxConcurrent:   cmp.Or(cfg.MaxConcurrent, DefaultMaxConcurrent),
		MaxPending:      DefaultMaxPendingMessages,
		MaxPendingBytes: DefaultMaxPendingBytes,
		Operation:       operation,
	}
	if n := opts.maxConcurrent; n != nil {
		e.MaxConcurrent = *n
	}
	if n := opts.maxPendingMessages; n != nil {
		e.MaxPending, e.MaxPendingBytes = *n, *opts.maxPendingBytes
	}
	if cfg.publishes() {
		e.Document = b.descriptor.served
	}
	if len(opts.observers) > 0 {
		e.Watcher = &watcher{host: h, endpoint: b.endpoint, observers: opts.observers}
	}
	if !cfg.DiscoveryDisabled {
		e.AnswerSize = answerSizeOf(&e)
	}
	return e, nil
}

// inServiceAll returns the endpoints as a service runs them, or everything that is wrong with them. Those that are
// sound are returned all the same.
func inServiceAll(h *host, bound []BoundEndpoint) ([]server.Endpoint, error) {
	var sound []server.Endpoint
	var errs []error
	for _, b := range bound {
		err := b.check()
		var e server.Endpoint
		if err == nil {
			e, err = b.inService(h)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sound = append(sound, e)
	}
	return sound, errors.Join(errs...)
}
