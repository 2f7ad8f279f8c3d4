// Package example makes up requests and calls, for people to begin with.
package example

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/shellword"
)

// Call returns a command that sends a request to a subject, which has no wildcards any more. Without a request it sends
// nothing, or a file if the endpoint takes bytes. What the contract says may come from a stranger: show makes it fit for
// where the command is to stand.
func Call(to string, doc contract.Document, request json.RawMessage, show func(string) string) string {
	words := []string{show(to)}
	var line bytes.Buffer
	switch s, ok := requestSchema(doc); {
	case ok && isRaw(s):
		words = append(words, "@file")
	case request != nil && json.Compact(&line, request) == nil: // no document that was parsed has what is no JSON
		words = append(words, show(line.String()))
	}
	call := "typednats call"
	if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") }) {
		call += " --" // it is no flag
	}
	for i, word := range words {
		words[i] = shellword.Quote(word)
	}
	return call + " " + strings.Join(words, " ")
}

// Request returns a request as JSON: the first example of a contract, or one that is made up from the schema. It is nil if
// the body is empty, or stands for no JSON.
func Request(doc contract.Document) json.RawMessage {
	s, ok := requestSchema(doc)
	if !ok || isRaw(s) {
		return nil
	}
	for _, e := range doc.Examples {
		if e.Request != nil {
			return e.Request
		}
	}
	return Value(s)
}

// requestSchema returns the schema of a request in JSON, or in MessagePack, or whatever comes first.
func requestSchema(doc contract.Document) (contract.Schema, bool) {
	for _, contentType := range []string{"application/json", "application/msgpack"} {
		if slices.Contains(doc.ContentTypes, contentType) {
			return doc.RequestSchema(contentType)
		}
	}
	return doc.RequestSchema("")
}

func isRaw(s contract.Schema) bool { return len(s.Types) == 0 && s.ContentMediaType != "" }

// Value makes up a value of a schema as JSON: what the schema gives as examples, defaults and enums, else something of the
// right type. Members that may be left out are, unless they have an example, and so is what leads deeper and need not.
func Value(s contract.Schema) json.RawMessage {
	m := maker{defs: make(map[string]*contract.Schema, 2*len(s.Defs)), values: maxValues, bytes: maxBytes}
	for name, definition := range s.Defs {
		m.defs["#/$defs/"+name], m.defs[contract.Reference(name)] = definition, definition
	}
	return json.RawMessage(m.value(&s, 0))
}

// The bounds of what is made up: schemas come from strangers. What is beyond them is null or empty.
const (
	maxDepth  = 16
	maxValues = 400
	maxBytes  = 16 << 10 // of what is taken from the schema
	shown     = 2        // how deep elements are shown that need not be there
)

type maker struct {
	defs   map[string]*contract.Schema // by references to them
	values int
	bytes  int
}

// value returns a value as JSON. A reference is no step down, but a value of its own, so that a circle of them ends.
func (m *maker) value(s *contract.Schema, depth int) string {
	m.values--
	if s == nil || depth > maxDepth || m.values < 0 {
		return "null"
	}
	if given := m.given(s); given != "" {
		return given
	}
	switch {
	case s.Ref != "":
		return m.value(m.defs[s.Ref], depth)
	case len(s.AnyOf) > 0 && depth > 1 && slices.ContainsFunc(s.AnyOf, isNull):
		return "null"
	case len(s.AnyOf) > 0:
		return m.value(firstThatIsNot(s.AnyOf, isNull), depth+1)
	case len(s.Types) == 0 && depth == 0:
		return "{}"
	case len(s.Types) == 0:
		return "null"
	}
	switch firstThatIsNot(s.Types, func(t contract.Type) bool { return t == contract.Null }) {
	case contract.Boolean:
		return "true"
	case contract.Integer, contract.Number:
		return number(s)
	case contract.String:
		return text(s)
	case contract.Array:
		return m.array(s, depth)
	case contract.Object:
		return m.object(s, depth)
	default:
		return "null"
	}
}

// given returns a value that stands in the schema, or nothing.
func (m *maker) given(s *contract.Schema) string {
	for _, list := range [][]json.RawMessage{s.Examples, {s.Default}, {s.Const}, s.Enum} {
		if len(list) > 0 && len(list[0]) > 0 && len(list[0]) <= m.bytes {
			m.bytes -= len(list[0])
			return string(list[0])
		}
	}
	return ""
}

func isNull(s *contract.Schema) bool { return len(s.Types) == 1 && s.Types[0] == contract.Null }

// firstThatIsNot returns the first element that is not of a kind, or the first one if there is none.
func firstThatIsNot[T any](list []T, is func(T) bool) T {
	for _, element := range list {
		if !is(element) {
			return element
		}
	}
	return list[0]
}

func number(s *contract.Schema) string {
	n := 1.0
	if s.Minimum != nil {
		n = max(n, math.Ceil(*s.Minimum))
	}
	if s.Maximum != nil {
		n = min(n, *s.Maximum)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func text(s *contract.Schema) string {
	switch {
	case s.ContentEncoding == "base64":
		return `"AAAA"`
	case s.Format == "date-time":
		return `"2006-01-02T15:04:05Z"`
	default:
		return `"..."`
	}
}

// array has the elements that must be there, or one that shows what they are.
func (m *maker) array(s *contract.Schema, depth int) string {
	least := 0
	if s.MinItems != nil {
		least = *s.MinItems
	}
	switch isTooDeep := depth > shown; {
	case least == 0 && isTooDeep && slices.Contains(s.Types, contract.Null):
		return "null"
	case least == 0 && (isTooDeep || s.Items == nil || s.MaxItems != nil && *s.MaxItems == 0):
		return "[]"
	}
	var elements []string
	for len(elements) < max(1, least) && m.values > 0 {
		elements = append(elements, m.value(s.Items, depth+1))
	}
	return "[" + strings.Join(elements, ",") + "]"
}

func (m *maker) object(s *contract.Schema, depth int) string {
	if depth > shown && len(s.Required) == 0 && slices.Contains(s.Types, contract.Null) {
		return "null"
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		if slices.Contains(s.Required, name) || len(property.Examples) > 0 {
			members = append(members, quoted(name)+":"+m.value(property, depth+1))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func quoted(name string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(name); err != nil { // a string is always written
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}
