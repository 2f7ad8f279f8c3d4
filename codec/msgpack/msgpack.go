// Package msgpack holds the MessagePack codec. It agrees with JSON about which fields are sent and under which names, and
// leaves types with methods of github.com/vmihailenco/msgpack to that library.
package msgpack

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Codec is the MessagePack codec. It is safe for concurrent use.
//
// A struct is a map. Its fields are those that encoding/json sends, with the same meaning of omitempty, omitzero and
// embedded structs, and with the same names, unless they have a msgpack tag, which then counts alone: "-" and a name as in
// a json tag, and the options omitempty, omitzero, noinline (an embedded struct is a field of its own), inline (it is not,
// though it has a name) and alias:name, another name that is understood. A field _msgpack with the option as_array makes an
// array of the struct, one with omitempty gives that to all fields. Keys match exactly, never ignoring case; the option
// string of a json tag is ignored.
//
// A type is encoded and decoded by its methods, whether their receivers are pointers or not: those of the library
// (EncodeMsgpack and DecodeMsgpack, MarshalMsgpack and UnmarshalMsgpack), else MarshalBinary and UnmarshalBinary, else
// MarshalText and UnmarshalText. MarshalJSON is not called, so a type that has nothing else is refused. A time.Time is an
// instant: it comes back in the local zone. An integer is sent in its shortest form.
//
// A number that does not fit its field is an error: an integer that is too large or too small for its type, a negative
// one for an unsigned type, a fraction for an integer, a float64 that is too large for a float32. An integer may fill a
// float. nil is the zero value of any field.
//
// Into an any, a map is decoded as map[string]any (other keys than strings are an error), an array as []any, an
// integer as int64 or, from an unsigned form, uint64, a float as float64, a string and bytes as string, and a time as
// time.Time.
//
// Unmarshal reads exactly one value. It refuses data whose lengths promise more than there is, and nesting deeper
// than 512 levels, before anything is allocated; memory then grows at most linearly with the body, by a few times the
// size of the largest slice element or map entry in the target's type for each byte. A panic in a method of the value
// is not caught.
//
// Marshal returns an error for a value that contains itself, for one whose encoding Unmarshal would refuse, and for a type
// that CheckType refuses, in an any as well. The library's interned strings are not supported. An extension that is
// registered with the library for a type with MarshalMsgpack and UnmarshalMsgpack, as RegisterExt does, is encoded and
// decoded.
var Codec = newCodec()

// maxPooled is the size of a body above which its buffers are left to the garbage collector, so that one large
// message does not stay in memory.
const maxPooled = 64 << 10

// codec has what takes time to make.
type codec struct {
	plans              *plans
	encoders, decoders *sync.Pool
}

func newCodec() codec {
	plans := new(plans)
	return codec{
		plans:    plans,
		encoders: &sync.Pool{New: func() any { return &encoder{plans: plans} }},
		decoders: &sync.Pool{New: func() any { return &decoder{plans: plans} }},
	}
}

// ContentType returns "application/msgpack".
func (codec) ContentType() string { return "application/msgpack" }

// Marshal returns the MessagePack encoding of v.
func (c codec) Marshal(v any) ([]byte, error) {
	e, _ := c.encoders.Get().(*encoder)
	// One that failed or panicked may be in any state, and is dropped.
	data, err := e.encode(e.own[:0], v)
	if err != nil {
		return nil, err
	}
	own := bytes.Clone(data)
	if cap(data) <= maxPooled {
		e.own = data
	}
	c.encoders.Put(e)
	return own, nil
}

// AppendMarshal appends the MessagePack encoding of v to dst, as Marshal writes it.
func (c codec) AppendMarshal(dst []byte, v any) ([]byte, error) {
	e, _ := c.encoders.Get().(*encoder)
	data, err := e.encode(dst, v)
	if err != nil {
		return dst, err
	}
	c.encoders.Put(e)
	return data, nil
}

// IsNil reports whether data is nil, the byte c0.
func (codec) IsNil(data []byte) bool { return len(data) == 1 && data[0] == codeNil }

// CheckType returns an error if values of the type cannot make the trip: encoding or decoding fails each time, or what
// they hold is lost on the way without an error. It names the path to each Go field that is to blame. These are
//
//   - channels, functions, complex numbers, unsafe pointers, and pointers to themselves;
//   - interfaces with methods, because decoding does not know which type to fill in;
//   - pointers as keys of maps;
//   - types with MarshalJSON and no methods that this codec calls, but for [encoding/json.RawMessage], which is bytes;
//   - structs that hold all that they have in unexported fields, without methods that encode them;
//   - an embedded type whose methods encode the whole struct, so that the fields beside it are lost;
//   - an embedded pointer whose methods decode the whole struct, since it is nil then;
//   - fields that another field of the same name shadows, a struct that embeds itself among them;
//   - msgpack tags with options that are not understood.
func (c codec) CheckType(t reflect.Type) error {
	if t == nil {
		return errors.New("msgpack: a nil type")
	}
	if bad := c.plans.of(t).bad; bad != nil {
		return in("", bad)
	}
	return nil
}

// Unmarshal decodes data, which must hold one MessagePack value, into v, a non-nil pointer.
func (c codec) Unmarshal(data []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("msgpack: cannot decode into %T: it is not a pointer, or nil", v)
	}
	d, _ := c.decoders.Get().(*decoder)
	// One that failed or panicked may be in any state, and is dropped.
	if err := d.decode(data, rv); err != nil {
		return err
	}
	if len(data) <= maxPooled {
		c.decoders.Put(d)
	}
	return nil
}
