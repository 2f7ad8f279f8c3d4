package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/contract"
)

// exampleOf returns a value of a schema as JSON on one line: examples and enums where the schema has them, else
// something of the right type. Members that may be left out are, and so is what may be null and leads deeper.
func exampleOf(s contract.Schema) string {
	e := exampler{defs: s.Defs, left: maxExampleParts}
	return e.example(&s, 0)
}

// The bounds of an example: what is deeper or more is null.
const (
	maxExampleDepth = 8
	maxExampleParts = 64
)

type exampler struct {
	defs map[string]*contract.Schema
	left int
}

func (e *exampler) example(s *contract.Schema, depth int) string {
	e.left--
	s = body.Resolve(e.defs, s)
	if s == nil || depth > maxExampleDepth || e.left < 0 {
		return "null"
	}
	for _, list := range [][]json.RawMessage{s.Examples, {s.Const}, s.Enum} {
		if len(list) > 0 && len(list[0]) > 0 {
			return string(list[0])
		}
	}
	if len(s.AnyOf) > 0 {
		if depth > 1 && slices.ContainsFunc(s.AnyOf, func(o *contract.Schema) bool { return slices.Contains(o.Types, contract.Null) }) {
			return "null"
		}
		return e.example(s.AnyOf[0], depth+1)
	}
	if len(s.Types) == 0 {
		return "null"
	}
	switch s.Types[0] {
	case contract.Boolean:
		return "true"
	case contract.Integer, contract.Number:
		return exampleNumber(s)
	case contract.String:
		return exampleText(s)
	case contract.Array:
		if s.Items == nil {
			return "[]"
		}
		return "[" + e.example(s.Items, depth+1) + "]"
	case contract.Object:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) {
				members = append(members, quoted(name)+":"+e.example(s.Properties[name], depth+1))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	default:
		return "null"
	}
}

func exampleNumber(s *contract.Schema) string {
	if s.Minimum != nil && *s.Minimum > 1 {
		b, err := json.Marshal(*s.Minimum)
		if err == nil {
			return string(b)
		}
	}
	return "1"
}

func exampleText(s *contract.Schema) string {
	switch {
	case s.ContentEncoding == "base64":
		return `"AAAA"`
	case s.Format == "date-time":
		return `"2006-01-02T15:04:05Z"`
	default:
		return `"..."`
	}
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}
