package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// The tags of a field that say more about it than its type does.
const (
	docTag        = "doc"        // a description
	enumTag       = "enum"       // the values that it can have, with commas in between
	exampleTag    = "example"    // a value
	deprecatedTag = "deprecated" // why it should not be used any more
)

// annotate adds what the tags of a field say.
func annotate(n Node, tag reflect.StructTag) (Node, error) {
	if text, ok := tag.Lookup(enumTag); ok {
		var err error
		if n, err = restrict(n, text); err != nil {
			return nil, fmt.Errorf("tag enum %q: %w", text, err)
		}
	}
	doc := tag.Get(docTag)
	if reason, ok := tag.Lookup(deprecatedTag); ok {
		n = n.with("deprecated", true)
		if reason != "" && reason != "true" {
			doc = strings.TrimSpace(doc + " Deprecated: " + reason)
		}
	}
	if doc != "" {
		n = n.with("description", doc)
	}
	if text, ok := tag.Lookup(exampleTag); ok {
		example, err := n.parse(text)
		if err != nil {
			return nil, fmt.Errorf("tag example %q: %w", text, err)
		}
		n = n.with("examples", []any{example})
	}
	return n, nil
}

// restrict bounds the values of a field, or of the elements of a list.
func restrict(n Node, text string) (Node, error) {
	plain, nullable := n.split()
	if items, ok := plain["items"].(Node); ok {
		items, err := restrict(items, text)
		if err != nil {
			return nil, err
		}
		return n.with("items", items), nil
	}
	kind := plain.typeName()
	if kind != "string" && kind != "integer" && kind != "number" || plain["contentEncoding"] != nil {
		return nil, errors.New("only text and numbers, and lists of them, can be restricted")
	}
	var values []any
	for word := range strings.SplitSeq(text, ",") {
		value, err := plain.parse(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if nullable {
		values = append(values, nil)
	}
	return n.with("enum", values), nil
}

// parse reads a value of a field from a tag: text as it is, all else as JSON.
func (n Node) parse(text string) (any, error) {
	plain, _ := n.split()
	kind := plain.typeName() // none for a reference, and for what may be anything
	if kind == "string" {
		return text, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil || dec.More() {
		return nil, errors.New("want JSON")
	}
	fits := true
	switch v := value.(type) {
	case json.Number:
		fits = kind == "" || kind == "number" || kind == "integer" && !bytes.ContainsAny([]byte(v), ".eE")
	case bool:
		fits = kind == "" || kind == "boolean"
	case string:
		fits = kind == ""
	case []any:
		fits = kind == "" || kind == "array"
	case map[string]any:
		fits = kind == "" || kind == "object"
	}
	if !fits {
		return nil, fmt.Errorf("want a value of type %s", kind)
	}
	return value, nil
}
