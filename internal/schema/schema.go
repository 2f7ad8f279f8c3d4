// Package schema describes Go types as JSON Schemas (2020-12): what a codec writes for values of a type. It writes few
// keywords, so that schemas can be compared; their bytes depend on nothing but the types, and on no import path.
//
// Objects are open: codecs ignore fields that they do not know. A value that is not JSON is described as the JSON that it
// stands for: bytes are text in base64, a time is date-time, and keys are strings, which stand for what x-keys says.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/typednats/typednats/internal/fields"
)

// Rules are how a codec writes Go types, as far as codecs differ.
type Rules struct {
	// Tags returns how the tags of the fields of a struct type are read.
	Tags func(t reflect.Type) func(reflect.StructField) fields.Tag

	// Special describes a type that is not written by its kind, because of its methods, say. It is never asked for a
	// pointer or an interface. The type itself says what it is, if it is written by its kind and has a JSONSchema method.
	Special func(t reflect.Type) (Node, bool)

	// IsQuoted reports whether a field is written as text because of its tag, though it is none.
	IsQuoted func(f reflect.StructField) bool

	// IsBytes reports whether a slice or an array, whose elements are uint8 by their kind, is written as bytes.
	IsBytes func(t reflect.Type) bool

	// Key describes a key of a map that is not written by its kind, because of its methods, say: with nil if it is text.
	Key func(t reflect.Type) (Node, bool)

	// IsList reports whether a struct is written as an array of its fields, without their names.
	IsList func(t reflect.Type) bool
}

// Node is one schema. Its values are strings, numbers, booleans, and slices and maps of them and of other nodes.
type Node map[string]any

// Of returns the schema of what is written for a pointer to a value of the type. Named structs are in $defs. It is an error
// that the type cannot be written, or has tags that do not fit it; the path to the Go field is in it.
func Of(t reflect.Type, rules Rules) (data json.RawMessage, err error) {
	g := &generator{rules: rules, names: map[reflect.Type]string{}, used: map[string]bool{}, defs: map[string]any{}}
	root, err := g.node(t, fields.TypeName(t))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if len(g.defs) > 0 {
		root = root.with("$defs", g.defs)
	}
	return Marshal(root)
}

// Marshal writes a schema in its one form: sorted keys, and no characters escaped that need not be.
func Marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// generator describes one type, and all types in it.
type generator struct {
	rules Rules
	names map[reflect.Type]string // in $defs
	used  map[string]bool
	defs  map[string]any
}

// node describes a type as it stands at a path.
func (g *generator) node(t reflect.Type, path string) (Node, error) {
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		if n, ok := g.rules.Special(t); ok {
			return n, nil
		}
		if n, ok, err := ownSchema(t); ok || err != nil {
			return n, at(path, err)
		}
	}
	if name, ok := g.names[t]; ok {
		return reference(name), nil
	}
	if !isDefinition(t) {
		return g.byKind(t, path)
	}
	name := g.nameFor(t)
	g.names[t] = name
	n, err := g.byKind(t, path)
	if err != nil {
		return nil, err
	}
	g.defs[name] = n
	return reference(name), nil
}

// isDefinition reports whether a type has a place in $defs: a named struct, and another named type that contains itself.
func isDefinition(t reflect.Type) bool {
	if t.Name() == "" {
		return false
	}
	return t.Kind() == reflect.Struct || holds(t, t, map[reflect.Type]bool{})
}

// holds reports whether a type contains another one without a named struct in between.
func holds(t, wanted reflect.Type, seen map[reflect.Type]bool) bool {
	var inside []reflect.Type
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Pointer, reflect.Map:
		inside = append(inside, t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			inside = append(inside, f.Type)
		}
	default:
	}
	for _, next := range inside {
		if next == wanted {
			return true
		}
		if seen[next] || next.Kind() == reflect.Struct && next.Name() != "" {
			continue
		}
		seen[next] = true
		if holds(next, wanted, seen) {
			return true
		}
	}
	return false
}

func reference(name string) Node { return Node{"$ref": "#/$defs/" + name} }

// byKind describes a type that is written by its kind.
func (g *generator) byKind(t reflect.Type, path string) (Node, error) {
	switch t.Kind() {
	case reflect.Bool:
		return Node{"type": "boolean"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return integer(t), nil
	case reflect.Float32:
		return Node{"type": "number", "format": "float"}, nil
	case reflect.Float64:
		return Node{"type": "number", "format": "double"}, nil
	case reflect.String:
		return Node{"type": "string"}, nil
	case reflect.Interface:
		return Node{}, nil
	case reflect.Pointer:
		if fields.IsEndless(t) {
			return nil, at(path, fmt.Errorf("%v is a pointer to itself", t))
		}
		n, err := g.node(t.Elem(), path)
		if err != nil {
			return nil, err
		}
		return n.OrNull(), nil
	case reflect.Slice, reflect.Array:
		return g.sequence(t, path)
	case reflect.Map:
		return g.dictionary(t, path)
	case reflect.Struct:
		return g.object(t, path)
	default:
		return nil, at(path, fmt.Errorf("%v cannot be described", t))
	}
}

// integer describes an integer type. The bounds of 64 bits are not exact in the numbers of other languages.
func integer(t reflect.Type) Node {
	n := Node{"type": "integer"}
	signed := t.Kind() <= reflect.Int64
	switch bits := t.Bits(); {
	case signed && bits == 64:
		n["format"] = "int64"
	case signed:
		n["minimum"], n["maximum"] = -int64(1)<<(bits-1), int64(1)<<(bits-1)-1
	case bits == 64:
		n["format"], n["minimum"] = "uint64", 0
	default:
		n["minimum"], n["maximum"] = 0, int64(1)<<bits-1
	}
	if t == reflect.TypeFor[time.Duration]() {
		n["description"] = "nanoseconds"
	}
	return n
}

// sequence describes a slice or an array.
func (g *generator) sequence(t reflect.Type, path string) (Node, error) {
	if t.Elem().Kind() == reflect.Uint8 && g.rules.IsBytes(t) {
		n := Bytes()
		if t.Kind() == reflect.Slice {
			n = n.OrNull()
		}
		return n, nil
	}
	elem, err := g.node(t.Elem(), path+"[]")
	if err != nil {
		return nil, err
	}
	n := Node{"type": "array", "items": elem}
	if t.Kind() == reflect.Slice {
		return n.OrNull(), nil
	}
	n["minItems"], n["maxItems"] = t.Len(), t.Len()
	return n, nil
}

// dictionary describes a map. What its keys are is said if that is not text.
func (g *generator) dictionary(t reflect.Type, path string) (Node, error) {
	elem, err := g.node(t.Elem(), path+"[]")
	if err != nil {
		return nil, err
	}
	n := Node{"type": []any{"object", "null"}, "additionalProperties": elem}
	keys, ok := g.rules.Key(t.Key())
	if k := t.Key().Kind(); !ok && (k == reflect.Bool || k >= reflect.Int && k <= reflect.Float64) {
		keys, err = g.byKind(t.Key(), path+"[]")
	}
	if keys != nil {
		n["x-keys"] = keys
	}
	return n, err
}

// at says where an error is, if it is one.
func at(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
