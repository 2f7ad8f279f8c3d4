package typednats

import (
	"cmp"
	"fmt"
	"slices"
)

// HandlerOption changes how a service runs one handler. Bad values are reported by [NewService].
type HandlerOption interface {
	applyToHandler(o *handlerOptions) // unexported: only this package makes options
}

type handlerOption func(*handlerOptions)

func (f handlerOption) applyToHandler(o *handlerOptions) { f(o) }

// handlerOptions is what the options asked for. A nil pointer means that the option was not given.
type handlerOptions struct {
	maxConcurrent, maxPendingMessages, maxPendingBytes *int
	guards                                             []Guard
	interceptors                                       []Interceptor
	observers                                          []Observer
	propagated                                         []string
}

// WithMaxConcurrent bounds how many requests of the endpoint are handled at a time, overriding the service's
// MaxConcurrent. It is at least 1; with 1, requests are handled one by one in the order in which they came.
func WithMaxConcurrent(n int) HandlerOption {
	return handlerOption(func(o *handlerOptions) { o.maxConcurrent = &n })
}

// WithMaxPending bounds the queue in front of the handlers, in requests and in bytes of their headers and bodies,
// overriding the default of [DefaultMaxPendingMessages] and [DefaultMaxPendingBytes]. Each key and each value of a header
// counts 64 bytes more than its text, which is what it takes in memory. A request that finds the handlers busy and
// the queue full is answered with code 503 at once, and so is one that would wait in it for more than half of its
// caller's time. With 0 for either, no request waits.
func WithMaxPending(messages, bytes int) HandlerOption {
	return handlerOption(func(o *handlerOptions) { o.maxPendingMessages, o.maxPendingBytes = &messages, &bytes })
}

func newHandlerOptions(opts []HandlerOption, m *mistakes) handlerOptions {
	var o handlerOptions
	applyAll(opts, "HandlerOption", m, func(opt HandlerOption) { opt.applyToHandler(&o) })
	o.check(m)
	return o
}

// inside returns the options of an endpoint together with those for several, which come first, and which it overrides.
func (o *handlerOptions) inside(outer *handlerOptions) handlerOptions {
	all := *o
	all.guards = slices.Concat(outer.guards, o.guards)
	all.interceptors = slices.Concat(outer.interceptors, o.interceptors)
	all.observers = slices.Concat(outer.observers, o.observers)
	all.propagated = slices.Concat(outer.propagated, o.propagated)
	all.maxConcurrent = cmp.Or(o.maxConcurrent, outer.maxConcurrent)
	if o.maxPendingMessages == nil {
		all.maxPendingMessages, all.maxPendingBytes = outer.maxPendingMessages, outer.maxPendingBytes
	}
	return all
}

func (o *handlerOptions) check(m *mistakes) {
	checkGuards(o.guards, m)
	checkInterceptors(o.interceptors, m)
	checkObservers(o.observers, m)
	checkPropagated("Propagate", o.propagated, m)
	if n := o.maxConcurrent; n != nil && *n < 1 {
		m.add("WithMaxConcurrent", fmt.Sprint(*n), errAtLeastOne)
	}
	if n := o.maxPendingMessages; n != nil && *n < 0 {
		m.add("WithMaxPending messages", fmt.Sprint(*n), errNegative)
	}
	if n := o.maxPendingBytes; n != nil && *n < 0 {
		m.add("WithMaxPending bytes", fmt.Sprint(*n), errNegative)
	}
}
