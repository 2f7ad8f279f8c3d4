package fields

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// JSONTag reads a json tag as encoding/json does.
func JSONTag(f reflect.StructField) Tag {
	text := f.Tag.Get("json")
	if text == "-" {
		return Tag{Skip: true}
	}
	name, options, _ := strings.Cut(text, ",")
	var tag Tag
	if isName(name) {
		tag.Name = name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			tag.OmitEmpty = true
		case "omitzero":
			tag.OmitZero = true
		}
	}
	return tag
}

// Quoted returns the type of a field that is put in quotes because of the option "string" of its json tag: a number, a
// boolean, text, or what a pointer to one points to. It reports false for every other field.
func Quoted(f reflect.StructField) (t reflect.Type, ok bool) {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !slices.Contains(strings.Split(options, ","), "string") {
		return nil, false
	}
	if t = f.Type; t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	k := t.Kind()
	return t, k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String
}

// isName reports whether encoding/json takes a name from a tag.
func isName(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return true
}
