package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/typednats/typednats/internal/fields"
)

// Any describes whatever can be written.
func Any() Node { return Node{} }

// Bytes describes bytes, as the JSON that they stand for.
func Bytes() Node { return Node{"type": "string", "contentEncoding": "base64"} }

// Text describes text.
func Text() Node { return Node{"type": "string"} }

// Time describes a time.
func Time() Node { return Node{"type": "string", "format": "date-time"} }

// with returns a copy with one more key.
func (n Node) with(key string, value any) Node {
	n = maps.Clone(n)
	if n == nil {
		n = Node{}
	}
	n[key] = value
	return n
}

// OrNull describes what n does, and null.
func (n Node) OrNull() Node {
	if _, nullable := n.split(); nullable || len(n) == 0 {
		return n
	}
	if name := n.typeName(); name != "" && !n.isForeign() {
		return n.with("type", []any{name, "null"})
	}
	return Node{"anyOf": []any{n, Node{"type": "null"}}}
}

// split returns what n describes without the null that OrNull has added, and whether it has.
func (n Node) split() (rest Node, nullable bool) {
	if types, ok := n["type"].([]any); ok && len(types) == 2 && types[1] == "null" {
		return n.with("type", types[0]), true
	}
	if options, ok := n["anyOf"].([]any); ok && len(n) == 1 && len(options) == 2 {
		first, isNode := options[0].(Node)
		second, _ := options[1].(Node)
		return first, isNode && second.typeName() == "null"
	}
	return n, false
}

// typeName is the one type that a node has, or nothing.
func (n Node) typeName() string {
	name, _ := n["type"].(string)
	return name
}

// isForeign reports whether a node was written by somebody else: then nothing is known of its keywords.
func (n Node) isForeign() bool {
	for key := range n {
		switch key {
		case "type", "format", "description", "minimum", "maximum", "minItems", "maxItems", "items", "properties", "required",
			"additionalProperties", "x-keys", "contentEncoding", "deprecated", "examples":
		default:
			return true
		}
	}
	return false
}

// describer is a type that says what is written for it.
type describer interface{ JSONSchema() json.RawMessage }

// ownSchema returns what a type says of itself with the method JSONSchema, unless it was given that by an embedded type,
// which knows nothing of the fields around it.
func ownSchema(t reflect.Type) (n Node, ok bool, err error) {
	if !reflect.PointerTo(t).Implements(reflect.TypeFor[describer]()) {
		return nil, false, nil
	}
	if _, promoted := fields.Promoted(t, "JSONSchema"); promoted {
		return nil, false, nil
	}
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("JSONSchema of %v panicked: %v", t, recovered)
		}
	}()
	d, _ := reflect.TypeAssert[describer](reflect.New(t))
	if err := json.Unmarshal(d.JSONSchema(), &n); err != nil {
		return nil, false, fmt.Errorf("JSONSchema of %v: %w", t, err)
	}
	if n == nil {
		return nil, false, fmt.Errorf("JSONSchema of %v: want an object", t)
	}
	if n["$defs"] != nil {
		return nil, false, fmt.Errorf("JSONSchema of %v: %w", t, errDefs)
	}
	return n, true, nil
}

var errDefs = errors.New("it has $defs, which only the whole schema may have")

// Described returns what a type says of itself with the method JSONSchema. A method that fails says nothing.
func Described(t reflect.Type) (Node, bool) {
	n, ok, err := ownSchema(t)
	return n, ok && err == nil
}
