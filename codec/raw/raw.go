// Package raw holds the codec that sends bytes as they are.
package raw

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Codec takes string, []byte, named types of them and pointers to any of these; another type is an error. It is safe
// for concurrent use.
//
// Both directions copy: what Marshal returns belongs to the caller, even when a handler returned a slice that it still
// uses, and what Unmarshal fills in does not share memory with the message. A nil pointer cannot be encoded. A nil
// []byte is sent as an empty body, and an empty body is read as an empty []byte that is not nil.
var Codec codec

// maxPointers is how many pointers may lead to the string or the bytes.
const maxPointers = 4

type codec struct{}

// ContentType returns "application/octet-stream".
func (codec) ContentType() string { return "application/octet-stream" }

// Marshal returns a copy of the bytes of v.
func (c codec) Marshal(v any) ([]byte, error) {
	data, err := c.AppendMarshal([]byte{}, v)
	if err != nil {
		return nil, err
	}
	return data, nil
}

// AppendMarshal appends the bytes of v to dst.
func (codec) AppendMarshal(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return append(dst, v...), nil
	case []byte:
		return append(dst, v...), nil
	case *string:
		if v != nil {
			return append(dst, *v...), nil
		}
	case *[]byte:
		if v != nil {
			return append(dst, *v...), nil
		}
	}
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || !encodable(rv.Type()) {
		return dst, fmt.Errorf("raw: cannot encode %T: it is neither string nor []byte", v)
	}
	for rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			return dst, fmt.Errorf("raw: cannot encode %T: it is nil", v)
		}
		rv = rv.Elem()
	}
	if rv.Kind() == reflect.String {
		return append(dst, rv.String()...), nil
	}
	return append(dst, rv.Bytes()...), nil
}

// Unmarshal copies data into v, a non-nil pointer to a type that Marshal takes.
func (codec) Unmarshal(data []byte, v any) error {
	switch v := v.(type) {
	case *string:
		if v != nil {
			*v = string(data)
			return nil
		}
	case *[]byte:
		if v != nil {
			*v = clone(data)
			return nil
		}
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("raw: cannot decode into %T: it is not a pointer, or nil", v)
	}
	if !encodable(rv.Type()) {
		return fmt.Errorf("raw: cannot decode into %T: it points to neither string nor []byte", v)
	}
	rv = rv.Elem()
	for rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			rv.Set(reflect.New(rv.Type().Elem()))
		}
		rv = rv.Elem()
	}
	if rv.Kind() == reflect.String {
		rv.SetString(string(data))
	} else {
		rv.SetBytes(clone(data))
	}
	return nil
}

// CheckType returns an error for a type that Marshal does not take.
func (codec) CheckType(t reflect.Type) error {
	if t == nil || !encodable(t) {
		return fmt.Errorf("raw: %v: it is neither string nor []byte", t)
	}
	return nil
}

// Schema says that the body is bytes, whatever they mean; a string is not told from a []byte. It is false for a type that
// Marshal does not take.
func (c codec) Schema(t reflect.Type) (json.RawMessage, bool) {
	if c.CheckType(t) != nil {
		return nil, false
	}
	return json.RawMessage(`{"contentMediaType":"application/octet-stream"}`), true
}

// encodable reports whether t is string, []byte, a named type of one of them, or a pointer to such a type.
func encodable(t reflect.Type) bool {
	// Bounded, because a type can be declared as a pointer to itself.
	for range maxPointers {
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// clone never returns nil, and has no spare capacity that an append could write to.
func clone(b []byte) []byte {
	out := make([]byte, len(b))
	copy(out, b)
	return out
}
