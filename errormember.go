package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/typednats/typednats/internal/wire"
)

// declaration is one member given to FailsWith or, with an explicit tag, to FailsWithTag.
type declaration struct {
	member   error
	tag      string
	explicit bool
}

// errorMember is one declared error.
type errorMember struct {
	typ    reflect.Type // the declared form
	body   wireType     // what is sent: the type, without a pointer
	tag    string       // the tag that is sent
	tags   []string     // all tags that were given
	sample error        // what was declared first, or the zero value of a concrete Err; may be a nil pointer
}

// forms returns the types in which a handler may return the error: the declared one, and its pointer or value
// counterpart if that is an error, too.
func (member *errorMember) forms() []reflect.Type {
	forms := []reflect.Type{member.typ}
	if other := counterpart(member.typ); other.Implements(reflect.TypeFor[error]()) {
		forms = append(forms, other)
	}
	return forms
}

// declaredForm turns a pointer to a declared value, or the value of a declared pointer, into what was declared. The
// error is not a nil pointer.
func (member *errorMember) declaredForm(err error) error {
	v := reflect.ValueOf(err)
	if v.Type() == member.typ {
		return err
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	} else {
		pointer := reflect.New(v.Type())
		pointer.Elem().Set(v)
		v = pointer
	}
	declared, _ := reflect.TypeAssert[error](v)
	return declared
}

// encode encodes an error in the declared form. A type without fields has a body, too, if the codec can encode it: other
// clients take an error without a body for one that was not declared.
func (member *errorMember) encode(c *wireCodec, declared error) (body []byte, err error) {
	slot := any(declared)
	if member.typ.Kind() != reflect.Pointer {
		slot = member.body.slotOf(declared)
	}
	defer catchPanic(&err)
	if body, err = c.Marshal(slot); err != nil && member.body.empty {
		return nil, nil
	}
	return body, err
}

func checkMemberType(typ reflect.Type) error {
	if typ == reflect.TypeFor[*ServiceError]() {
		return errors.New("it crosses the wire without being declared")
	}
	switch valueType(typ).Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return errors.New("its kind cannot be encoded")
	default:
		return nil
	}
}

// defaultTag is the bare name of a type: a package path would move.
func defaultTag(typ reflect.Type) (string, error) {
	name := valueType(typ).Name()
	if name == "" || strings.Contains(name, "[") {
		return "", errors.New("an unnamed or generic type has no default tag; set one with FailsWithTag")
	}
	if err := wire.CheckTag(name); err != nil {
		return "", fmt.Errorf("its name cannot be a tag (%w); set one with FailsWithTag", err)
	}
	return name, nil
}

func valueType(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return typ
}

// counterpart returns the pointer type of a value type, and the other way round.
func counterpart(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return reflect.PointerTo(typ)
}
