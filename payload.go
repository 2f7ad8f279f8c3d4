package typednats

import (
	"errors"
	"reflect"
	"runtime/debug"

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

// slotOf returns a pointer to a copy of a value, which is of the type or nil.
func (t *wireType) slotOf(value any) any {
	slot := reflect.New(t.Type)
	if value != nil {
		slot.Elem().Set(reflect.ValueOf(value))
	}
	return slot.Interface()
}

// caughtPanic is a panic of a payload's own method.
type caughtPanic struct {
	err   error
	stack []byte
}

func (e *caughtPanic) Error() string { return e.err.Error() }

func (e *caughtPanic) Unwrap() error { return e.err }

// catchPanic, deferred, turns a panic into err.
func catchPanic(err *error) {
	if recovered := recover(); recovered != nil {
		*err = &caughtPanic{server.PanicError(recovered), debug.Stack()}
	}
}

// stackOf returns the stack of a panic that err tells of, or nil.
func stackOf(err error) []byte {
	if p, ok := errors.AsType[*caughtPanic](err); ok {
		return p.stack
	}
	return nil
}
