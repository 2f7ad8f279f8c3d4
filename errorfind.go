package typednats

import (
	"errors"
	"fmt"
	"reflect"
)

// finding is what there is in the tree of an error that a handler returned.
type finding struct {
	declared error        // the outermost declared error, in the form that was declared
	member   *errorMember // of it
	service  *ServiceError
	hint     string // for the owner: what looks like a mistake of the handler's, if nothing was found
}

// find looks for the outermost declared error or *ServiceError in err's tree. Whatever [errors.As] finds is found, by
// methods As and Is, too, but all in one walk and not for one type at a time. The walk stops at a *CallError, since how
// another service has failed is not this one's answer, and at a *PanicError, since what a handler panics with is none.
func (t *errorTable) find(err error) finding {
	var f finding
	if !t.search(err, t.look, &f) {
		t.search(err, t.lookByIs, &f)
	}
	return f
}

// search calls look for each error in err's tree, the outermost first, until it reports that it has found something.
func (t *errorTable) search(err error, look func(error, *finding) bool, f *finding) bool {
	for err != nil {
		switch err.(type) { //nolint:errorlint // the walk itself unwraps
		case *CallError, *PanicError:
			return false
		}
		if look(err, f) {
			return true
		}
		if isNil(err) {
			return false
		}
		switch wrapper := err.(type) { //nolint:errorlint // the walk itself unwraps
		case interface{ Unwrap() error }:
			err = wrapper.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range wrapper.Unwrap() {
				if t.search(branch, look, f) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

// look looks at one error: its type, and its method As.
func (t *errorTable) look(err error, f *finding) bool {
	if isNil(err) {
		f.suggestf("the handler returned a nil %s as an error", reflect.TypeOf(err))
		return false
	}
	if member := t.byType[reflect.TypeOf(err)]; member != nil {
		f.declared, f.member = member.declaredForm(err), member
		return true
	}
	if se, ok := err.(*ServiceError); ok { //nolint:errorlint // search unwraps
		f.service = se
		return true
	}
	if t.isForgotten(err) {
		f.suggestf("%s implements %s but is not declared; list it with FailsWith", typeName(reflect.TypeOf(err)), typeName(t.union))
	}
	if as, ok := err.(interface{ As(target any) bool }); ok {
		return t.lookByAs(as, f)
	}
	return false
}

// lookByAs asks an error's own method As for each declared error. It is not asked for a *ServiceError if it holds a
// *CallError, in which there may be one of another service.
func (t *errorTable) lookByAs(err interface{ As(target any) bool }, f *finding) bool {
	for _, member := range t.members {
		for _, typ := range member.forms() {
			target := reflect.New(typ)
			if !err.As(target.Interface()) {
				continue
			}
			if found, ok := reflect.TypeAssert[error](target.Elem()); ok && !isNil(found) {
				f.declared, f.member = member.declaredForm(found), member
				return true
			}
		}
	}
	var call *CallError
	return !err.As(&call) && err.As(&f.service) && f.service != nil
}

// lookByIs asks an error's own method Is whether it is a declared error: then it is the value that was declared.
func (t *errorTable) lookByIs(err error, f *finding) bool {
	is, ok := err.(interface{ Is(target error) bool })
	if !ok || isNil(err) { // its methods may not stand it
		return false
	}
	for _, member := range t.members {
		if !isNil(member.sample) && is.Is(member.sample) {
			f.declared, f.member = member.sample, member
			return true
		}
	}
	return false
}

// isForgotten reports whether an error belongs to the union of the endpoint's errors. Every error belongs to one that is
// the interface error itself, which says nothing.
func (t *errorTable) isForgotten(err error) bool {
	return t.union != nil && reflect.TypeOf(err).Implements(t.union)
}

// suggestf keeps the first hint, which is about the outermost error.
func (f *finding) suggestf(format string, args ...any) {
	if f.hint == "" {
		f.hint = fmt.Sprintf(format, args...)
	}
}

// explain is the error that the owner of the service is told of if nothing was found.
func (f *finding) explain(err error) error {
	switch {
	case f.hint == "":
		return err
	case isNil(err): // its methods may not stand it
		return errors.New(f.hint)
	default:
		return fmt.Errorf("%w (%s)", err, f.hint)
	}
}

// typeName is the name of a type as its package writes it.
func typeName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return "*" + typeName(t.Elem())
	case t.Name() == "":
		return t.String()
	default:
		return t.Name()
	}
}
