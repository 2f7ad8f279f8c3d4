package contract

import (
	"encoding/json"
	"strconv"
)

// Type is one of the seven types of JSON Schema.
type Type string

// The types. An integer is a number, too.
const (
	Null    Type = "null"
	Boolean Type = "boolean"
	Integer Type = "integer"
	Number  Type = "number"
	String  Type = "string"
	Array   Type = "array"
	Object  Type = "object"
)

// Schema is a schema of JSON Schema 2020-12. The fields are the keywords that are compared; everything else is in Extra.
//
// The zero value is the schema {}: anything, of which nothing is known. An empty field is a keyword that is not there.
// A schema that contains itself does so by Ref. One that does so by its pointers has no bytes, which
// [Document.Validate] finds.
type Schema struct {
	// Nothing is the schema false, which no value satisfies. The other fields mean nothing then.
	Nothing bool
	// Ref refers to a definition: #/$defs/name.
	Ref string
	// Types are what a value may be: the keyword type, with one name or several. Empty means any.
	Types []Type
	// Format says more about strings and numbers: date-time, int32, int64, uint64, float, double and others.
	Format string
	// Minimum and Maximum are bounds of numbers, which count as inside.
	Minimum, Maximum *float64
	// Enum lists the values that there are, as JSON. It may be an empty list, but not nil, to say that there are none.
	Enum []json.RawMessage
	// Const is the only value that there is, as JSON.
	Const json.RawMessage
	// Properties are the members of an object that have a schema of their own.
	Properties map[string]*Schema
	// Required are the names of the members that are always there.
	Required []string
	// AdditionalProperties is the schema of all other members. With nil a writer writes no others, and a reader ignores
	// them; a map[string]any has the schema {}.
	AdditionalProperties *Schema
	// Items is the schema of an array's elements. With nil they may be anything.
	Items *Schema
	// MinItems and MaxItems are bounds of an array's length, which count as inside.
	MinItems, MaxItems *int
	// AnyOf lists alternatives. A value satisfies at least one of them.
	AnyOf []*Schema
	// ContentEncoding is base64 for bytes in a string; in msgpack they are binary.
	ContentEncoding string
	// ContentMediaType says what bytes are. Without a type it stands for a body that is not JSON at all.
	ContentMediaType string
	// Keys is what the names of the members that AdditionalProperties describes stand for, if that is not text: the keyword
	// x-keys. In JSON they are the text of such a value, in msgpack the value. A map[int32]T has the schema of an int32.
	Keys *Schema
	// MsgpackName is a property's name in msgpack if that differs: the keyword x-msgpack-name.
	MsgpackName string
	// Title, Description, Deprecated, Examples and Default are annotations: for people, and not in the digest.
	Title, Description string
	Deprecated         bool
	Examples           []json.RawMessage
	Default            json.RawMessage
	// Defs are the definitions that Ref refers to, here and below. Only the outermost schema has them, and in a
	// [Document] the document has them instead.
	Defs map[string]*Schema
	// Extra holds the keywords that are none of the above. [Fits] says of those that may matter that it cannot tell.
	Extra map[string]json.RawMessage
}

// Bytes returns the schema as canonical JSON; see [Document.Bytes].
func (s *Schema) Bytes() []byte {
	return appendCanonical(nil, s.tree())
}

// MarshalJSON returns [Schema.Bytes]. It never fails.
func (s *Schema) MarshalJSON() ([]byte, error) {
	return s.Bytes(), nil
}

// UnmarshalJSON is [ParseSchema].
func (s *Schema) UnmarshalJSON(data []byte) error {
	parsed, err := ParseSchema(data)
	if err != nil {
		return err
	}
	*s = *parsed
	return nil
}

// tree returns the schema as parseTree would return its bytes. Nil is {}.
func (s *Schema) tree() any {
	if s == nil {
		return map[string]any{}
	}
	if s.Nothing {
		return false
	}
	t := withExtra(s.Extra)
	putString(t, "$ref", s.Ref)
	switch len(s.Types) {
	case 0:
	case 1:
		t["type"] = string(s.Types[0])
	default:
		list := make([]any, len(s.Types))
		for i, name := range s.Types {
			list[i] = string(name)
		}
		t["type"] = list
	}
	putString(t, "format", s.Format)
	putFloat(t, "minimum", s.Minimum)
	putFloat(t, "maximum", s.Maximum)
	if s.Enum != nil {
		t["enum"] = rawList(s.Enum)
	}
	putRaw(t, "const", s.Const)
	putSchemas(t, "properties", s.Properties)
	putStrings(t, "required", s.Required)
	putSchema(t, "additionalProperties", s.AdditionalProperties)
	putSchema(t, "items", s.Items)
	putLength(t, "minItems", s.MinItems)
	putLength(t, "maxItems", s.MaxItems)
	if s.AnyOf != nil {
		list := make([]any, len(s.AnyOf))
		for i, alternative := range s.AnyOf {
			list[i] = alternative.tree()
		}
		t["anyOf"] = list
	}
	putString(t, "contentEncoding", s.ContentEncoding)
	putString(t, "contentMediaType", s.ContentMediaType)
	putSchema(t, "x-keys", s.Keys)
	putString(t, "x-msgpack-name", s.MsgpackName)
	putString(t, "title", s.Title)
	putString(t, "description", s.Description)
	putTrue(t, "deprecated", s.Deprecated)
	if len(s.Examples) > 0 {
		t["examples"] = rawList(s.Examples)
	}
	putRaw(t, "default", s.Default)
	putSchemas(t, "$defs", s.Defs)
	return t
}

// withExtra begins a tree with the members that are only kept. Those that are known are put over them.
func withExtra(extra map[string]json.RawMessage) map[string]any {
	t := make(map[string]any, len(extra)+4)
	for name, raw := range extra {
		putRaw(t, name, raw)
	}
	return t
}

func putString(t map[string]any, name, s string) {
	if s != "" {
		t[name] = s
	}
}

func putStrings(t map[string]any, name string, list []string) {
	if len(list) == 0 {
		return
	}
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	t[name] = values
}

func putTrue(t map[string]any, name string, b bool) {
	if b {
		t[name] = true
	}
}

func putInt(t map[string]any, name string, n int64) {
	if n != 0 {
		t[name] = json.Number(strconv.FormatInt(n, 10))
	}
}

func putLength(t map[string]any, name string, n *int) {
	if n != nil {
		t[name] = json.Number(strconv.Itoa(*n))
	}
}

func putFloat(t map[string]any, name string, f *float64) {
	if f != nil {
		t[name] = json.Number(strconv.FormatFloat(*f, 'g', -1, 64))
	}
}

func putSchema(t map[string]any, name string, s *Schema) {
	if s != nil {
		t[name] = s.tree()
	}
}

func putSchemas(t map[string]any, name string, schemas map[string]*Schema) {
	if len(schemas) == 0 {
		return
	}
	members := make(map[string]any, len(schemas))
	for member, s := range schemas {
		members[member] = s.tree()
	}
	t[name] = members
}

// putRaw puts JSON that somebody wrote. What is not JSON was put there by hand, and becomes null: [Document.Validate]
// finds it.
func putRaw(t map[string]any, name string, raw json.RawMessage) {
	if raw != nil {
		t[name] = rawTree(raw)
	}
}

func rawList(list []json.RawMessage) []any {
	values := make([]any, len(list))
	for i, raw := range list {
		values[i] = rawTree(raw)
	}
	return values
}

func rawTree(raw json.RawMessage) any {
	tree, err := parseTree(raw)
	if err != nil {
		return nil
	}
	return tree
}
