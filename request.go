package typednats

import (
	"context"
	"reflect"
)

// RequestService calls an endpoint and returns its reply. A declared error of the endpoint is returned as the Go
// type that was declared: [errors.As], [errors.AsType] and a type switch find it. Every other failure is a
// [*CallError], which says what failed and where, and lists the causes. If the error is not nil, the reply is the
// zero Out.
//
// A context without a deadline gets [DefaultTimeout], or the client's. The request is sent once.
func RequestService[In, Out any, Err error](
	ctx context.Context, r Requester, e Endpoint[In, Out, Err], in In, opts ...CallOption,
) (Out, error) {
	var out Out
	var c call
	err := c.prepare(e.d, opts)
	if err == nil {
		err = c.do(ctx, r, in, &out)
	}
	if err != nil {
		var zero Out // decoding may have begun to fill out
		return zero, err
	}
	return out, nil
}

// Request calls a subject without a descriptor, with JSON unless [WithCallCodec] says otherwise. It is for tools, and
// for services that have no descriptor. What the service declares as an error arrives as a [*ServiceError] with Type
// and Data; otherwise it is like [RequestService].
func Request[In, Out any](
	ctx context.Context, r Requester, subject string, in In, opts ...CallOption,
) (Out, error) {
	var out Out
	var c call
	err := c.prepareUntyped(subject, reflect.TypeFor[In](), reflect.TypeFor[Out](), opts)
	if err == nil {
		err = c.do(ctx, r, in, &out)
	}
	if err != nil {
		var zero Out
		return zero, err
	}
	return out, nil
}
