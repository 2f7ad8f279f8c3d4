package schema_test

import (
	"encoding/json"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/internal/schema"
	"github.com/typednats/typednats/internal/schema/schematest"
	"github.com/typednats/typednats/internal/schema/schematest/other"
)

// describe returns the schema of a type.
func describe(t *testing.T, typ reflect.Type) string {
	t.Helper()
	data, err := schema.Of(typ, schema.JSON())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// one is a struct with a field x of one type.
type one[T any] struct {
	X T `json:"x"`
}

// field returns the schema of the field x of a struct, and whether it is required.
func field(t *testing.T, typ reflect.Type) (described string, required bool) {
	t.Helper()
	var s struct {
		Defs map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
			Required   []string                   `json:"required"`
		} `json:"$defs"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Ref        string                     `json:"$ref"`
	}
	if err := json.Unmarshal([]byte(describe(t, typ)), &s); err != nil {
		t.Fatal(err)
	}
	if def, ok := s.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]; ok {
		s.Properties, s.Required = def.Properties, def.Required
	}
	return string(s.Properties["x"]), len(s.Required) > 0
}

// TestRules has each rule.
func TestRules(t *testing.T) {
	t.Parallel()
	const int64Schema = `{"format":"int64","type":"integer"}`
	for _, tt := range []struct {
		name     string
		value    any
		want     string
		optional bool
	}{
		{name: "bool", value: one[bool]{}, want: `{"type":"boolean"}`},
		{name: "int", value: one[int]{}, want: int64Schema},
		{name: "int8", value: one[int8]{}, want: `{"maximum":127,"minimum":-128,"type":"integer"}`},
		{name: "int32", value: one[int32]{}, want: `{"maximum":2147483647,"minimum":-2147483648,"type":"integer"}`},
		{name: "uint16", value: one[uint16]{}, want: `{"maximum":65535,"minimum":0,"type":"integer"}`},
		{name: "uint64", value: one[uint64]{}, want: `{"format":"uint64","minimum":0,"type":"integer"}`},
		{name: "uintptr", value: one[uintptr]{}, want: `{"format":"uint64","minimum":0,"type":"integer"}`},
		{name: "float32", value: one[float32]{}, want: `{"format":"float","type":"number"}`},
		{name: "float64", value: one[float64]{}, want: `{"format":"double","type":"number"}`},
		{name: "named text", value: one[schematest.Name]{}, want: `{"type":"string"}`},
		{name: "pointer", value: one[*int]{}, want: `{"format":"int64","type":["integer","null"]}`},
		{name: "pointer to a pointer", value: one[**bool]{}, want: `{"type":["boolean","null"]}`},
		{name: "slice", value: one[[]bool]{}, want: `{"items":{"type":"boolean"},"type":["array","null"]}`},
		{name: "map", value: one[map[int]bool]{}, want: `{"additionalProperties":{"type":"boolean"},"type":["object","null"],"x-keys":` + int64Schema + `}`},
		{name: "map of text", value: one[map[schematest.Name]bool]{}, want: `{"additionalProperties":{"type":"boolean"},"type":["object","null"]}`},
		{
			name: "map whose keys are text by methods", value: one[map[schematest.Word8]bool]{},
			want: `{"additionalProperties":{"type":"boolean"},"type":["object","null"]}`,
		},
		{
			name: "map of small integers that may be absent", value: one[*map[uint8]bool]{},
			want: `{"additionalProperties":{"type":"boolean"},"type":["object","null"],"x-keys":{"maximum":255,"minimum":0,"type":"integer"}}`,
		},
		{name: "any", value: one[any]{}, want: `{}`},
		{name: "pointer to a struct", value: one[*schematest.Base]{}, want: `{"anyOf":[{"$ref":"#/$defs/Base"},{"type":"null"}]}`},
		{name: "array", value: one[[2]bool]{}, want: `{"items":{"type":"boolean"},"maxItems":2,"minItems":2,"type":"array"}`},
		{name: "bytes", value: one[[]byte]{}, want: `{"contentEncoding":"base64","type":["string","null"]}`},
		{name: "named bytes", value: one[schematest.Blob]{}, want: `{"contentEncoding":"base64","type":["string","null"]}`},
		{name: "elements of a named byte", value: one[[]schematest.Digit]{}, want: `{"contentEncoding":"base64","type":["string","null"]}`},
		{name: "elements that are text", value: one[[]schematest.Word8]{}, want: `{"items":{"type":"string"},"type":["array","null"]}`},
		{
			name: "array of bytes", value: one[[2]byte]{},
			want: `{"items":{"maximum":255,"minimum":0,"type":"integer"},"maxItems":2,"minItems":2,"type":"array"}`,
		},
		{name: "time", value: one[time.Time]{}, want: `{"format":"date-time","type":"string"}`},
		{name: "what embeds a time alone", value: one[schematest.Stamp]{}, want: `{"format":"date-time","type":"string"}`},
		{name: "duration", value: one[time.Duration]{}, want: `{"description":"nanoseconds","format":"int64","type":"integer"}`},
		{name: "RawMessage", value: one[json.RawMessage]{}, want: `{}`},
		{name: "Number", value: one[json.Number]{}, want: `{"type":"number"}`},
		{name: "big.Int", value: one[*big.Int]{}, want: `{"type":["integer","null"]}`},
		{name: "text by methods", value: one[netip.Addr]{}, want: `{"type":"string"}`},
		{name: "a slice that is text by methods", value: one[net.IP]{}, want: `{"type":"string"}`},
		{name: "JSON by methods", value: one[schematest.Money]{}, want: `{}`},
		{name: "JSON by methods, described", value: one[*schematest.Price]{}, want: `{"type":["string","null"]}`},
		{name: "described", value: one[schematest.Color]{}, want: `{"enum":["","red"],"type":"string"}`},
		{name: "struct without fields", value: one[struct{}]{}, want: `{"type":"object"}`},
		{name: "named struct", value: one[schematest.Base]{}, want: `{"$ref":"#/$defs/Base"}`},
		{name: "quoted", value: struct {
			X int `json:"x,string"`
		}{}, want: `{"type":"string"}`},
		{name: "quoted pointer", value: struct {
			X *int `json:"x,string"`
		}{}, want: `{"type":["string","null"]}`},
		{name: "quotes that do not apply", value: struct {
			X []int `json:"x,string"` //nolint:staticcheck // as it says
		}{}, want: `{"items":` + int64Schema + `,"type":["array","null"]}`},
		{name: "omitempty", value: struct {
			X int `json:"x,omitempty"`
		}{}, want: int64Schema, optional: true},
		{name: "omitempty of a pointer", value: struct {
			X *int `json:"x,omitempty"`
		}{}, want: int64Schema, optional: true},
		{name: "omitempty of a slice", value: struct {
			X []int `json:"x,omitempty"`
		}{}, want: `{"items":` + int64Schema + `,"type":"array"}`, optional: true},
		{name: "omitempty of a struct", value: struct {
			X time.Time `json:"x,omitempty"` //nolint:modernize // it has no effect
		}{}, want: `{"format":"date-time","type":"string"}`},
		{name: "omitempty of an array", value: struct {
			X [1]bool `json:"x,omitempty"`
		}{}, want: `{"items":{"type":"boolean"},"maxItems":1,"minItems":1,"type":"array"}`},
		{name: "omitzero of a struct", value: struct {
			X time.Time `json:"x,omitzero"`
		}{}, want: `{"format":"date-time","type":"string"}`, optional: true},
		{name: "omitzero of what is never zero", value: struct {
			X schematest.Never `json:"x,omitzero"`
		}{}, want: `{"items":{"type":"string"},"type":["array","null"]}`, optional: true},
		{name: "field of an embedded struct", value: struct{ one[bool] }{}, want: `{"type":"boolean"}`},
		{name: "field of an embedded pointer", value: struct{ *one[bool] }{}, want: `{"type":"boolean"}`, optional: true},
		{name: "enum of a list", value: struct {
			X []string `json:"x" enum:"a,b"`
		}{}, want: `{"items":{"enum":["a","b"],"type":"string"},"type":["array","null"]}`},
		{name: "enum of a pointer", value: struct {
			X *int `json:"x" enum:"1,2"`
		}{}, want: `{"enum":[1,2,null],"format":"int64","type":["integer","null"]}`},
		{name: "words", value: struct {
			X bool `json:"x" doc:"why" deprecated:"use y" example:"true"`
		}{}, want: `{"deprecated":true,"description":"why Deprecated: use y","examples":[true],"type":"boolean"}`},
		{name: "words of a reference", value: struct {
			X schematest.Base `json:"x" doc:"why" deprecated:"true"`
		}{}, want: `{"$ref":"#/$defs/Base","deprecated":true,"description":"why"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, required := field(t, reflect.TypeOf(tt.value))
			if got != tt.want || required == tt.optional {
				t.Errorf("required %v, %s\nwant     %v, %s", required, got, !tt.optional, tt.want)
			}
		})
	}
}

