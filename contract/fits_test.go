package contract_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

func schema(t *testing.T, text string) contract.Schema {
	t.Helper()
	s, err := contract.ParseSchema([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return *s
}

// TestFits is about what the table of changes does not have: unions, keywords of strangers, and what is not written in
// the way in which this library writes it.
func TestFits(t *testing.T) {
	t.Parallel()
	const twice = `{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"type":"object","properties":{"b":{"type":"string"}},"required":["b"]}]`
	for _, test := range []struct {
		name           string
		writer, reader string
		want           []string
	}{
		{"anything is taken", `{"type":"string"}`, `{}`, nil},
		{"anything is taken, said otherwise", `{"type":"string"}`, `true`, nil},
		{"anything for anything", `{}`, `{}`, nil},
		{"nothing is taken", `{"type":"string"}`, `false`, []string{"breaking type"}},
		{"nothing is written", `false`, `{"type":"string"}`, nil},
		{"anything beside words", `{}`, `{"description":"d","$comment":"c"}`, nil},
		{"one alternative of two", `{"type":"object","properties":{"b":{"type":"string"}},"required":["b"]}`, twice + `}`, nil},
		{"both alternatives", twice + `}`, twice + `}`, nil},
		{"doubtful alternatives", `{"type":"string"}`, `{"anyOf":[{"type":"string","pattern":"a"},{"type":"string","pattern":"b"}]}`, []string{"warning union"}},
		{"no alternative", `{"type":"array"}`, twice + `}`, []string{"breaking type"}},
		{"null is one of the types", `{"type":"null"}`, `{"type":["null","string"]}`, nil},
		{"integers are numbers", `{"type":"integer","format":"int32"}`, `{"type":["number","null"]}`, nil},
		{"numbers that are integers", `{"enum":[1,2.0]}`, `{"type":"integer"}`, nil},
		{"numbers that are not", `{"enum":[1,2.5]}`, `{"type":"integer"}`, []string{"breaking type"}},
		{"listed numbers out of range", `{"enum":[1,300]}`, `{"type":"integer","format":"uint8"}`, []string{"breaking range"}},
		{"listed numbers in range", `{"enum":[1,200]}`, `{"type":"integer","format":"uint8"}`, nil},
		{"listed values of another type", `{"type":"string","enum":["a",1]}`, `{"type":"string"}`, nil},
		{"constants as alternatives", `{"enum":["a","b"]}`, `{"anyOf":[{"const":"b"},{"const":"a"},{"type":"null"}]}`, nil},
		{"alternatives of constants", `{"anyOf":[{"const":"b"},{"const":"a"}]}`, `{"type":"string","enum":["a","b","c"]}`, nil},
		{"a constant object", `{"const":{"a":1}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, []string{"warning opaque"}},
		{"a constant array", `{"enum":[[1]]}`, `{"type":"array","items":{"type":"string"}}`, []string{"warning opaque"}},
		{"the same constant object", `{"const":{"a":1,"b":2}}`, `{"type":"object","enum":[{"b":2,"a":1.0},1]}`, nil},
		{"a constant object with conditions", `{"const":{"a":1},"required":["a"]}`, `{"const":{"a":1},"required":["a"]}`, []string{"warning opaque"}},
		{"another constant object", `{"const":{"a":1}}`, `{"const":{"a":2}}`, []string{"breaking enum"}},
		{"constant and list", `{"const":"a","enum":["a","b"]}`, `{"const":"a"}`, nil},
		{"constant that is not listed", `{"type":"string"}`, `{"const":"c","enum":["a","b"]}`, []string{"breaking type"}},
		{"all booleans", `{"type":"boolean"}`, `{"enum":[true,false]}`, nil},
		{"one boolean", `{"type":"boolean"}`, `{"enum":[true]}`, []string{"breaking enum"}},
		{"listed null", `{"type":"null"}`, `{"enum":[null,1]}`, nil},
		{"large numbers", `{"const":9007199254740993}`, `{"enum":[9007199254740992]}`, []string{"breaking enum"}},
		{"an integer beyond all", `{"type":"integer"}`, `{"type":"integer","format":"int64"}`, []string{"breaking range"}},
		{"one more than an int64", `{"type":"integer","minimum":0,"maximum":9223372036854776000}`, `{"type":"integer","format":"int64"}`, []string{"breaking range"}},
		{"as much as an uint64", `{"type":"integer","format":"uint64"}`, `{"type":"integer","minimum":0,"maximum":18446744073709552000}`, nil},
		{"int64 as float", `{"type":"integer","format":"int64"}`, `{"type":"number","format":"float"}`, []string{"warning rounding"}},
		{"24 bits as float", `{"type":"integer","minimum":0,"maximum":16777216}`, `{"type":"number","format":"float"}`, nil},
		{"25 bits as float", `{"type":"integer","minimum":-16777217,"maximum":0}`, `{"type":"number","format":"float"}`, []string{"warning rounding"}},
		{"small doubles as float", `{"type":"number","format":"double","minimum":0,"maximum":1}`, `{"type":"number","format":"float"}`, []string{"warning rounding"}},
		{"number beside integer", `{"type":"integer","format":"int64"}`, `{"anyOf":[{"type":"number"},{"type":"integer"}]}`, nil},
		{"a bound that no double holds", `{"type":"integer","format":"int64"}`, `{"type":"integer","maximum":9223372036854775806}`, []string{"warning keyword"}},
		{"an exclusive bound", `{"type":"integer","format":"int32"}`, `{"type":"integer","format":"int32","exclusiveMaximum":5}`, []string{"warning keyword"}},
		{"another exclusive bound", `{"type":"integer","exclusiveMaximum":6}`, `{"type":"integer","exclusiveMaximum":5}`, []string{"warning keyword"}},
		{"the same exclusive bound", `{"type":"integer","exclusiveMaximum":5}`, `{"type":"integer","exclusiveMaximum":5.0}`, nil},
		{"a format of numbers that is not known", `{"type":"number"}`, `{"type":"number","format":"decimal"}`, []string{"warning format"}},
		{"a format of numbers says nothing of strings", `{"type":"string"}`, `{"type":["string","integer"],"format":"int64"}`, nil},
		{"uuid is text", `{"type":"string","format":"uuid"}`, `{"type":"string"}`, nil},
		{"media types", `{"type":"string","contentMediaType":"a/b"}`, `{"type":"string","contentMediaType":"a/c"}`, []string{"breaking encoding"}},
		{"a media type that is not written", `{"type":"string"}`, `{"type":"string","contentMediaType":"a/c"}`, []string{"warning encoding"}},
		{"a media type that is not read", `{"type":"string","contentMediaType":"a/c"}`, `{"type":"string"}`, nil},
		{"raw of other formats", `{"contentMediaType":"a/c","format":"text"}`, `{"contentMediaType":"a/c","format":"binary"}`, []string{"breaking encoding"}},
		{"elements of empty arrays", `{"type":"array","maxItems":0,"items":{"type":"string"}}`, `{"type":"array","items":{"type":"null"}}`, nil},
		{"elements that may be anything", `{"type":"array"}`, `{"type":"array","items":{"type":"null"}}`, []string{"warning opaque []"}},
		{"nested elements", `{"type":"array","items":{"type":"array","items":{"type":"string"}}}`, `{"type":"array","items":{"type":"array","items":{"type":"null"}}}`, []string{"breaking type [][]"}},
		{"members of a closed object", `{"type":"object","properties":{"a b":{}}}`, `{"type":"object","additionalProperties":false}`, []string{`breaking closed ["a b"]`}},
		{"a member that is never there", `{"type":"object","properties":{"a":false}}`, `{"type":"object","additionalProperties":false}`, nil},
		{"a map for a closed object", `{"type":"object","additionalProperties":{}}`, `{"type":"object","additionalProperties":false}`, []string{"breaking closed {}"}},
		{"a closed writer", `{"type":"object","additionalProperties":false}`, `{"type":"object","additionalProperties":{"type":"string"}}`, nil},
		{"a member as value of a map", `{"type":"object","properties":{"a":{"type":"null"}}}`, `{"type":"object","additionalProperties":{"type":"string"}}`, []string{"breaking null a"}},
		{"a map need not have a member", `{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":{}}`, []string{"breaking required a"}},
		{"a required member without a schema", `{"type":"object","required":["a"]}`, `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, []string{"warning opaque a"}},
		{"a required member of a map", `{"type":"object","required":["a"],"additionalProperties":{"type":"null"}}`, `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":{}}`, []string{"breaking null a"}},
		{"a required member that is read as it comes", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, `{"type":"object","required":["a"]}`, nil},
		{"integers as keys of any text", `{"type":"object","additionalProperties":{}}`, `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, []string{"breaking type {name}"}},
		{"text as keys of integers", `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, `{"type":"object","additionalProperties":{}}`, []string{"breaking type {name}"}},
		{"keys of a smaller type", `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer","minimum":0,"maximum":300}}`, `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer","minimum":0,"maximum":255}}`, []string{"breaking range {name}"}},
		{"keys of a larger type", `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer","minimum":0,"maximum":255}}`, `{"type":"object","additionalProperties":{},"x-keys":{"$ref":"#/$defs/I"}}`, nil},
		{"a name as key", `{"type":"object","properties":{"a":{},"5":{}}}`, `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, []string{"breaking type {name}"}},
		{"a number as key", `{"type":"object","properties":{"5":{}}}`, `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer","maximum":4}}`, []string{"breaking range {name}", "breaking type {name}"}},
		{"keys that nobody reads", `{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, `{"type":"object"}`, []string{"breaking type {name}", "warning ignored {}"}},
		{"capitals of a map", `{"type":"object","properties":{"A":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"null"}}}`, []string{"breaking type A", "warning case A", "warning ignored A"}},
		{"untyped conditions read", `{"type":"string"}`, `{"properties":{"a":{"type":"string"}},"required":["a"]}`, nil},
		{"untyped conditions on objects", `{"type":"object"}`, `{"required":["a"]}`, []string{"breaking required a"}},
		{"untyped conditions written", `{"required":["a"]}`, `{"type":"object"}`, []string{"warning opaque"}},

		{"patternProperties written", `{"type":"object","patternProperties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"null"}}}`, []string{"warning keyword"}},
		{"members that are not named", `{"type":"object","minProperties":1}`, `{"type":"object","properties":{"a":{"type":"null"}}}`, []string{"warning keyword"}},
		{"members that others need", `{"type":"object","properties":{"b":{}},"dependentRequired":{"b":["a"]}}`, `{"type":"object","properties":{"a":{"type":"null"},"b":{}}}`, []string{"warning keyword"}},
		{"two keywords", `{"type":"string"}`, `{"type":"string","pattern":"a","maxLength":1}`, []string{"warning keyword", "warning keyword"}},
		{"nullable written", `{"type":"string","nullable":true}`, `{"type":"string"}`, []string{"warning keyword"}},
		{"pattern written", `{"type":"string","pattern":"a"}`, `{"type":"string"}`, nil},
		{"other pattern", `{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"b"}`, []string{"warning keyword"}},
		{"oneOf read", `{"type":"string"}`, `{"oneOf":[{"type":"string"}]}`, []string{"warning keyword"}},
		{"the same oneOf", `{"type":"string","oneOf":[{"$ref":"#/$defs/A"}]}`, `{"type":"string","oneOf":[{"$ref":"#/$defs/A"}]}`, []string{"warning keyword", "warning keyword"}},
		{"oneOf written", `{"oneOf":[{"type":"string"}]}`, `{"type":"string"}`, []string{"warning opaque"}},
		{"reference out of the document read", `{"type":"string"}`, `{"$ref":"https://example.com/a"}`, []string{"warning keyword"}},
		{"reference out of the document written", `{"$ref":"https://example.com/a"}`, `{"type":"string"}`, []string{"warning keyword", "warning opaque"}},
		{"reference beside a type", `{"type":"string"}`, `{"$ref":"#/$defs/A","type":"string","$comment":"c"}`, []string{"warning keyword"}},
		{"reference beside words", `{"type":"string"}`, `{"$ref":"#/$defs/A","description":"d","x-msgpack-name":"n","x-any":1}`, nil},
		{"anyOf beside a type", `{"type":"string"}`, `{"anyOf":[{"type":"string"}],"type":"string"}`, []string{"warning keyword"}},
		{"anyOf beside a reference", `{"type":"string"}`, `{"anyOf":[{"type":"string"}],"$ref":"#/$defs/A"}`, []string{"warning keyword"}},
		{"a name that is written otherwise in a reference", `{"$ref":"#/$defs/a~1b%5Bc%5D"}`, `{"type":"null"}`, []string{"breaking type"}},
		{"msgpack names that cross", `{"type":"object","properties":{"a":{"type":"string","x-msgpack-name":"b"}}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, []string{"warning ignored b"}},
		{"msgpack names that meet", `{"type":"object","properties":{"a":{"type":"string","x-msgpack-name":"b"},"b":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}`, []string{"warning keyword"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			with := func(text string) contract.Schema {
				s := schema(t, text)
				s.Defs = map[string]*contract.Schema{
					"A": {Types: []contract.Type{contract.String}}, "a/b[c]": {Types: []contract.Type{contract.String}},
					"I": {Types: []contract.Type{contract.Integer}},
				}
				return s
			}
			var got []string
			for _, f := range contract.Fits(with(test.writer), with(test.reader)) {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Level, f.Rule, f.Path)))
				t.Log(f)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReference: what Reference makes is what a schema refers with.
func TestReference(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"A", "a/b", "a~b~1", "a b[c,d]", "%41", "é"} {
		s := contract.Schema{
			Ref: contract.Reference(name), Defs: map[string]*contract.Schema{name: {Types: []contract.Type{contract.String}}},
		}
		if _, err := contract.ParseSchema(s.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if findings := contract.Fits(s, contract.Schema{Types: []contract.Type{contract.String}}); len(findings) > 0 {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

// TestFitsForgetsWhatWasAssumed: while the first alternative is tried, what is in Middle is taken to fit, because Whole is
// being tried. Whole turns out not to fit, and the second alternative must not rely on what was concluded meanwhile.
func TestFitsForgetsWhatWasAssumed(t *testing.T) {
	t.Parallel()
	defs := func(v string) string {
		return `"$defs":{
			"Whole":{"type":"object","properties":{"m":{"$ref":"#/$defs/Middle"},"v":` + v + `}},
			"Middle":{"type":"object","properties":{"s":{"$ref":"#/$defs/Part"}}},
			"Part":{"type":"object","properties":{"d":{"$ref":"#/$defs/Door"}}},
			"Door":{"type":"object","properties":{"a":{"$ref":"#/$defs/Whole"}}}}`
	}
	writer := schema(t, `{"type":"object","properties":{"x":{"$ref":"#/$defs/Door"},"y":{"$ref":"#/$defs/Middle"}},`+defs(str)+`}`)
	reader := func(v string) contract.Schema {
		return schema(t, `{"anyOf":[
			{"type":"object","properties":{"x":{"$ref":"#/$defs/Door"},"y":{"$ref":"#/$defs/Middle"}}},
			{"type":"object","properties":{"x":{},"y":{"$ref":"#/$defs/Middle"}}}],`+defs(v)+`}`)
	}
	for v, want := range map[string][]string{
		`{"type":"string"}`:               nil,
		`{"type":"integer"}`:              {"always: breaking union"},
		`{"type":"string","pattern":"x"}`: {"always: warning union"},
	} {
		if diff := cmp.Diff(want, briefs(contract.Fits(writer, reader(v)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v, diff)
		}
	}
}

// TestFitsSharedSchemas: a schema that is the same value on both sides means what its own side's definitions say.
func TestFitsSharedSchemas(t *testing.T) {
	t.Parallel()
	old := document(t, `"reply":{"type":"array","items":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}`)
	changed := old
	changed.Defs = map[string]*contract.Schema{"A": {Types: []contract.Type{contract.Boolean}}}
	if diff := cmp.Diff([]string{"always: breaking type reply[]"}, briefs(contract.Diff(old, changed))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSchemaOf: the schemas of a document come with its definitions.
func TestSchemaOf(t *testing.T) {
	t.Parallel()
	d := parseDocument(t, full)
	request, ok := d.RequestSchema("application/json")
	if !ok || request.Ref != "#/$defs/Request" || request.Defs["Request"] == nil {
		t.Errorf("the request is %s, %v", request.Bytes(), ok)
	}
	if packed, ok := d.RequestSchema("application/msgpack"); !ok || packed.Items == nil {
		t.Errorf("the request in msgpack is %s, %v", packed.Bytes(), ok)
	}
	if reply, ok := d.ReplySchema("application/msgpack"); ok {
		t.Errorf("the reply in msgpack is %s", reply.Bytes())
	}
	if failure, ok := d.ErrorSchema("", "NotFound"); !ok || failure.Ref != "#/$defs/Node" {
		t.Errorf("the error is %s, %v", failure.Bytes(), ok)
	}
	if failure, ok := d.ErrorSchema("", "Unknown"); ok {
		t.Errorf("an unknown error is %s", failure.Bytes())
	}
	var s contract.Schema
	if err := json.Unmarshal([]byte(`{"type":"string"}`), &s); err != nil || s.Types[0] != contract.String {
		t.Errorf("a schema from JSON is %s (%v)", s.Bytes(), err)
	}
	data, err := json.Marshal(map[string]any{"s": &s, "none": (*contract.Schema)(nil)})
	if want := `{"none":null,"s":{"type":"string"}}`; err != nil || string(data) != want {
		t.Errorf("a schema as JSON is %s (%v), want %s", data, err, want)
	}
}
