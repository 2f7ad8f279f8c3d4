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
	var c call
	err := c.prepare(e.d, opts)
	return finish[In, Out](ctx, r, &c, err, in)
}

// Request calls a subject without a descriptor, with JSON unless [WithCallCodec] says otherwise. It is for tools, and
// for services that have no descriptor. What the service declares as an error arrives as a [*ServiceError] with Type
// and Data; otherwise it is like [RequestService].
func Request[In, Out any](
	ctx context.Context, r Requester, subject string, in In, opts ...CallOption,
) (Out, error) {
	var c call
	err := c.prepareUntyped(subject, reflect.TypeFor[In](), reflect.TypeFor[Out](), opts)
	return finish[In, Out](ctx, r, &c, err, in)
}

// finish makes a call that was prepared, unless that ended with an error.
func finish[In, Out any](ctx context.Context, r Requester, c *call, err error, in In) (Out, error) {
	var zero Out
	if err == nil {
		err = c.begin(ctx, r)
	}
	if err != nil {
		return zero, err
	}
	ctx = c.observe(ctx)
	defer c.endUnreturned()
	out, err := carryOut[In, Out](ctx, r, c, in)
	c.endObserving(err)
	return out, err
}

// carryOut makes a call that has begun.
func carryOut[In, Out any](ctx context.Context, r Requester, c *call, in In) (Out, error) {
	var zero Out
	if c.isIntercepted() {
		values := struct {
			interceptedCall
			in  In
			out Out
		}{in: in}
		reply, err := values.make(ctx, r, c, &values.in, &values.out)
		out, _ := reply.(Out)
		return out, err
	}
	values := struct { // in one allocation, for codecs to see pointers to both
		in  In
		out Out
	}{in: in}
	if err := c.do(ctx, r, &values.in, &values.out); err != nil {
		return zero, err // decoding may have begun to fill out
	}
	return values.out, nil
}
