package msgpack

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/typednats/typednats/internal/fields"
)

// structOptions are what the tag of a field _msgpack says about a struct.
type structOptions struct {
	asArray, omitEmpty bool
}

func optionsOf(t reflect.Type) structOptions {
	var o structOptions
	f, ok := t.FieldByName("_msgpack")
	if !ok || len(f.Index) != 1 {
		return o
	}
	_, options, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "as_array", "asArray":
			o.asArray = true
		case "omitempty":
			o.omitEmpty = true
		}
	}
	return o
}

// tagReader returns a function that reads the tags of the fields of a struct: that for msgpack, else that for JSON.
func tagReader(t reflect.Type) func(reflect.StructField) fields.Tag {
	omitAll := optionsOf(t).omitEmpty
	return func(f reflect.StructField) fields.Tag {
		tag := readTag(f)
		tag.OmitEmpty = tag.OmitEmpty || omitAll
		return tag
	}
}

func readTag(f reflect.StructField) fields.Tag {
	text := f.Tag.Get("msgpack")
	if text == "" {
		return fields.JSONTag(f)
	}
	name, options, _ := strings.Cut(text, ",")
	if name == "-" {
		return fields.Tag{Skip: true}
	}
	tag := fields.Tag{Name: name}
	for option := range strings.SplitSeq(options, ",") {
		option, value, _ := strings.Cut(option, ":")
		switch option {
		case "omitempty":
			tag.OmitEmpty = true
		case "omitzero":
			tag.OmitZero = true
		case "noinline":
			tag.Apart = true
		case "inline":
			tag.Name = ""
		case "alias":
			tag.Alias = value
		}
	}
	return tag
}

// checkTag returns what is wrong with the msgpack tag of a field. Tags that are not understood would change what is sent.
func checkTag(f reflect.StructField) error {
	text := f.Tag.Get("msgpack")
	if strings.ContainsAny(text, `'\`) {
		return fmt.Errorf("the tag %q has quotes", text)
	}
	_, options, _ := strings.Cut(text, ",")
	for option := range strings.SplitSeq(options, ",") {
		option, _, _ := strings.Cut(option, ":")
		switch option {
		case "", "omitempty", "omitzero", "noinline", "inline", "alias":
		default:
			return fmt.Errorf("the tag %q has an option that is not supported, %q", text, option)
		}
	}
	return nil
}

// zeroer is a type that knows its zero values.
type zeroer interface{ IsZero() bool }

// omission returns whether a value of a field is left out, or nil if it never is. It is so by the rules of encoding/json.
func omission(f fields.Field) func(reflect.Value) bool {
	switch {
	case f.OmitEmpty && f.OmitZero:
		isZero := zeroTest(f.Type)
		return func(v reflect.Value) bool { return isEmpty(v) || isZero(v) }
	case f.OmitEmpty:
		return isEmpty
	case f.OmitZero:
		return zeroTest(f.Type)
	default:
		return nil
	}
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// zeroTest returns how omitzero sees whether a value of a type is zero.
func zeroTest(t reflect.Type) func(reflect.Value) bool {
	z := reflect.TypeFor[zeroer]()
	switch {
	case t.Kind() == reflect.Pointer && t.Implements(z):
		return func(v reflect.Value) bool { return v.IsNil() || asZeroer(v) }
	case t.Implements(z):
		return asZeroer
	case reflect.PointerTo(t).Implements(z):
		return func(v reflect.Value) bool { return asZeroer(addressable(v).Addr()) }
	default:
		return reflect.Value.IsZero
	}
}

func asZeroer(v reflect.Value) bool {
	z, ok := reflect.TypeAssert[zeroer](v)
	return ok && z.IsZero()
}
