package explorer

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/contract"
)

// maxSample bounds the values in a request that is made up.
const maxSample = 200

// sampleRequest returns a request to begin with: the first example of a contract, or one that is made up from the schema.
// It is nil if the body is empty.
func sampleRequest(doc contract.Document) json.RawMessage {
	if doc.Request == nil {
		return nil
	}
	for _, e := range doc.Examples {
		if e.Request != nil {
			return e.Request
		}
	}
	s := sampler{defs: doc.Defs}
	data, err := json.Marshal(s.value(doc.Request, 0))
	if err != nil { // it holds what was parsed as JSON
		return json.RawMessage("null")
	}
	return data
}

// sampler makes up values.
type sampler struct {
	defs map[string]*contract.Schema
	made int
}

func (w *sampler) value(s *contract.Schema, depth int) any {
	for len(s.Examples) == 0 && s.Ref != "" { // in a document that was parsed, this leads somewhere
		definition := w.defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if definition == nil {
			return nil
		}
		s = definition
	}
	w.made++
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	case depth > maxTypeDepth/2 || w.made > maxSample:
		return nil
	case len(s.AnyOf) > 0:
		return w.value(firstThatIsNot(s.AnyOf, isNull), depth+1)
	case len(s.Types) == 0:
		return map[string]any{}
	}
	switch firstThatIsNot(s.Types, func(t contract.Type) bool { return t == contract.Null }) {
	case contract.Boolean:
		return false
	case contract.Integer, contract.Number:
		if s.Minimum != nil && *s.Minimum > 0 {
			return *s.Minimum
		}
		return 0
	case contract.String:
		if s.Format == "date-time" {
			return "2026-01-02T15:04:05Z"
		}
		return ""
	case contract.Array:
		return w.array(s, depth)
	case contract.Object:
		return w.object(s, depth)
	case contract.Null:
		return nil
	default:
		return nil
	}
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

// array has as many elements as must be there, and one that shows what they are.
func (w *sampler) array(s *contract.Schema, depth int) any {
	list := []any{}
	if s.Items == nil {
		return list
	}
	least := 1
	if s.MinItems != nil {
		least = max(1, *s.MinItems)
	}
	for len(list) < least && w.made <= maxSample {
		list = append(list, w.value(s.Items, depth+1))
	}
	return list
}

// object has the members that must be there, and those that have an example.
func (w *sampler) object(s *contract.Schema, depth int) any {
	object, required := map[string]any{}, setOf(s.Required)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if w.made <= maxSample && (required[name] || len(p.Examples) > 0) {
			object[name] = w.value(p, depth+1)
		}
	}
	return object
}
