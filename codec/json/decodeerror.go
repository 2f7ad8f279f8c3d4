package json

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/typednats/typednats/internal/payload"
)

// decodeError is an error of decoding in words for whoever sent the data: it names fields as JSON does, and no Go type.
type decodeError struct {
	text  string
	cause error
}

// Error returns the text.
func (e *decodeError) Error() string { return e.text }

// Unwrap returns the error of encoding/json.
func (e *decodeError) Unwrap() error { return e.cause }

// explain puts an error of decoding into v into words without Go types.
func explain(err error, v any) error {
	if err == nil {
		return nil
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &decodeError{explainMismatch(mismatch, v), err}
	}
	if strings.Contains(err.Error(), ",string struct tag") {
		return &decodeError{"a number or boolean in quotes does not fit its field", err}
	}
	return payload.InWords(err)
}

func explainMismatch(e *json.UnmarshalTypeError, v any) string {
	got := e.Value
	if text, ok := strings.CutPrefix(got, "number "); ok && !json.Valid([]byte(text)) { // the key of a map, in quotes
		got = strconv.Quote(text)
	}
	text := fmt.Sprintf("got %s, want %s", got, wanted(e.Type))
	if e.Field != "" {
		return fmt.Sprintf("field %q: %s", pathOf(reflect.TypeOf(v), e.Field), text)
	}
	return text
}

// wanted is what a Go type is in JSON.
func wanted(t reflect.Type) string {
	switch text := reflect.TypeFor[encoding.TextUnmarshaler](); {
	case t == nil:
		return "another type"
	case t.Implements(text), reflect.PointerTo(t).Implements(text):
		return "a string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return fmt.Sprintf("an integer of %d bits without a sign", t.Bits())
	case reflect.Float32, reflect.Float64:
		return fmt.Sprintf("a number of %d bits", t.Bits())
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Pointer:
		return wanted(t.Elem())
	default:
		return "another type"
	}
}
