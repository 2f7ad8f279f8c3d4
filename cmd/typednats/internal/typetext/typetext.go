// Package typetext writes schemas as types that people read.
package typetext

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/contract"
)

// The bounds of what is written of one document: nobody reads more, and schemas come from strangers.
const (
	maxDepth = 12
	maxLines = 2000
)

// Writer writes the schemas of one document. A type with a name is written once, where it is used first as a whole
// body, or else by [Writer.Types].
type Writer struct {
	lines   []string
	defs    map[string]*contract.Schema
	written map[string]bool
	pending []string // names of types that were mentioned and not written yet
}

// New returns a writer for a document's definitions.
func New(defs map[string]*contract.Schema) *Writer {
	return &Writer{defs: defs, written: make(map[string]bool)}
}

// Lines returns what was written since the last call.
func (w *Writer) Lines() []string {
	lines := w.lines
	w.lines = nil
	return lines
}

// Body writes what a body is, a nil one being empty, behind a title and indented by some spaces.
func (w *Writer) Body(title string, s *contract.Schema, indent int) {
	if s == nil {
		w.addf(indent, "%s: empty", title)
		return
	}
	if name := definitionName(s.Ref); name != "" && w.defs[name] != nil && !w.written[name] {
		w.written[name] = true
		if !strings.HasPrefix(title, name) { // an error has the name of its type already
			title += " " + terminal.Safe(name)
		}
		s = w.defs[name]
	}
	w.property(title, s, indent, 0)
}

// Types writes the types that were mentioned and not written yet, and those that they mention.
func (w *Writer) Types(indent int) {
	for len(w.pending) > 0 {
		name := w.pending[0]
		w.pending = w.pending[1:]
		if !w.written[name] {
			w.written[name] = true
			w.property(terminal.Safe(name), w.defs[name], indent, 0)
		}
	}
}

func (w *Writer) addf(indent int, format string, args ...any) {
	switch {
	case len(w.lines) < maxLines:
		w.lines = append(w.lines, strings.TrimRight(strings.Repeat(" ", indent)+fmt.Sprintf(format, args...), " "))
	case len(w.lines) == maxLines:
		w.lines = append(w.lines, "...")
	}
}

// property writes one thing with a name: on one line, or as a block if it has members of its own.
func (w *Writer) property(title string, s *contract.Schema, indent, depth int) {
	words := wordsOf(s)
	object := s
	suffix := ""
	if s != nil && slices.Contains(s.Types, contract.Array) && s.Items != nil && hasMembers(s.Items) {
		object, suffix = s.Items, "[]"
	}
	if !hasMembers(object) || depth == maxDepth {
		w.addf(indent, "%s: %s%s", title, w.typeText(s, depth), words)
		return
	}
	if isNullable(s) {
		suffix += " or null"
	}
	w.addf(indent, "%s {%s", title, words)
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		mark := "?"
		if slices.Contains(object.Required, name) {
			mark = ""
		}
		w.property(terminal.Safe(name)+mark, object.Properties[name], indent+2, depth+1)
	}
	if object.AdditionalProperties != nil {
		w.property("[any other]", object.AdditionalProperties, indent+2, depth+1)
	}
	w.addf(indent, "}%s", suffix)
}

func hasMembers(s *contract.Schema) bool {
	return s != nil && s.Ref == "" && len(s.AnyOf) == 0 && len(s.Properties) > 0
}

func isNullable(s *contract.Schema) bool { return slices.Contains(s.Types, contract.Null) }

// wordsOf returns what a schema says to people, to stand behind it on the line.
func wordsOf(s *contract.Schema) string {
	if s == nil {
		return ""
	}
	words := strings.TrimSpace(s.Description)
	if s.Deprecated && !strings.Contains(strings.ToLower(words), "deprecated") {
		words = strings.TrimSuffix("deprecated; "+words, "; ")
	}
	if words == "" {
		return ""
	}
	return "  // " + terminal.Safe(words)
}

