package schema

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/typednats/typednats/internal/fields"
)

// object describes a struct. Its fields are visited in the order of their names on the wire, so that the order in which
// they stand in Go changes nothing.
func (g *generator) object(t reflect.Type, path string) (Node, error) {
	all := fields.Of(t, g.rules.Tags(t)).Fields
	if g.rules.IsList(t) {
		return Node{"type": "array", "minItems": len(all), "maxItems": len(all)}, nil
	}
	all = slices.SortedFunc(slices.Values(all), func(a, b fields.Field) int { return cmp.Compare(a.Name, b.Name) })
	n := Node{"type": "object"}
	properties := map[string]any{}
	required := []any{}
	for _, f := range all {
		property, err := g.property(t, f, path+"."+f.Path)
		if err != nil {
			return nil, err
		}
		properties[f.Name] = property
		if !f.IsBehindPointer(t) && !isOmitted(f) {
			required = append(required, f.Name)
		}
	}
	if len(properties) > 0 {
		n["properties"] = properties
	}
	if len(required) > 0 {
		n["required"] = required
	}
	return n, nil
}

// property describes one field.
func (g *generator) property(t reflect.Type, f fields.Field, path string) (Node, error) {
	field := t.FieldByIndex(f.Index)
	typ, without := f.Type, omitsNil(f)
	if without && typ.Kind() == reflect.Pointer { // what it points to may be null, too
		typ, without = typ.Elem(), false
	}
	n, err := Text(), error(nil)
	switch isPointer := typ.Kind() == reflect.Pointer; {
	case !g.rules.IsQuoted(field):
		n, err = g.node(typ, path)
	case isPointer:
		n = n.OrNull()
	}
	if err != nil {
		return nil, err
	}
	if without {
		n, _ = n.split()
	}
	n, err = annotate(n, field.Tag)
	return n, at(path, err)
}

// isOmitted reports whether a field can be left out. omitempty never applies to a struct, nor to an array with elements.
func isOmitted(f fields.Field) bool {
	if f.OmitZero {
		return true
	}
	if !f.OmitEmpty {
		return false
	}
	switch f.Type.Kind() {
	case reflect.Struct:
		return false
	case reflect.Array:
		return f.Type.Len() == 0
	default:
		return true
	}
}

// omitsNil reports whether a field is left out rather than written as null. A type that knows its zero values need not
// count nil as one.
func omitsNil(f fields.Field) bool {
	switch f.Type.Kind() {
	case reflect.Pointer:
		return f.OmitEmpty || f.OmitZero
	case reflect.Map, reflect.Slice:
		return f.OmitEmpty || f.OmitZero && !reflect.PointerTo(f.Type).Implements(reflect.TypeFor[interface{ IsZero() bool }]())
	default:
		return false
	}
}
