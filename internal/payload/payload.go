// Package payload hands the values of an endpoint to codecs and takes them back, in the one way that the library and its
// suite for codecs share: as pointers, so that methods with pointer receivers are called and boxing is spared.
package payload

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
)

// Codec is the interface typednats.Codec.
type Codec interface {
	ContentType() string
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// nilTeller is the method that a codec may have.
type nilTeller interface {
	IsNil(data []byte) bool
}

// What a body is that says nothing about a value which has to be there. The texts are for strangers.
var (
	errNull  = errors.New("the body is null where a value belongs")
	errEmpty = errors.New("the body is empty where a value belongs")
)

// IsEmpty reports whether values of a type are sent as an empty body, whatever the codec: a struct without fields says
// nothing.
func IsEmpty(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 0
}

// IsBare reports whether values of a type may be encoded as a bare number, string or the like, of which one codec's bytes
// can be another's, too: msgpack's 53 is the digit 5. Values with parts begin with bytes that tell, unless the type
// reads JSON by methods of its own.
func IsBare(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pointer := reflect.PointerTo(t)
	if pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return false
	case reflect.Slice, reflect.Array:
		return t.Elem().Kind() == reflect.Uint8
	default:
		return true
	}
}

// Argument returns what a codec's Marshal gets for the value of type t that slot points to: slot itself or, for a pointer
// type, the pointer that is there.
func Argument(t reflect.Type, slot any) any {
	if t.Kind() != reflect.Pointer {
		return slot
	}
	return reflect.ValueOf(slot).Elem().Interface()
}

// Reader decodes with one codec. It is safe for concurrent use.
type Reader struct {
	codec Codec
	nils  nilTeller // nil if the codec cannot tell
	takes atomic.Uint32
	nulls sync.Map // reflect.Type to what the codec sends for null, for a codec that cannot tell
}

// What a codec takes as the target of Unmarshal for a pointer type *T, as far as is known.
const (
	unknown = iota
	pointer // *T, as Codec says
	pointerToPointer
)

// NewReader returns a Reader of c.
func NewReader(c Codec) *Reader {
	r := &Reader{codec: c}
	r.nils, _ = c.(nilTeller)
	return r
}

// Decode decodes data into the zero value of type t that slot points to. A body that is null or empty is an error unless
// the type has a value that is sent so: it is never a zero value that nobody sent.
func (r *Reader) Decode(t reflect.Type, data []byte, slot any) error {
	isNull := r.isNull(t, data)
	if isNull || len(data) == 0 {
		if err := r.expects(t, data, isNull); err != nil {
			return err
		}
	}
	if t.Kind() != reflect.Pointer {
		return r.codec.Unmarshal(data, slot)
	}
	if isNull { // a nil pointer is there already
		return nil
	}
	return r.decodePointer(t, data, slot)
}

// isNull reports whether data is null, for a type. If the codec cannot tell, it is what a nil pointer is sent as, and a zero
// value is not.
func (r *Reader) isNull(t reflect.Type, data []byte) bool {
	if r.nils != nil {
		return r.nils.IsNil(data)
	}
	if len(data) == 0 {
		return false
	}
	null, ok := r.nulls.Load(t)
	if !ok {
		null, _ = r.nulls.LoadOrStore(t, r.null(t))
	}
	return bytes.Equal(data, null.([]byte)) //nolint:forcetypeassert // nothing else is in it
}

// null returns what a nil pointer is sent as, or nothing if that is not to be told from a zero value.
func (r *Reader) null(t reflect.Type) []byte {
	if t.Kind() != reflect.Pointer {
		t = reflect.PointerTo(t)
	}
	null := r.try(reflect.Zero(t).Interface())
	zero := reflect.New(t.Elem())
	for e, most := zero.Elem(), 8; e.Kind() == reflect.Pointer && most > 0; most-- { // a type may be a pointer to itself
		e.Set(reflect.New(e.Type().Elem()))
		e = e.Elem()
	}
	if bytes.Equal(null, r.try(zero.Interface())) {
		return nil
	}
	return null
}

// try returns a copy of what the codec makes of v, or nothing if it fails.
func (r *Reader) try(v any) (data []byte) {
	defer func() {
		if recover() != nil { // a codec need not bear a nil pointer
			data = nil
		}
	}()
	data, err := r.codec.Marshal(v)
	if err != nil {
		return nil
	}
	return bytes.Clone(data)
}

// decodePointer decodes into a new T, for the pointer type *T. A codec that was written for a pointer to the payload's
// type, whatever that is, takes a **T alone: it gets one if it has refused a *T, until it is known which one it takes.
func (r *Reader) decodePointer(t reflect.Type, data []byte, slot any) error {
	value := reflect.New(t.Elem())
	switch r.takes.Load() {
	case pointerToPointer:
		return r.codec.Unmarshal(data, slot)
	case unknown:
		if r.attempt(data, value.Interface()) {
			r.takes.Store(pointer)
			break
		}
		if r.attempt(data, slot) {
			r.takes.Store(pointerToPointer)
			return nil
		}
		fallthrough // for the error, or the panic, of what Codec asks for
	default:
		if err := r.codec.Unmarshal(data, value.Interface()); err != nil {
			return err
		}
	}
	reflect.ValueOf(slot).Elem().Set(value.Convert(t))
	return nil
}

// attempt reports whether the codec decodes into a target. A codec may assert the type of its targets without a look.
func (r *Reader) attempt(data []byte, target any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return r.codec.Unmarshal(data, target) == nil
}

// expects returns an error if no zero value of type t is sent as data, which is null or empty. Maps, slices and
// interfaces are nil from null in every format that has it; other types may say null for themselves, as an optional value
// does, and a message without fields that are set may be an empty body.
func (r *Reader) expects(t reflect.Type, data []byte, isNull bool) error {
	err := errEmpty
	if isNull {
		err = errNull
		switch t.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			return nil
		default:
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	zero, failure := r.codec.Marshal(Argument(t, reflect.New(t).Interface()))
	if failure != nil || len(zero) > 0 != (len(data) > 0) || isNull && !r.isNull(t, zero) {
		return err
	}
	return nil
}
