package typednats

import (
	"errors"
	"reflect"

	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/payload"
	"github.com/typednats/typednats/internal/server"
)

// wireType is a type whose values cross the wire: an In, an Out, or a declared error. Values are given and taken as
// pointers to them, so that a codec sees the methods of both. A panic in one of these methods becomes an error here: it
// ends one request, and not the program.
type wireType struct {
	reflect.Type
	empty bool // sent as an empty body, whatever the codec
	bare  bool // in one codec, a value may look like another value in JSON
}

func newWireType(t reflect.Type) wireType {
	return wireType{Type: t, empty: payload.IsEmpty(t), bare: payload.IsBare(t)}
}

// encode encodes the value that slot points to, into b if the codec can.
func (t *wireType) encode(c *wireCodec, b *buffer.Buffer, slot any) (body []byte, err error) {
	if t.empty {
		return nil, nil
	}
	defer catchPanic(&err)
	return c.encode(b, payload.Argument(t.Type, slot))
}

// decode decodes a body into the zero value that slot points to.
func (t *wireType) decode(c *wireCodec, body []byte, slot any) (err error) {
	if t.empty {
		return nil
	}
	defer catchPanic(&err)
	return c.reader.Decode(t.Type, body, slot)
}

// accepts reports whether a value of an interceptor can stand for one of the type. nil can if it is a value of the type, or
// if values of the type say nothing.
func (t *wireType) accepts(v any) bool {
	if v == nil {
		return t.empty || t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer
	}
	return reflect.TypeOf(v).AssignableTo(t.Type)
}

// newSlot returns a pointer to a zero value.
func (t *wireType) newSlot() any { return reflect.New(t.Type).Interface() }

// slotOf returns a pointer to a copy of a value that is accepted.
func (t *wireType) slotOf(v any) any {
	slot := t.newSlot()
	store(slot, v)
	return slot
}

// exactly returns a value that is accepted as one of the type and no other, or nil.
func (t *wireType) exactly(v any) any {
	if v == nil || t.Kind() == reflect.Interface || reflect.TypeOf(v) == t.Type {
		return v
	}
	return load(t.slotOf(v))
}

// store puts a value that is accepted where slot points to.
func store(slot, v any) {
	to := reflect.ValueOf(slot).Elem()
	if v == nil {
		to.SetZero()
		return
	}
	to.Set(reflect.ValueOf(v))
}

// load returns the value that slot points to.
func load(slot any) any { return reflect.ValueOf(slot).Elem().Interface() }

// catchPanic, deferred, turns a panic into err.
func catchPanic(err *error) {
	if recovered := recover(); recovered != nil {
		*err = server.NewPanicError(recovered)
	}
}

// stackOf returns the stack of a panic that err tells of, or nil.
func stackOf(err error) []byte {
	if p, ok := errors.AsType[*PanicError](err); ok {
		return p.Stack
	}
	return nil
}
