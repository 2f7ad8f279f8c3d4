package typednats

import "slices"

// Option is an option of handlers, of clients and of calls.
type Option interface {
	HandlerOption
	ClientOption
	CallOption
}

// WithInterceptors adds interceptors, inside those that were added before: to one endpoint of a service, to a client,
// or to one call. Those of a whole service are in [ServiceConfig].
func WithInterceptors(interceptors ...Interceptor) Option {
	return interceptorsOption(slices.Clone(interceptors))
}

type interceptorsOption []Interceptor

func (i interceptorsOption) applyToHandler(o *handlerOptions) {
	o.interceptors = append(o.interceptors, i...)
}
func (i interceptorsOption) applyToClient(o *clientOptions) {
	o.interceptors = append(o.interceptors, i...)
}
func (i interceptorsOption) applyToCall(o *callOptions) {
	o.interceptors = append(o.interceptors, i...)
}
