package typednats

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

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
	observers    []Observer
}

// WithDefaultTimeout sets how long a call waits whose context has no deadline, overriding the default of
// [DefaultTimeout]. It is positive: a call never waits forever.
func WithDefaultTimeout(d time.Duration) ClientOption {
	return clientOption(func(o *clientOptions) { o.timeout = d })
}

// WithDefaultHeader adds a value to a header of every request. The headers that [WithHeader] refuses are refused.
func WithDefaultHeader(key, value string) ClientOption {
	return clientOption(func(o *clientOptions) {
		o.header = wire.HeaderWith(o.header, key, value)
	})
}

// WithRetry makes the client send a request again if that can do no harm, overriding the default of sending it
// once. See [Retry].
func WithRetry(r Retry) ClientOption {
	return clientOption(func(o *clientOptions) { o.retry = r })
}

// WithoutReplyToken makes the client send its timeout and its codec as headers, overriding the default of sending
// them in the last token of the reply subject, which is faster. The default is safe where reply subjects are rewritten
// on the way, as for a service that is imported from another account: the client sees that, and goes on to send headers.
// Use it if a service must have the timeout of each call, even of those in the seconds after its way has changed.
func WithoutReplyToken() ClientOption {
	return clientOption(func(o *clientOptions) { o.factsInToken = false })
}

// WithoutCancel keeps the client from telling services that a call was cancelled, overriding the default. Use it
// if the client may publish to the endpoints' subjects only.
func WithoutCancel() ClientOption {
	return clientOption(func(o *clientOptions) { o.cancels = false })
}

func newClientOptions(opts []ClientOption) (clientOptions, error) {
	o := clientOptions{timeout: DefaultTimeout, factsInToken: true, cancels: true}
	var m mistakes
	applyAll(opts, "ClientOption", &m, func(opt ClientOption) { opt.applyToClient(&o) })
	o.check(&m)
	return o, m.join(ErrInvalidConfig)
}

func (o *clientOptions) check(m *mistakes) {
	if o.timeout <= 0 {
		m.add("WithDefaultTimeout", o.timeout.String(), errNotPositive)
	}
	checkHeader(o.header, m)
	o.retry.check(m)
	checkInterceptors(o.interceptors, m)
	checkObservers(o.observers, m)
}
