package fields

import (
	"reflect"
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
