package typednats

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/typednats/typednats/internal/wire"
)

// Validation is an interceptor that calls the method
//
//	Validate() error
//
// of a request, if its type has one, on the value or on the pointer to it. What the method changes of a request that is no
// pointer is lost: it has a copy.
//
// On a service, the error's text goes to the caller with code 400, marked as [RefusedInvalid]; a declared error or a
// [*ServiceError] is sent as such, marked, too. So is a null where In is a pointer. The failure of a call that the method
// makes is code 500, as that of a handler's call is; so is a method that panics, or returns a nil pointer as an error. On a
// client nothing is sent: a declared error is returned as the service's would be, any other one is an [ErrInvalidRequest].
//
// Interceptors inside it can change the request after it was looked at.
func Validation() Interceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, inv *Invocation) (any, error) {
			if err := validate(inv.Request); err != nil {
				return nil, inv.invalid(err)
			}
			return next(ctx, inv)
		}
	}
}

type validator interface{ Validate() error }

var errNull = errors.New("the request is null")

// validate calls the method of a request.
func validate(request any) (err error) {
	defer catchPanic(&err)
	if request == nil {
		return nil // In is an interface
	}
	v, ok := request.(validator)
	switch t := reflect.TypeOf(request); {
	case ok && isNil(request):
		return errNull
	case ok:
		return v.Validate()
	case reflect.PointerTo(t).Implements(reflect.TypeFor[validator]()):
		pointer := reflect.New(t)
		pointer.Elem().Set(reflect.ValueOf(request))
		v, _ = reflect.TypeAssert[validator](pointer)
		return v.Validate()
	default:
		return nil
	}
}

// invalid is what becomes of the error of a request's method.
func (inv *Invocation) invalid(err error) error {
	var table errorTable // as in Outcome
	if inv.endpoint != nil {
		table = inv.endpoint.errors
	}
	found := table.find(err)
	_, crashed := errors.AsType[*PanicError](err)
	switch {
	case inv.Side == ClientSide && found.member == nil:
		return inv.unsent(fmt.Errorf("%w: %w", ErrInvalidRequest, err))
	case inv.Side == ClientSide, crashed, isNil(err):
		return err
	case found.member != nil, found.service != nil:
		return &refusedError{wire.RefusedInvalid, err}
	case isCallError(err): // how another service has failed says nothing about the request
		return err
	}
	text, panicked := textOf(err)
	if panicked != nil {
		return panicked
	}
	return &refusedError{wire.RefusedInvalid, Errorf(wire.CodeBadRequest, "%s", text)}
}

// textOf returns what an error says, or the panic of its method. Formatting it would put the panic into the text.
func textOf(err error) (text string, panicked error) {
	defer catchPanic(&panicked)
	return err.Error(), nil
}

// unsent is the error of a call that an interceptor of the client's does not make.
func (inv *Invocation) unsent(err error) error {
	if inv.call == nil { // made by hand
		return &CallError{Endpoint: inv.Endpoint, Subject: inv.Subject, Err: err, run: neverRan}
	}
	c := inv.call.call
	c.sent.earlier = inv.call.mayHaveRun.Load()
	return c.fail(err)
}

// refusedError marks an error that ends a request before its handler runs.
type refusedError struct {
	why wire.Refusal
	error
}

func (e *refusedError) Unwrap() error { return e.error }

// refusalOf returns the mark of an error, "" if it has none. It does not ask the error's own methods As and Is, which may
// not stand it.
func refusalOf(err error) wire.Refusal {
	for !isNil(err) {
		if refused, ok := err.(*refusedError); ok { //nolint:errorlint // it is unwrapped here
			return refused.why
		}
		wrapper, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = wrapper.Unwrap()
	}
	return ""
}
