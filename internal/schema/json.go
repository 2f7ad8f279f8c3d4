package schema

import (
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"time"

	"github.com/typednats/typednats/internal/fields"
)

// JSON are the rules of encoding/json. They are those of any codec that says nothing of its own.
func JSON() Rules {
	return Rules{
		Tags:     func(reflect.Type) func(reflect.StructField) fields.Tag { return fields.JSONTag },
		Special:  jsonSpecial,
		IsQuoted: isQuotedInJSON,
		IsBytes:  isBytesInJSON,
		Key:      func(t reflect.Type) (Node, bool) { return nil, t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) },
		IsList:   func(reflect.Type) bool { return false },
	}
}

func jsonSpecial(t reflect.Type) (Node, bool) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return Time(), true
	case reflect.TypeFor[json.Number]():
		return Node{"type": "number"}, true
	case reflect.TypeFor[big.Int]():
		return Node{"type": "integer"}, true
	}
	p := reflect.PointerTo(t)
	switch {
	case p.Implements(reflect.TypeFor[json.Marshaler]()):
		if from, ok := fields.Promoted(t, "MarshalJSON"); ok { // an embedded time.Time, say, is what the struct is
			if n, ok := jsonSpecial(from); ok {
				return n, true
			}
			return Any(), true
		}
		if n, ok := Described(t); ok {
			return n, true
		}
		return Any(), true
	case p.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		if n, ok := Described(t); ok {
			return n, true
		}
		return Text(), true
	default:
		return nil, false
	}
}

// isQuotedInJSON reports whether a field is written in quotes for its tag.
func isQuotedInJSON(f reflect.StructField) bool {
	t, ok := fields.Quoted(f)
	return ok && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())
}

// isBytesInJSON reports whether a slice of uint8 is written in base64. An array never is.
func isBytesInJSON(t reflect.Type) bool {
	elem := reflect.PointerTo(t.Elem())
	return t.Kind() == reflect.Slice && !elem.Implements(reflect.TypeFor[json.Marshaler]()) &&
		!elem.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
