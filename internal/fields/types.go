package fields

import (
	"reflect"
	"unicode"
	"unicode/utf8"
)

// IsBehindPointer reports whether a field of struct type t is in a struct that is embedded as a pointer. Then it has an
// address, whatever the value around it.
func (f *Field) IsBehindPointer(t reflect.Type) bool {
	for _, i := range f.Index[:len(f.Index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// IsEndless reports whether a pointer type points to itself, maybe through others.
func IsEndless(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	for ; t.Kind() == reflect.Pointer; t = t.Elem() {
		if seen[t] {
			return true
		}
		seen[t] = true
	}
	return false
}

// IsExported reports whether a named type is exported.
func IsExported(t reflect.Type) bool {
	first, _ := utf8.DecodeRuneInString(t.Name())
	return unicode.IsUpper(first)
}

// TypeName is the name of a type as its own package writes it; a pointer has that of what it points to.
func TypeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	if t.Kind() == reflect.Pointer {
		return TypeName(t.Elem())
	}
	return t.String()
}
