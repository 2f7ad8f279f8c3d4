package json

import (
	"reflect"

	"github.com/typednats/typednats/internal/fields"
)

// form is how a value is encoded or decoded: by its kind, as a string by MarshalText or UnmarshalText, or as anything by
// MarshalJSON or UnmarshalJSON.
type form int

const (
	byKind form = iota
	byText
	byJSON
)

// checkMethods checks the methods that encode and decode a type. It returns what is left to do by its kind, and false if
// the type is refused.
func (c *checker) checkMethods(v visit, path string) (visit, bool) {
	encoding, decoding := encodingForm(v.Type), decodingForm(v.Type)
	if encoding == byKind && decoding == byKind {
		return v, true
	}
	if lost, method, from, ok := fields.Swallows(v.Type, fields.JSONTag, "MarshalJSON", "MarshalText", "UnmarshalJSON", "UnmarshalText"); ok {
		c.refusef(path+"."+lost.Path, "%s of the embedded %v stands for all of %v, so this field is lost", method, from, v.Type)
		return v, false
	}
	method := map[form]string{byJSON: "UnmarshalJSON", byText: "UnmarshalText"}[decoding]
	if from, ok := fields.Dangling(v.Type, method); ok {
		c.refusef(path, "%s is that of the embedded %v, which is nil in a value that is decoded; give the field a name", method, from)
		return v, false
	}
	if v.encoded && !v.addressable && v.Kind() != reflect.Pointer && encoding != byKind && !encodesByValue(v.Type) {
		c.refusef(path, "the values of a map have no address, so %v is not encoded by its methods; use pointers", v.Type)
		return v, false
	}
	switch {
	case encoding == byJSON && decoding == byKind && fields.HidesAll(v.Type, fields.JSONTag):
		c.refusef(path, "%v has MarshalJSON, but no UnmarshalJSON and no exported field to decode into", v.Type)
		return v, false
	case encoding == byText && decoding == byKind && v.Kind() != reflect.String && v.Kind() != reflect.Slice:
		c.refusef(path, "%v has MarshalText, but no UnmarshalText to decode it again", v.Type)
		return v, false
	case encoding == byKind && decoding == byText && v.Kind() != reflect.String && v.Kind() != reflect.Slice:
		c.refusef(path, "%v has UnmarshalText, but no MarshalText that encodes it as text", v.Type)
		return v, false
	}
	v.encoded = v.encoded && encoding == byKind
	v.decoded = v.decoded && decoding == byKind && encoding == byKind // else the method sends what it likes
	return v, true
}

func encodingForm(t reflect.Type) form {
	switch {
	case t.Kind() == reflect.Pointer: // the methods are those of what it points to
		return byKind
	case t.Implements(marshaler), reflect.PointerTo(t).Implements(marshaler):
		return byJSON
	case t.Implements(textMarshaler), reflect.PointerTo(t).Implements(textMarshaler):
		return byText
	default:
		return byKind
	}
}

func decodingForm(t reflect.Type) form {
	switch {
	case t.Kind() == reflect.Pointer:
		return byKind
	case reflect.PointerTo(t).Implements(unmarshaler):
		return byJSON
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return byText
	default:
		return byKind
	}
}

func encodesItself(t reflect.Type) bool { return encodingForm(t) != byKind }

// encodesByValue reports whether a value without an address is encoded by a method.
func encodesByValue(t reflect.Type) bool {
	return t.Implements(marshaler) || t.Implements(textMarshaler)
}
