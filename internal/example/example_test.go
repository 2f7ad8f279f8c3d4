package example_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/example"
	"github.com/typednats/typednats/internal/schema"
	"github.com/typednats/typednats/internal/schema/schematest"
)

// TestValueFits: what is made up for a type is what its schema describes.
func TestValueFits(t *testing.T) {
	t.Parallel()
	types := map[reflect.Type]bool{}
	for _, v := range schematest.Values() {
		typ := reflect.TypeOf(v).Elem()
		described, err := schema.Of(typ, schema.JSON())
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		types[typ] = true
		made := valueOf(t, string(described))
		value, err := schematest.Parse([]byte(made))
		if err != nil {
			t.Errorf("%v: %v: %s", typ, err, made)
			continue
		}
		if err := schematest.Validate(described, value); err != nil {
			t.Errorf("%v: %v: %s\nschema: %s", typ, err, made, described)
		}
	}
	if len(types) < 60 {
		t.Errorf("%d types", len(types))
	}
}

func valueOf(t *testing.T, text string) string {
	t.Helper()
	s, err := contract.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(example.Value(*s))
}

func TestValue(t *testing.T) {
	t.Parallel()
	const tree = `{"$ref":"#/$defs/T","$defs":{"T":{"type":"object","required":["kids","n"],"properties":{"n":{"type":"integer"},`
	for text, want := range map[string]string{
		`{"type":"boolean"}`:                                                    `true`,
		`{"type":"integer"}`:                                                    `1`,
		`{"type":"integer","minimum":2.5}`:                                      `3`,
		`{"type":"integer","maximum":-1}`:                                       `-1`,
		`{"type":"integer","minimum":9007199254740993}`:                         `1`, // which no double is, so it is not compared, nor looked at here
		`{"type":["null","string"]}`:                                            `"..."`,
		`{"type":"string","contentEncoding":"base64"}`:                          `"AAAA"`,
		`{"type":"string","format":"date-time"}`:                                `"2006-01-02T15:04:05Z"`,
		`{"type":"null"}`:                                                       `null`,
		`{}`:                                                                    `{}`,
		`{"type":"object","required":["a"],"properties":{"a":{}}}`:              `{"a":null}`,
		`{"type":"string","enum":["a","b"]}`:                                    `"a"`,
		`{"const":{"a":1}}`:                                                     `{"a":1}`,
		`{"type":"string","default":"d","enum":["a"]}`:                          `"d"`,
		`{"type":"string","default":"d","examples":["e"]}`:                      `"e"`,
		`{"anyOf":[{"type":"null"},{"type":"boolean"}]}`:                        `true`,
		`{"type":"array"}`:                                                      `[]`,
		`{"type":"array","items":{"type":"integer"}}`:                           `[1]`,
		`{"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":3}`: `[1,1,1]`,
		`{"type":"array","items":{"type":"integer"},"maxItems":0}`:              `[]`,
		`{"type":"array","minItems":2}`:                                         `[null,null]`,
		`{"type":"object","additionalProperties":{"type":"integer"}}`:           `{}`,
		`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer","examples":[7]}}}`:        `{"b":7}`,
		`{"type":"object","required":["<b>"],"properties":{"<b>":{"type":"integer"}}}`:                         `{"<b>":1}`,
		`{"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"type":"boolean"}}}`:                                     `true`,
		tree + `"kids":{"type":["array","null"],"items":{"$ref":"#/$defs/T"}}}}}}`:                             `{"kids":[{"kids":null,"n":1}],"n":1}`,
		tree + `"kids":{"type":"array","items":{"$ref":"#/$defs/T"}}}}}}`:                                      `{"kids":[{"kids":[],"n":1}],"n":1}`,
		tree + `"kids":{"anyOf":[{"$ref":"#/$defs/T"},{"type":"null"}]}}}}}`:                                   `{"kids":{"kids":null,"n":1},"n":1}`,
		tree + `"kids":{"type":"object","additionalProperties":{"$ref":"#/$defs/T"}}}}}}`:                      `{"kids":{},"n":1}`,
		`{"type":"array","items":{"type":"array","items":{"type":"array","items":{"type":["array","null"]}}}}`: `[[[null]]]`,
	} {
		if got := valueOf(t, text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestValueOfStrangers: what is made up is small JSON, whatever the schema is.
func TestValueOfStrangers(t *testing.T) {
	t.Parallel()
	ref := `{"$ref":"#/$defs/A"}`
	long := `"` + strings.Repeat("x", 10_000) + `"`
	for name, text := range map[string]string{
		"endless":       `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","required":["a","b"],"properties":{"a":` + ref + `,"b":` + ref + `}}}}`,
		"nowhere":       `{"type":"object","required":["a"],"properties":{"a":{"$ref":"https://example.com/a"}}}`,
		"long examples": `{"type":"array","minItems":1000000,"items":` + ref + `,"$defs":{"A":{"type":"string","examples":[` + long + `]}}}`,
		"long array":    `{"type":"array","minItems":2000000000,"items":{"type":"array","minItems":2000000000}}`,
	} {
		if got := valueOf(t, text); !json.Valid([]byte(got)) || len(got) > 32<<10 {
			t.Errorf("%s: %d bytes: %.200s", name, len(got), got)
		}
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	const head = `{"typednats":1,"name":"e","subject":"e",`
	for _, test := range []struct{ doc, want string }{
		{`"content_types":["application/json"]`, "typednats call a.b"},
		{`"content_types":["application/json"],"request":{"type":"integer"}`, "typednats call a.b 1"},
		{`"content_types":["application/json"],"request":{"type":"string"}`, `typednats call a.b '"..."'`},
		{`"content_types":["application/json"],"request":{"type":"string"},"examples":[{"reply":1},{"request":"it's  so"}]`, `typednats call a.b '"it'\''s  so"'`},
		{`"content_types":["application/json"],"request":{"type":"object"},"examples":[{"request":{ "a" : "\u001b" }}]`, `typednats call a.b '{"a":"\u001b"}'`},
		{`"content_types":["application/octet-stream"],"request":{"contentMediaType":"application/octet-stream"},"examples":[{"request":"QUE="}]`, "typednats call a.b @file"},
		{
			`"content_types":["application/octet-stream","application/json"],"request":{"contentMediaType":"application/octet-stream"},` +
				`"variants":{"application/json":{"request":{"type":"integer"}}}`, "typednats call a.b 1",
		},
		{
			`"content_types":["a/b","application/msgpack"],"request":{"type":"string"},"variants":{"application/msgpack":{"request":{"type":"integer"}}}`,
			"typednats call a.b 1",
		},
		{`"request":{"type":"integer"}`, "typednats call a.b 1"},
		{`"request":{"type":"integer","maximum":-1}`, "typednats call -- a.b -1"},
		{`"request":{"type":"string","contentMediaType":"text/html"}`, `typednats call a.b '"..."'`},
	} {
		doc, err := contract.Parse([]byte(head + test.doc + "}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := example.Call("a.b", doc, example.Request(doc), func(s string) string { return s }); got != test.want {
			t.Errorf("%s: %s, want %s", test.doc, got, test.want)
		}
	}
	show := func(s string) string { return fmt.Sprintf("<%d>", len(s)) }
	if got, want := example.Call("a.b", contract.Document{}, json.RawMessage(`[1]`), show), "typednats call '<3>' '<3>'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