func TestObjectsAreOpen(t *testing.T) {
	t.Parallel()
	for _, v := range schematest.Values() {
		if s := describe(t, reflect.TypeOf(v).Elem()); strings.Contains(s, `"additionalProperties":false`) {
			t.Errorf("%T: %s", v, s)
		}
	}
}

// TestNames: names in $defs have no import path, and those that clash have a number in the order in which they are met,
// whatever the order of the fields.
func TestNames(t *testing.T) {
	t.Parallel()
	type Local struct{ X *int }
	type holder[T any] struct{ V T }
	for _, tt := range []struct {
		value any
		want  string
	}{
		{schematest.Page[schematest.Base]{}, "Base Page_Base"},
		{schematest.Page[map[string][]*other.Base]{}, "Base Page_map_string_Base"},
		{schematest.Pair[string, schematest.Page[schematest.Base]]{}, "Base Page_Base Pair_string_Page_Base"},
		{holder[Local]{}, "Local holder_Local"},
		{struct {
			B other.Base
			A schematest.Base
		}{}, "Base Base_2"},
		{struct{}{}, ""},
		{schematest.Deep{}, "Deep"},
		{[]schematest.Tree{}, "Tree"},
		{schematest.Egg{}, "Chicken Egg"},
	} {
		var s struct {
			Defs map[string]any `json:"$defs"`
		}
		if err := json.Unmarshal([]byte(describe(t, reflect.TypeOf(tt.value))), &s); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(sortedKeys(s.Defs), " "); got != tt.want {
			t.Errorf("%T: %q, want %q", tt.value, got, tt.want)
		}
	}
	type order struct {
		A schematest.Base
		B other.Base
	}
	first := describe(t, reflect.TypeFor[order]())
	{
		type order struct {
			B other.Base
			A schematest.Base
		}
		if diff := cmp.Diff(first, describe(t, reflect.TypeFor[order]())); diff != "" {
			t.Errorf("another order of the fields (-want +got):\n%s", diff)
		}
	}
}

