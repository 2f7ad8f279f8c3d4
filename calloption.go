package typednats

import (
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// CallOption changes one call. Bad values are reported by the call, which then sends nothing.
type CallOption interface {
	applyToCall(o *callOptions) // unexported: only this package makes options
}

type callOption func(*callOptions)

func (f callOption) applyToCall(o *callOptions) { f(o) }

type callOptions struct {
	header       nats.Header
	replyHeader  *nats.Header
	wantsReply   bool
	codec        Codec
	codecSet     bool
	interceptors []Interceptor
	observers    []Observer
}

// WithHeader adds a value to a header of the request. Headers that are the library's to set are refused, in whatever case:
// Content-Type, Nats-Service-Error, its -Code and -Type, Status, and all that begin with Typednats-. So are values that are
// not printable ASCII.
func WithHeader(key, value string) CallOption {
	return callOption(func(o *callOptions) {
		if o.header == nil {
			o.header = make(nats.Header)
		}
		o.header.Add(key, value)
	})
}

// WithReplyHeader stores the reply's headers in dst, those of an error reply included. It stores nil for a reply
// without headers and if no reply came, and leaves dst alone if the descriptor or an option is bad.
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
	var m mistakes
	applyAll(opts, "CallOption", &m, func(opt CallOption) { opt.applyToCall(&o) })
	o.check(&m)
	return o, m.join(ErrInvalidConfig)
}

func (o *callOptions) check(m *mistakes) {
	checkHeader(o.header, m)
	checkInterceptors(o.interceptors, m)
	checkObservers(o.observers, m)
	if o.wantsReply && o.replyHeader == nil {
		m.add("WithReplyHeader", "nil", errNil)
	}
	switch {
	case o.codecSet && isNil(o.codec):
		m.add("WithCallCodec", "nil", errNil)
	case o.codecSet:
		m.add("WithCallCodec content type", o.codec.ContentType(), wire.CheckMediaType(o.codec.ContentType()))
	}
}
