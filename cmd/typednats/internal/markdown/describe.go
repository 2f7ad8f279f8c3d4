package markdown

import (
	"slices"
	"strconv"
	"strings"

	"github.com/typednats/typednats/contract"
)

// describe says in words what a schema describes.
func (p *page) describe(s *contract.Schema, scope int) string {
	switch {
	case s == nil:
		return "anything"
	case s.Nothing:
		return "nothing"
	case s.Ref != "":
		if name, ok := p.defs.Name(scope, s.Ref); ok {
			return link(name, typeHeading(name))
		}
		return "anything"
	case s.Const != nil:
		return code(string(s.Const))
	case s.Enum != nil:
		var values []string
		for _, value := range s.Enum {
			values = append(values, code(string(value)))
		}
		return orNothing(values)
	case s.AnyOf != nil:
		var all []string
		for _, alternative := range s.AnyOf {
			text := p.describe(alternative, scope)
			if alternative != nil && len(alternative.Types) == 1 {
				text = whole(text, alternative.Types[0])
			}
			all = append(all, text)
		}
		return orNothing(all)
	case len(s.Types) == 0 && s.ContentMediaType != "":
		return "bytes, as " + code(s.ContentMediaType)
	case len(s.Types) == 0:
		return "anything"
	}
	var all []string
	for _, t := range s.Types {
		text := p.typed(s, t, scope)
		if len(s.Types) > 1 {
			text = whole(text, t)
		}
		all = append(all, text)
	}
	if i := slices.Index(all, "null"); i >= 0 {
		all = append(slices.Delete(all, i, i+1), "null")
	}
	return orNothing(all)
}

func orNothing(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, " or ")
}

// whole puts the description of a type in parentheses if it ends with that of another one, of which an alternative that
// follows could be one.
func whole(text string, t contract.Type) string {
	if (t == contract.Array || t == contract.Object) && strings.Contains(text, ": ") {
		return "(" + text + ")"
	}
	return text
}

func (p *page) typed(s *contract.Schema, t contract.Type, scope int) string {
	switch t {
	case contract.Null:
		return "null"
	case contract.Boolean:
		return "boolean"
	case contract.Integer, contract.Number:
		return string(t) + number(s)
	case contract.String:
		return text(s)
	case contract.Array:
		length := ""
		if s.MinItems != nil && s.MaxItems != nil && *s.MinItems == *s.MaxItems {
			length = " of " + strconv.Itoa(*s.MinItems)
		}
		return "array" + length + ": " + p.describe(s.Items, scope)
	default:
		return p.object(s, scope)
	}
}

func (p *page) object(s *contract.Schema, scope int) string {
	var members []string
	for name, member := range sorted(s.Properties) {
		members = append(members, code(name)+" "+p.describe(member, scope))
	}
	if s.AdditionalProperties != nil && !s.AdditionalProperties.Nothing {
		names := "any names"
		if s.Keys != nil {
			names = "names that are " + p.describe(s.Keys, scope)
		}
		members = append(members, names+", each "+p.describe(s.AdditionalProperties, scope))
	}
	if len(members) == 0 {
		return "object"
	}
	return "object: " + strings.Join(members, ", ")
}

func number(s *contract.Schema) string {
	var notes []string
	if s.Format != "" {
		notes = append(notes, s.Format)
	}
	if s.Minimum != nil && s.Format == "" {
		notes = append(notes, "from "+strconv.FormatFloat(*s.Minimum, 'f', -1, 64))
	}
	if s.Maximum != nil && s.Format == "" {
		notes = append(notes, "to "+strconv.FormatFloat(*s.Maximum, 'f', -1, 64))
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + line(strings.Join(notes, " ")) + ")"
}

func text(s *contract.Schema) string {
	switch {
	case s.ContentEncoding != "":
		return "bytes in " + line(s.ContentEncoding)
	case s.Format == "date-time":
		return "date and time (RFC 3339)"
	case s.Format != "":
		return "text (" + line(s.Format) + ")"
	default:
		return "text"
	}
}
