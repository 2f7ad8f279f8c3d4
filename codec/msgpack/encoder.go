package msgpack

import (
	"encoding/binary"
	"math"
	"reflect"
)

// maxSteps is how many pointers, interfaces and containers may lead to a value that is encoded.
const maxSteps = 4 * maxDepth

// encoder appends the encoding of a value to a buffer.
type encoder struct {
	*plans
	validator

	own     []byte // a buffer for who brings none
	buf     []byte
	open    int  // the containers around the current value
	steps   int  // what led to it
	foreign bool // the library has written a part
	library libraryEncoder
}

// encode appends the encoding of v to dst.
func (e *encoder) encode(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, codeNil), nil
	}
	e.buf, e.open, e.steps, e.foreign = dst, 0, 0, false
	rv := reflect.ValueOf(v)
	p := e.of(rv.Type())
	if p.bad != nil {
		return dst, in("", p.bad)
	}
	if err := p.encode(e, rv); err != nil {
		return dst, in("", err)
	}
	out := e.buf
	e.buf = nil
	if e.foreign {
		if err := e.validate(out[len(dst):]); err != nil { // too deep, which is better known here than at the other end
			return dst, in("", err)
		}
	}
	return out, nil
}

// enter goes into a container that is not empty.
func (e *encoder) enter() error {
	if e.open++; e.open > maxDepth {
		return errCycle
	}
	return e.step()
}

func (e *encoder) leave() {
	e.open--
	e.steps--
}

// step follows a pointer or an interface, and back again with e.steps--. Their number is bounded, because a value that
// contains itself would end the process.
func (e *encoder) step() error {
	if e.steps++; e.steps > maxSteps {
		return errCycle
	}
	return nil
}

func encodeBool(e *encoder, v reflect.Value) error {
	if v.Bool() {
		e.buf = append(e.buf, codeTrue)
	} else {
		e.buf = append(e.buf, codeFalse)
	}
	return nil
}

func encodeInt(e *encoder, v reflect.Value) error {
	e.buf = appendInt(e.buf, v.Int())
	return nil
}

func encodeUint(e *encoder, v reflect.Value) error {
	e.buf = appendUint(e.buf, v.Uint())
	return nil
}

func encodeFloat32(e *encoder, v reflect.Value) error {
	e.buf = binary.BigEndian.AppendUint32(append(e.buf, codeFloat32), math.Float32bits(float32(v.Float())))
	return nil
}

func encodeFloat64(e *encoder, v reflect.Value) error {
	e.buf = binary.BigEndian.AppendUint64(append(e.buf, codeFloat64), math.Float64bits(v.Float()))
	return nil
}

func encodeString(e *encoder, v reflect.Value) error {
	e.buf = appendString(e.buf, v.String())
	return nil
}

func encodeBytes(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.buf = append(e.buf, codeNil)
	} else {
		e.buf = appendBytes(e.buf, v.Bytes())
	}
	return nil
}

func encodeByteArray(e *encoder, v reflect.Value) error {
	e.buf = appendBytes(e.buf, addressable(v).Bytes())
	return nil
}

func encodeAny(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.buf = append(e.buf, codeNil)
		return nil
	}
	if err := e.step(); err != nil {
		return err
	}
	v = v.Elem()
	p := e.of(v.Type())
	if p.bad != nil {
		return p.bad
	}
	err := p.encode(e, v)
	e.steps--
	return err
}

// addressable returns v, or a copy of it that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
