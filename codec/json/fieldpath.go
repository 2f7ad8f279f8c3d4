//go:build !goexperiment.jsonv2

package json

import (
	"reflect"
	"strings"

	"github.com/typednats/typednats/internal/fields"
)

// pathOf returns the path to a field of a type, as names that are sent. In that of encoding/json there are the Go names of
// embedded structs as well, which nobody who sends JSON knows of. Inside a type that reads JSON by a method of its own
// only the last name is sure to be one that is sent.
func pathOf(t reflect.Type, path string) string {
	var names []string
	known := map[reflect.Type][]fields.Field{}
	for path != "" {
		t = contentOf(t)
		f, rest := cutField(t, path, known)
		if f == nil {
			names = append(names, path[strings.LastIndexByte(path, '.')+1:])
			break
		}
		names, path, t = append(names, f.Name), rest, f.Type
	}
	return strings.Join(names, ".")
}

// contentOf returns the type of what the path goes on with: it has neither indexes nor keys of maps.
func contentOf(t reflect.Type) reflect.Type {
	seen := map[reflect.Type]bool{} // a slice may hold slices of its own type
	for decodingForm(t) != byJSON && !seen[t] {
		seen[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t
		}
	}
	return t
}

// cutField returns the field of a struct with which the path begins, and the rest of the path; nil if there is none.
func cutField(t reflect.Type, path string, known map[reflect.Type][]fields.Field) (found *fields.Field, rest string) {
	if t.Kind() != reflect.Struct || decodingForm(t) == byJSON {
		return nil, ""
	}
	all, ok := known[t]
	if !ok {
		all = fields.Of(t, fields.JSONTag).Fields
		known[t] = all
	}
	longest := -1
	for i, f := range all {
		name := f.Path[:strings.LastIndexByte(f.Path, '.')+1] + f.Name
		behind, ok := strings.CutPrefix(path, name)
		if !ok || behind != "" && behind[0] != '.' || len(name) <= longest {
			continue
		}
		found, rest, longest = &all[i], strings.TrimPrefix(behind, "."), len(name)
	}
	return found, rest
}
