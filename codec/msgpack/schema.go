package msgpack

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/typednats/typednats/internal/schema"
)

// Schema describes what Marshal writes for values of a type, as a JSON Schema (2020-12), and false for a type that it
// refuses. MessagePack is described as the JSON that it stands for: contentEncoding base64 means binary, the format
// date-time a timestamp, and the names of an object's members the keys of a map. x-keys says what those are if they are
// no text; of arrays and structs nothing is said.
func (c codec) Schema(t reflect.Type) (json.RawMessage, bool) {
	if c.CheckType(t) != nil {
		return nil, false
	}
	data, err := schema.Of(t, schema.Rules{
		Tags:     tagReader,
		Special:  describeByMethods,
		IsQuoted: func(reflect.StructField) bool { return false },
		IsBytes:  func(reflect.Type) bool { return true },
		Key:      describeKey,
		IsList:   func(t reflect.Type) bool { return optionsOf(t).asArray },
	})
	return data, err == nil
}

// describeKey describes a key that is not written by its kind. A key of bytes that are text is read from text as well.
func describeKey(t reflect.Type) (schema.Node, bool) {
	switch way := methodsOf(t); {
	case t == reflect.TypeFor[time.Time]():
		return schema.Time(), true
	case way == byBinary, way == byKind && t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8:
		return schema.Bytes(), true
	default:
		return nil, way != byKind
	}
}

// describeByMethods describes a type that is encoded by its methods.
func describeByMethods(t reflect.Type) (schema.Node, bool) {
	if t == reflect.TypeFor[time.Time]() {
		return schema.Time(), true
	}
	var n schema.Node
	switch methodsOf(t) {
	case byKind:
		return nil, false
	case byLibrary:
		n = schema.Any()
	case byBinary, byText: // text is written as bytes, too
		n = schema.Bytes()
	}
	if k := t.Kind(); k == reflect.Map || k == reflect.Slice {
		n = n.OrNull()
	}
	return n, true
}
