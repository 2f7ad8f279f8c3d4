package explorer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/typednats/typednats/contract"
)

// Bounds of what is written for one schema, which anybody may have made.
const (
	maxTypeBytes = 32 << 10
	maxTypeDepth = 16
	maxNodes     = 1000
	maxEnum      = 24 // values of an enum
)

// typeScript writes schemas as types of TypeScript, which are the shortest that people read without learning.
type typeScript struct {
	defs    map[string]*contract.Schema
	names   map[string]string // of the definitions, as identifiers
	written map[string]bool
	queue   []string
	nodes   int
}

func newTypeScript(doc contract.Document) *typeScript {
	return &typeScript{defs: doc.Defs, names: identifiers(slices.Sorted(maps.Keys(doc.Defs))), written: make(map[string]bool)}
}

// name returns what a schema is called: the name of its definition, or else the one that is given.
func (w *typeScript) name(title string, s *contract.Schema) string {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok && w.names[name] != "" {
		return w.names[name]
	}
	return free(w.names, title)
}

// declare writes a schema as a type, with all types that it refers to and that were not written before.
func (w *typeScript) declare(title string, s *contract.Schema) string {
	var b strings.Builder
	if s.Ref == "" {
		fmt.Fprintf(&b, "type %s = %s;\n", free(w.names, title), w.expression(s, "", 0))
	} else {
		_ = w.expression(s, "", 0) // which has its definition written
	}
	for len(w.queue) > 0 {
		definition := w.queue[0]
		w.queue = w.queue[1:]
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if d := w.defs[definition]; isObject(d) {
			fmt.Fprintf(&b, "interface %s %s\n", w.names[definition], w.object(d, "", 0))
		} else {
			fmt.Fprintf(&b, "type %s = %s;\n", w.names[definition], w.expression(d, "", 0))
		}
		if b.Len() > maxTypeBytes {
			b.WriteString("// … and more, which the schema has\n")
			w.queue = nil
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// isObject reports whether a schema is an object with members, and nothing else.
func isObject(s *contract.Schema) bool {
	return s != nil && !s.Nothing && s.Ref == "" && len(s.Types) == 1 && s.Types[0] == contract.Object &&
		s.AnyOf == nil && s.Enum == nil && s.Const == nil && len(s.Properties) > 0
}

// expression writes a schema as an expression. The indentation is that of the line that it begins on.
func (w *typeScript) expression(s *contract.Schema, indentation string, depth int) string {
	w.nodes++
	switch {
	case s == nil || depth > maxTypeDepth || w.nodes > maxNodes:
		return "unknown"
	case s.Nothing:
		return "never"
	case s.Ref != "":
		return w.reference(s.Ref)
	case s.Const != nil:
		return literal(s.Const)
	case s.Enum != nil:
		return union(s.Enum, literal)
	case s.AnyOf != nil:
		return union(s.AnyOf, func(s *contract.Schema) string { return w.expression(s, indentation, depth+1) })
	case len(s.Types) > 0:
		return union(s.Types, func(t contract.Type) string { return w.one(s, t, indentation, depth) })
	default:
		return "unknown"
	}
}

func (w *typeScript) reference(ref string) string {
	definition := strings.TrimPrefix(ref, "#/$defs/")
	name := w.names[definition]
	if name == "" {
		return "unknown"
	}
	if !w.written[definition] {
		w.written[definition] = true
		w.queue = append(w.queue, definition)
	}
	return name
}

// one writes what a schema says of values of one type.
func (w *typeScript) one(s *contract.Schema, t contract.Type, indentation string, depth int) string {
	switch t {
	case contract.Null:
		return "null"
	case contract.Boolean:
		return "boolean"
	case contract.Integer, contract.Number:
		return "number"
	case contract.String:
		return "string"
	case contract.Array:
		element := w.expression(s.Items, indentation, depth+1)
		if strings.Contains(element, " | ") {
			element = "(" + element + ")"
		}
		return element + "[]"
	case contract.Object:
		return w.object(s, indentation, depth)
	default:
		return "unknown"
	}
}

func (w *typeScript) object(s *contract.Schema, indentation string, depth int) string {
	if len(s.Properties) == 0 {
		if s.AdditionalProperties == nil {
			return "Record<string, unknown>"
		}
		return "Record<string, " + w.expression(s.AdditionalProperties, indentation, depth+1) + ">"
	}
	inside, required := indentation+"  ", setOf(s.Required)
	var b strings.Builder
	b.WriteString("{\n")
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if w.nodes > maxNodes {
			b.WriteString(inside + "// …\n")
			break
		}
		p := s.Properties[name]
		if words := comment(p); words != "" {
			b.WriteString(inside + "/** " + words + " */\n")
		}
		b.WriteString(inside + member(name))
		if !required[name] {
			b.WriteByte('?')
		}
		b.WriteString(": " + w.expression(p, inside, depth+1) + ";")
		if f := form(p); f != "" {
			b.WriteString(" // " + f)
		}
		b.WriteByte('\n')
	}
	b.WriteString(indentation + "}")
	return b.String()
}

// member writes the name of a property.
func member(name string) string {
	for i, r := range name {
		if r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r))) {
			return literal(mustJSON(clip(name, maxName)))
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

// comment returns what a schema says to people, on one line and without what ends a comment.
func comment(s *contract.Schema) string {
	words := s.Description
	if s.Deprecated {
		words = strings.TrimSpace("@deprecated " + words)
	}
	return strings.ReplaceAll(clip(strings.Join(strings.Fields(words), " "), maxWords), "*/", "* /")
}

// literal writes a value of JSON that anybody may have written.
func literal(value json.RawMessage) string {
	if len(value) > maxWords {
		return "unknown"
	}
	return clip(string(value), maxWords)
}

func union[T any](list []T, write func(T) string) string {
	if len(list) == 0 {
		return "never"
	}
	words := make([]string, 0, min(len(list), maxEnum+1))
	for i, element := range list {
		if i == maxEnum {
			words = append(words, "unknown")
			break
		}
		if word := write(element); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " | ")
}

func mustJSON(s string) json.RawMessage {
	data, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return data
}
