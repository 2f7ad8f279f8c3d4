package msgpack

import (
	"encoding"
	"encoding/json"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/typednats/typednats/internal/payload"
)

// way is by what a type is encoded and decoded.
type way int

const (
	byKind    way = iota
	byLibrary     // EncodeMsgpack or MarshalMsgpack, and DecodeMsgpack or UnmarshalMsgpack
	byBinary      // MarshalBinary and UnmarshalBinary
	byText        // MarshalText and UnmarshalText
)

// methodsOf returns by which of its methods a type is encoded and decoded: the first kind of which it has both.
func methodsOf(t reflect.Type) way {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface { // the methods are those of what is in it
		return byKind
	}
	p := reflect.PointerTo(t)
	switch {
	case encodesByLibrary(p) && decodesByLibrary(p):
		return byLibrary
	case p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) && p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()):
		return byBinary
	case p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) && p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return byText
	default:
		return byKind
	}
}

func encodesByLibrary(p reflect.Type) bool {
	return p.Implements(reflect.TypeFor[msgpack.CustomEncoder]()) || p.Implements(reflect.TypeFor[msgpack.Marshaler]())
}

func decodesByLibrary(p reflect.Type) bool {
	return p.Implements(reflect.TypeFor[msgpack.CustomDecoder]()) || p.Implements(reflect.TypeFor[msgpack.Unmarshaler]())
}

func encodesByJSON(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())
}

// putNil writes nil for a nil map or slice, whose methods may not bear it.
func (e *encoder) putNil(v reflect.Value) bool {
	if k := v.Kind(); k != reflect.Map && k != reflect.Slice && k != reflect.Func && k != reflect.Chan || !v.IsNil() {
		return false
	}
	e.buf = append(e.buf, codeNil)
	return true
}

func encodeByLibrary(e *encoder, v reflect.Value) (err error) {
	if e.putNil(v) {
		return nil
	}
	e.foreign = true
	start := len(e.buf)
	if e.buf, err = e.library.encode(e.buf, addressable(v)); err != nil {
		return err
	}
	return e.validate(e.buf[start:]) // a method may write anything
}

func decodeByLibrary(d *decoder, v reflect.Value) error {
	if d.takeNil() {
		v.SetZero()
		return nil
	}
	return d.byLibrary(func(dec *msgpack.Decoder) error { return dec.DecodeValue(v) })
}

// byLibrary lets the library take a value.
func (d *decoder) byLibrary(read func(*msgpack.Decoder) error) error {
	start := d.pos
	d.skip()
	return d.library.decode(d.data[start:d.pos:d.pos], read)
}

func encodeByBinary(e *encoder, v reflect.Value) error {
	if e.putNil(v) {
		return nil
	}
	m, _ := reflect.TypeAssert[encoding.BinaryMarshaler](addressable(v).Addr())
	data, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	e.buf = appendBytes(e.buf, data)
	return nil
}

func decodeByBinary(d *decoder, v reflect.Value) error {
	data, isNil, err := d.forMethod(v)
	if isNil || err != nil {
		return err
	}
	m, _ := reflect.TypeAssert[encoding.BinaryUnmarshaler](v.Addr())
	return payload.InWords(m.UnmarshalBinary(data))
}

func encodeByText(e *encoder, v reflect.Value) error {
	if e.putNil(v) {
		return nil
	}
	m, _ := reflect.TypeAssert[encoding.TextMarshaler](addressable(v).Addr())
	data, err := m.MarshalText()
	if err != nil {
		return err
	}
	e.buf = appendBytes(e.buf, data) // as the library has it
	return nil
}

func decodeByText(d *decoder, v reflect.Value) error {
	data, isNil, err := d.forMethod(v)
	if isNil || err != nil {
		return err
	}
	m, _ := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	return payload.InWords(m.UnmarshalText(data))
}

// forMethod takes what a method decodes. A nil is a zero value, and not for the method.
func (d *decoder) forMethod(v reflect.Value) (data []byte, isNil bool, err error) {
	c := d.code()
	if c == codeNil {
		v.SetZero()
		return nil, true, nil
	}
	data, ok := d.bytes(c)
	if !ok {
		return nil, false, mismatch(c, "text")
	}
	return data, false, nil
}
