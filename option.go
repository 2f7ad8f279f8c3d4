package typednats

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

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

// HandlerOption changes how a service runs one handler. Bad values are reported by [NewService].
type HandlerOption interface {
	applyToHandler(o *handlerOptions) // unexported: only this package makes options
}

type handlerOption func(*handlerOptions)

func (f handlerOption) applyToHandler(o *handlerOptions) { f(o) }

// handlerOptions is what the options asked for. A nil pointer means that the option was not given.
type handlerOptions struct {
	maxConcurrent, maxPendingMessages, maxPendingBytes *int
	interceptors                                       []Interceptor
}

// WithMaxConcurrent bounds how many requests of the endpoint are handled at a time, overriding the service's
// MaxConcurrent. It is at least 1; with 1, requests are handled one by one in the order in which they came.
func WithMaxConcurrent(n int) HandlerOption {
	return handlerOption(func(o *handlerOptions) { o.maxConcurrent = &n })
}

// WithMaxPending bounds the queue in front of the handlers, in requests and in bytes of their bodies, overriding the
// default of [DefaultMaxPendingMessages] and [DefaultMaxPendingBytes]. A request that finds the handlers busy and
// the queue full is answered with code 503 at once. With 0 for either, no request waits.
func WithMaxPending(messages, bytes int) HandlerOption {
	return handlerOption(func(o *handlerOptions) { o.maxPendingMessages, o.maxPendingBytes = &messages, &bytes })
}

func (o *handlerOptions) check(m *mistakes) {
	checkInterceptors(o.interceptors, m)
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

// CallOption changes one call. Bad values are reported by the call, which then sends nothing.
type CallOption interface {
	applyToCall(o *callOptions) // unexported: only this package makes options
}

type callOption func(*callOptions)

func (f callOption) applyToCall(o *callOptions) { f(o) }

type callOptions struct {
	header       nats.Header
	badHeader    error
	replyHeader  *nats.Header
	wantsReply   bool
	codec        Codec
	codecSet     bool
	interceptors []Interceptor
}

// WithHeader adds a value to a header of the request. The headers that the library sets itself are refused:
// Content-Type, Typednats-Timeout, Nats-Service-Error, its -Code and -Type, and Status.
func WithHeader(key, value string) CallOption {
	return callOption(func(o *callOptions) {
		if err := checkHeaderKey(key); err != nil {
			o.badHeader = err
			return
		}
		if o.header == nil {
			o.header = make(nats.Header)
		}
		o.header.Add(key, value)
	})
}

// checkHeaderKey reports why a program may not send a header.
func checkHeaderKey(key string) error {
	switch {
	case !isHeaderKey(key):
		return fmt.Errorf("%w: header %q: want letters, digits or dashes, as in HTTP", ErrInvalidConfig, key)
	case isReserved(key):
		return fmt.Errorf("%w: header %q: the library sets it itself", ErrInvalidConfig, key)
	}
	return nil
}

// WithReplyHeader stores the reply's headers in dst, those of an error reply included. It stores nil for a reply
// without headers and where no reply came, and leaves dst alone where the descriptor or an option is bad.
func WithReplyHeader(dst *nats.Header) CallOption {
	return callOption(func(o *callOptions) { o.replyHeader, o.wantsReply = dst, true })
}

// WithCallCodec sets the codec of this call, overriding the endpoint's first one. The service answers 415 if it does
// not accept it.
func WithCallCodec(c Codec) CallOption {
	return callOption(func(o *callOptions) { o.codec, o.codecSet = c, true })
}

func newCallOptions(opts []CallOption) (callOptions, error) {
	var o callOptions
	for _, opt := range opts {
		if opt == nil {
			return o, fmt.Errorf("%w: a CallOption is nil", ErrInvalidConfig)
		}
		opt.applyToCall(&o)
	}
	return o, o.check()
}

func (o *callOptions) check() error {
	var m mistakes
	checkInterceptors(o.interceptors, &m)
	if err := m.join(ErrInvalidConfig); err != nil {
		return err
	}
	switch {
	case o.badHeader != nil:
		return o.badHeader
	case o.wantsReply && o.replyHeader == nil:
		return fmt.Errorf("%w: WithReplyHeader is given nil", ErrInvalidConfig)
	case o.codecSet && isNil(o.codec):
		return fmt.Errorf("%w: WithCallCodec is given nil", ErrInvalidConfig)
	case o.codecSet:
		if err := checkMediaType(o.codec.ContentType()); err != nil {
			return fmt.Errorf("%w: WithCallCodec content type %q: %w", ErrInvalidConfig, o.codec.ContentType(), err)
		}
	}
	return nil
}

// ClientOption changes what a [Client] does for all its calls. Bad values are reported by the first call.
type ClientOption interface {
	applyToClient(o *clientOptions) // unexported: only this package makes options
}

type clientOption func(*clientOptions)

func (f clientOption) applyToClient(o *clientOptions) { f(o) }

type clientOptions struct {
	timeout      time.Duration
	factsInToken bool
	cancels      bool
	header       nats.Header
	retry        Retry
	interceptors []Interceptor
	bad          []error
}

// WithDefaultTimeout sets how long a call waits whose context has no deadline, overriding the default of
// [DefaultTimeout]. It is positive: a call never waits forever.
func WithDefaultTimeout(d time.Duration) ClientOption {
	return clientOption(func(o *clientOptions) { o.timeout = d })
}

// WithDefaultHeader adds a value to a header of every request. The headers that [WithHeader] refuses are refused.
func WithDefaultHeader(key, value string) ClientOption {
	return clientOption(func(o *clientOptions) {
		if err := checkHeaderKey(key); err != nil {
			o.bad = append(o.bad, err)
			return
		}
		o.header = headerWith(o.header, key, value)
	})
}

// WithRetry makes the client send a request again where that can do no harm, overriding the default of sending it
// once. See [Retry].
func WithRetry(r Retry) ClientOption {
	return clientOption(func(o *clientOptions) { o.retry = r })
}

// WithoutReplyToken makes the client send its timeout and its codec as headers, overriding the default of sending
// them in the last token of the reply subject, which is faster. Use it where reply subjects are rewritten on the
// way: for a service that is imported from another account.
func WithoutReplyToken() ClientOption {
	return clientOption(func(o *clientOptions) { o.factsInToken = false })
}

// WithoutCancel keeps the client from telling services that a call was cancelled, overriding the default. Use it
// where the client may publish to the endpoints' subjects only.
func WithoutCancel() ClientOption {
	return clientOption(func(o *clientOptions) { o.cancels = false })
}

func (o *clientOptions) check() error {
	var m mistakes
	if o.timeout <= 0 {
		m.add("WithDefaultTimeout", o.timeout.String(), errors.New("want a positive duration"))
	}
	o.retry.check(&m)
	checkInterceptors(o.interceptors, &m)
	return errors.Join(m.join(ErrInvalidConfig), errors.Join(o.bad...))
}