// typeText returns a type on one line.
func (w *Writer) typeText(s *contract.Schema, depth int) string {
	switch {
	case s == nil || depth > maxDepth:
		return "any"
	case s.Nothing:
		return "nothing"
	case s.Ref != "":
		return w.mention(s)
	case len(s.Enum) > 0:
		return rawTexts(s)
	case len(s.Const) > 0:
		return terminal.Safe(string(s.Const))
	case len(s.AnyOf) > 0:
		options := make([]string, len(s.AnyOf))
		for i, option := range s.AnyOf {
			options[i] = w.typeText(option, depth+1)
		}
		return strings.Join(options, " or ")
	case s.ContentMediaType != "" && len(s.Types) == 0:
		return "bytes, " + terminal.Safe(s.ContentMediaType)
	case len(s.Types) == 0:
		return "any"
	}
	names := make([]string, len(s.Types))
	for i, t := range s.Types {
		names[i] = w.oneType(s, t, depth)
	}
	return strings.Join(names, " or ")
}

// mention returns the name of a type that is defined elsewhere, and has it written later.
func (w *Writer) mention(s *contract.Schema) string {
	name := definitionName(s.Ref)
	if body.Resolve(w.defs, s) == nil {
		return "any"
	}
	if !w.written[name] && !slices.Contains(w.pending, name) {
		w.pending = append(w.pending, name)
	}
	return terminal.Safe(name)
}

func definitionName(ref string) string {
	if ref == "" {
		return ""
	}
	return body.Definition(ref)
}

func (w *Writer) oneType(s *contract.Schema, t contract.Type, depth int) string {
	switch t {
	case contract.String:
		switch {
		case s.ContentEncoding != "":
			return "bytes in " + terminal.Safe(s.ContentEncoding)
		case s.Format == "date-time":
			return "time"
		case s.Format != "":
			return "string, " + terminal.Safe(s.Format)
		}
	case contract.Integer, contract.Number:
		return numberText(s, t)
	case contract.Array:
		return arrayText(s, w.typeText(s.Items, depth+1))
	case contract.Object:
		if s.AdditionalProperties != nil && len(s.Properties) == 0 {
			return w.mapText(s, depth)
		}
	case contract.Null, contract.Boolean:
	}
	return string(t)
}

// mapText returns a map on one line. What its keys are is said if that is not text.
func (w *Writer) mapText(s *contract.Schema, depth int) string {
	text := "map of " + whole(w.typeText(s.AdditionalProperties, depth+1))
	if s.Keys != nil {
		text += " by " + whole(w.typeText(s.Keys, depth+1))
	}
	return text
}

// whole puts a type in parentheses if what follows could be taken for its alternative.
func whole(text string) string {
	if strings.Contains(text, " or ") {
		return "(" + text + ")"
	}
	return text
}

func numberText(s *contract.Schema, t contract.Type) string {
	text := string(t)
	if s.Format != "" && t == contract.Integer {
		text = terminal.Safe(s.Format)
	}
	bound := func(b *float64) string { return strconv.FormatFloat(*b, 'f', -1, 64) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		text += " from " + bound(s.Minimum) + " to " + bound(s.Maximum)
	case s.Minimum != nil:
		text += " from " + bound(s.Minimum)
	case s.Maximum != nil:
		text += " up to " + bound(s.Maximum)
	}
	return text
}

func arrayText(s *contract.Schema, items string) string {
	if strings.ContainsAny(items, " ") {
		items = "(" + items + ")"
	}
	switch {
	case s.MinItems != nil && s.MaxItems != nil && *s.MinItems == *s.MaxItems:
		return fmt.Sprintf("%s[%d]", items, *s.MinItems)
	default:
		return items + "[]"
	}
}

func rawTexts(s *contract.Schema) string {
	texts := make([]string, len(s.Enum))
	for i, v := range s.Enum {
		texts[i] = terminal.Safe(string(v))
	}
	return strings.Join(texts, " or ")
}
