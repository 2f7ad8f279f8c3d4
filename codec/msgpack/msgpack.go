// Package msgpack holds the MessagePack codec, on github.com/vmihailenco/msgpack, with the checks that make its
// decoder safe for bytes from anyone.
package msgpack

import (
	"fmt"
	"reflect"
	"sync"
)

// Codec is the MessagePack codec. It is safe for concurrent use.
//
// A struct is a map. A field is named by its msgpack tag, else by its json tag, else as in Go; "-" and omitempty work
// in both tags. Otherwise it differs from JSON as follows:
//
//   - keys match exactly, never ignoring case;
//   - an embedded struct is flattened even if its json tag names it: tag it msgpack:"name,noinline" to nest it;
//   - a nil embedded pointer comes back as a pointer to a zero struct;
//   - omitzero and string in a json tag, and the methods MarshalJSON and UnmarshalJSON, are ignored;
//   - an integer that is too large for its Go type loses its high bits, without an error;
//   - a time.Time is an instant: it comes back in the local zone.
//
// Into an any, a map is decoded as map[string]any (other keys than strings are an error), an array as []any, an
// integer as int64 or, from an unsigned form, uint64, a float as float64, a string and bytes as string, and a time as
// time.Time.
//
// Unmarshal reads exactly one value. It refuses data whose lengths promise more than there is, and nesting deeper
// than 512 levels, before anything is allocated; memory then grows at most linearly with the body, by a few times the
// size of the largest slice element or map entry in the target's type for each byte. A panic while decoding, such as
// for a slice as the key of a map[any]any, is returned as an error.
//
// Marshal returns an error for a value that contains itself, and for one whose encoding Unmarshal would refuse. The
// library's interned strings (the tag option intern) are not supported. An extension type that is registered with the
// library is decoded if its decoder takes its bytes whole, as RegisterExt does.
var Codec = codec{
	encoders: &sync.Pool{New: func() any { return newEncoder() }},
	decoders: &sync.Pool{New: func() any { return newDecoder() }},
}

// maxPooled is the size of a body above which its buffers are left to the garbage collector, so that one large
// message does not stay in memory.
const maxPooled = 64 << 10

// codec has pools of its own because the library's can hold decoders that failed elsewhere in the process and still
// record every byte they read.
type codec struct {
	encoders, decoders *sync.Pool
}

// ContentType returns "application/msgpack".
func (codec) ContentType() string { return "application/msgpack" }

// Marshal returns the MessagePack encoding of v, with every integer in its shortest form.
func (c codec) Marshal(v any) ([]byte, error) { return c.AppendMarshal(nil, v) }

// AppendMarshal appends the MessagePack encoding of v to dst, as Marshal writes it.
func (c codec) AppendMarshal(dst []byte, v any) (data []byte, err error) {
	// The library panics for a uintptr, and for whatever a method of the value panics with.
	defer func() {
		if p := recover(); p != nil {
			data, err = dst, fmt.Errorf("msgpack: encode %T: panic: %v", v, p)
		}
	}()
	e := c.encoders.Get().(*encoder)
	if err := e.encode(v); err != nil {
		return dst, err
	}
	dst = append(dst, e.buf...)
	if cap(e.buf) <= maxPooled {
		c.encoders.Put(e)
	}
	return dst, nil
}

// IsNil reports whether data is nil, the byte c0.
func (codec) IsNil(data []byte) bool { return len(data) == 1 && data[0] == codeNil }

// Unmarshal decodes data, which must hold one MessagePack value, into v, a non-nil pointer.
func (c codec) Unmarshal(data []byte, v any) (err error) {
	if rv := reflect.ValueOf(v); rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("msgpack: cannot decode into %T: it is not a pointer, or nil", v)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("msgpack: decode into %T: panic: %v", v, p)
		}
	}()
	d := c.decoders.Get().(*decoder)
	// A decoder that failed or panicked may be in any state, and is dropped.
	if err := d.decode(data, v); err != nil {
		return err
	}
	if len(data) <= maxPooled {
		c.decoders.Put(d)
	}
	return nil
}
