package asyncapi

import (
	"encoding/json"
	"slices"

	"github.com/typednats/typednats/contract"
)

// isKept reports whether a keyword that contracts do not compare is one that AsyncAPI knows.
func isKept(keyword string) bool {
	switch keyword {
	case "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "uniqueItems", "minProperties",
		"maxProperties":
		return true
	default:
		return false
	}
}

// schema returns a schema whose references are to components. Those that lead out of the document, keywords that tools of
// AsyncAPI may not know and what they would take for a reference are left out, which lets more values pass, never fewer.
func (w *writer) schema(s *contract.Schema, scope int) any {
	switch {
	case s == nil:
		return object{}
	case s.Nothing:
		return false
	case s.Ref != "":
		if name, ok := w.defs.Name(scope, s.Ref); ok {
			return reference("components", "schemas", name)
		}
		return object{}
	}
	tree := object{}
	if err := json.Unmarshal(flat(s).Bytes(), &tree); err != nil { // an object is what it has just been written as
		return object{}
	}
	if len(s.Properties) > 0 {
		properties := object{}
		for name, property := range s.Properties {
			if !means(name) {
				properties[name] = w.schema(property, scope)
			}
		}
		tree["properties"] = properties
	}
	if s.AnyOf != nil {
		alternatives := make([]any, len(s.AnyOf))
		for i, alternative := range s.AnyOf {
			alternatives[i] = w.schema(alternative, scope)
		}
		tree["anyOf"] = alternatives
	}
	if s.Items != nil {
		tree["items"] = w.schema(s.Items, scope)
	}
	if s.AdditionalProperties != nil {
		tree["additionalProperties"] = w.schema(s.AdditionalProperties, scope)
	}
	return tree
}

// flat returns what a schema says without the schemas below it.
func flat(s *contract.Schema) *contract.Schema {
	own := *s
	own.Defs, own.Properties, own.AnyOf, own.Items, own.AdditionalProperties = nil, nil, nil, nil, nil
	own.Keys = nil // it is of no use to who does not know the keyword
	own.Required = slices.DeleteFunc(slices.Clone(s.Required), means)
	own.Examples = slices.DeleteFunc(slices.Clone(s.Examples), refers)
	if slices.ContainsFunc(own.Enum, refers) {
		own.Enum = nil
	}
	if refers(own.Const) {
		own.Const = nil
	}
	if refers(own.Default) {
		own.Default = nil
	}
	own.Extra = map[string]json.RawMessage{}
	for keyword, value := range s.Extra {
		if isKept(keyword) && !refers(value) {
			own.Extra[keyword] = value
		}
	}
	return &own
}

// means reports whether the name of a member means something to tools wherever it stands: a reference, which they may
// follow to files and other machines, or what they ask objects of JavaScript for.
func means(name string) bool {
	return name == "$ref" || name == "__proto__" || name == "hasOwnProperty"
}

// refers reports whether a value has a member of such a name.
func refers(raw json.RawMessage) bool {
	var value any
	return json.Unmarshal(raw, &value) == nil && holds(value)
}

func holds(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, holds)
	case map[string]any:
		for name, member := range v {
			if means(name) || holds(member) {
				return true
			}
		}
	}
	return false
}
