package typednats

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/typednats/typednats/internal/server"
)

// Handler takes a request to its reply: on a service it is the bound handler, on a client the call over the wire,
// each behind the interceptors inside it. A reply without an error is a value of the endpoint's Out; beside an error it
// means nothing.
type Handler func(ctx context.Context, inv *Invocation) (reply any, err error)

// Interceptor wraps a [Handler], on a service or on a client. What it returns is called for each request, by many
// goroutines at a time. It may call next with another context, change or replace what [Invocation] says may be changed,
// answer without calling next, call next again, and replace what next returned.
//
// Interceptors A, B and C wrap as A(B(C(handler))). Those of a service come before those of an endpoint, and those of
// a client before those of a call. WithInterceptors(A) and then WithInterceptors(B, C) is WithInterceptors(A, B, C).
// They wrap when an endpoint is added to a service, when a client is made, and those of a call when it is made.
//
// Each call of next stands for itself: on a client the request is sent again and the reply decoded into a new Out, on
// a service the handler runs again, both with what the Invocation says then. Headers of the reply before are gone.
//
// On a service, next does not panic: a panic of the handler, or of an interceptor inside, is a [*PanicError]. The caller
// gets code 500 for it, and the owner a report with the stack, unless an interceptor replaces it. [runtime.Goexit] ends
// the goroutine, interceptors included; the caller gets code 500. On a client, a panic goes on as in any function.
//
// On a service, interceptors run inside the caller's deadline and the statistics, after the request was decoded: what
// the library answers without a handler is not seen. On a client they run outside retries, and see one request.
//
// An interceptor may leave a goroutine behind in which next still runs. On a service the context ends then, nothing
// waits for the handler, and what it returns is dropped, its reply headers as well.
//
// An interceptor that returns no Handler is a mistake, which [NewService] reports, or the calls of the client.
type Interceptor func(next Handler) Handler

// PanicError is the error of a handler, an interceptor or a payload's own method that panicked. Value is what it panicked
// with, which is wrapped if it is an error, and Stack the stack of its goroutine. It is never sent: whatever it wraps, a
// caller gets code 500.
type PanicError = server.PanicError

var (
	errNoHandler   = errors.New("it returned no Handler")
	errNextContext = errors.New("an interceptor called next without a context")
	errInvocation  = errors.New("an interceptor called next with an Invocation that is neither the one it got nor a copy")
)

// chain wraps h in interceptors, the first outermost.
func chain(interceptors []Interceptor, h Handler) (Handler, error) {
	for i, intercept := range slices.Backward(interceptors) {
		if h = intercept(h); h == nil {
			return nil, fmt.Errorf("interceptor %d: %w", i, errNoHandler)
		}
		h = parting(h)
	}
	return h, nil
}

// parting gives up the calls of next that an interceptor leaves running when it returns.
func parting(h Handler) Handler {
	return func(ctx context.Context, inv *Invocation) (any, error) {
		if inv != nil && inv.handoff != nil {
			defer inv.handoff.giveUp(inv)
		}
		return h(ctx, inv)
	}
}

// recovering is an interceptor that makes an error of a panic.
func recovering(next Handler) Handler {
	return func(ctx context.Context, inv *Invocation) (reply any, err error) {
		defer catchPanic(&err)
		return next(ctx, inv)
	}
}

// recoveringChain is chain with a recovering one around each link.
func recoveringChain(interceptors []Interceptor, h Handler) (Handler, error) {
	all := make([]Interceptor, len(interceptors))
	for i, intercept := range interceptors {
		all[i] = func(next Handler) Handler { return intercept(recovering(next)) }
	}
	h, err := chain(all, h)
	if err != nil {
		return nil, err
	}
	return recovering(h), nil
}

// checkInterceptors records interceptors that are nil.
func checkInterceptors(interceptors []Interceptor, m *mistakes) {
	for i, intercept := range interceptors {
		if intercept == nil {
			m.add("interceptor", fmt.Sprint(i), errNil)
		}
	}
}
