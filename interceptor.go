package typednats

import (
	"context"
	"fmt"
	"slices"
)

// Handler takes a request to its reply: on a service it is the bound handler, on a client the call over the wire,
// each behind the interceptors inside it. A reply without an error is a value of the endpoint's Out.
type Handler func(ctx context.Context, inv *Invocation) (reply any, err error)

// Interceptor wraps a [Handler], on a service or on a client. What it returns may call next with another context,
// answer without calling next, and replace what next returned. It is called once for each request.
//
// Interceptors A, B and C wrap as A(B(C(handler))). Those of a service come before those of an endpoint, and those of
// a client before those of a call. WithInterceptors(A) and then WithInterceptors(B, C) is WithInterceptors(A, B, C).
//
// On a service, interceptors run inside panic recovery, the caller's deadline and the statistics, after the request
// was decoded: what is answered with code 400, 415, 503 or 504 without a handler is not seen. On a client they run
// outside retries, and see one request.
type Interceptor func(next Handler) Handler

// chain wraps h in interceptors, the first outermost.
func chain(interceptors []Interceptor, h Handler) Handler {
	for _, intercept := range slices.Backward(interceptors) {
		h = intercept(h)
	}
	return h
}

// checkInterceptors records interceptors that are nil.
func checkInterceptors(interceptors []Interceptor, m *mistakes) {
	for i, intercept := range interceptors {
		if intercept == nil {
			m.add("interceptor", fmt.Sprint(i), errNil)
		}
	}
}