// TestSameBytes: neither the run nor the import path changes anything.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	want := describe(t, reflect.TypeFor[schematest.Tree]())
	for range 100 {
		if got := describe(t, reflect.TypeFor[other.Tree]()); got != want {
			t.Fatalf("%s\nwant %s", got, want)
		}
	}
}

// broken describes itself wrongly.
type broken struct{ A string }

func (broken) JSONSchema() json.RawMessage { return json.RawMessage(`nothing`) }

type nothing struct{ A string }

func (nothing) JSONSchema() json.RawMessage { return json.RawMessage(`null`) }

type panics struct{ A string }

func (*panics) JSONSchema() json.RawMessage { panic("no") }

type defines struct{ A string }

func (defines) JSONSchema() json.RawMessage { return json.RawMessage(`{"$defs":{}}`) }

// lent has the method of what it embeds, which says nothing of the struct.
type lent struct {
	schematest.Color
	More int
}

type endless *endless

func TestWhatCannotBeDescribed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string
	}{
		{one[chan int]{}, ".X: chan int cannot be described"},
		{one[[]map[string]func()]{}, ".X[][]: func() cannot be described"},
		{one[endless]{}, ".X: schema_test.endless is a pointer to itself"},
		{one[broken]{}, ".X: JSONSchema of schema_test.broken: invalid"},
		{one[nothing]{}, ".X: JSONSchema of schema_test.nothing: want an object"},
		{one[panics]{}, ".X: JSONSchema of schema_test.panics panicked: no"},
		{one[defines]{}, ".X: JSONSchema of schema_test.defines: it has $defs"},
		{struct {
			X int `enum:"a"`
		}{}, `.X: tag enum "a": want JSON`},
		{struct {
			X int `enum:"1.5"`
		}{}, `.X: tag enum "1.5": want a value of type integer`},
		{struct {
			X schematest.Base `enum:"a"`
		}{}, `.X: tag enum "a": only text and numbers`},
		{struct {
			X []byte `enum:"a"`
		}{}, `.X: tag enum "a": only text and numbers`},
		{struct {
			X bool `example:"1"`
		}{}, `.X: tag example "1": want a value of type boolean`},
		{struct {
			X []int `example:"{}"`
		}{}, `.X: tag example "{}": want a value of type array`},
		{struct {
			X any `example:"a b"`
		}{}, `.X: tag example "a b": want JSON`},
	} {
		_, err := schema.Of(reflect.TypeOf(tt.value), schema.JSON())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%T: %v, want %q", tt.value, err, tt.want)
		}
	}
	if s := describe(t, reflect.TypeFor[lent]()); !strings.Contains(s, `"More"`) {
		t.Errorf("a method that an embedded type lends counts: %s", s)
	}
}
