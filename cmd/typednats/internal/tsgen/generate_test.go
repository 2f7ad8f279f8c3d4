package tsgen_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/tsgen"
)

// set reads contracts.
func set(t *testing.T, name, text string) endpoints.Set {
	t.Helper()
	s, err := endpoints.Read(name, "the test", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func generate(t *testing.T, int64s tsgen.Int64, sets ...endpoints.Set) string {
	t.Helper()
	file, err := tsgen.Generate(sets, int64s)
	if err != nil {
		t.Fatal(err)
	}
	return string(file.Text)
}

// definition returns what is written for the definition T of a schema.
func definition(t *testing.T, int64s tsgen.Int64, schema string) string {
	t.Helper()
	text := generate(t, int64s, set(t, "test", `{"typednats":1,"name":"e","subject":"e","reply":{"$ref":"#/$defs/T"},
		"$defs":{"T":`+schema+`,"Leaf":{"type":"object","properties":{"t":{"$ref":"#/$defs/T"}}}}}`))
	for _, start := range []string{"export type T =", "export interface T "} {
		if _, rest, ok := strings.Cut(text, start); ok {
			rest, _, _ = strings.Cut(rest, "\n\n")
			return strings.TrimSuffix(strings.TrimSpace(rest), ";")
		}
	}
	t.Fatalf("there is no T in\n%s", text)
	return ""
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, schema, want, bigint string }{
		{name: "anything", schema: `{}`, want: "unknown"},
		{name: "true", schema: `true`, want: "unknown"},
		{name: "nothing", schema: `false`, want: "never"},
		{name: "text", schema: `{"type":"string"}`, want: "string"},
		{name: "flag or null", schema: `{"type":["null","boolean"]}`, want: "boolean | null"},
		{name: "int64", schema: `{"type":"integer","format":"int64"}`, want: "number", bigint: "bigint"},
		{name: "uint64", schema: `{"type":"integer","format":"uint64","minimum":0}`, want: "number", bigint: "bigint"},
		{name: "an integer without bounds", schema: `{"type":["integer","null"]}`, want: "number | null", bigint: "bigint | null"},
		{name: "int32", schema: `{"type":"integer","minimum":-2147483648,"maximum":2147483647}`, want: "number"},
		{name: "a format of few bits", schema: `{"type":"integer","format":"int32"}`, want: "number"},
		{name: "an integer or a number", schema: `{"type":["integer","number"]}`, want: "number"},
		{name: "double", schema: `{"type":"number","format":"double"}`, want: "number"},
		{name: "list", schema: `{"type":"array","items":{"type":"string"}}`, want: "string[]"},
		{name: "list of unions", schema: `{"type":"array","items":{"type":["string","null"]}}`, want: "(string | null)[]"},
		{name: "list of anything", schema: `{"type":"array"}`, want: "unknown[]"},
		{name: "pair", schema: `{"type":"array","items":{"type":["string","null"]},"minItems":2,"maxItems":2}`, want: "[string | null, string | null]"},
		{name: "long array", schema: `{"type":"array","items":{"type":"string"},"minItems":99,"maxItems":99}`, want: "string[]"},
		{name: "map", schema: `{"type":"object","additionalProperties":{"type":"integer"}}`, want: "{ [name: string]: number }", bigint: "{ [name: string]: bigint }"},
		{name: "map of itself", schema: `{"type":"object","additionalProperties":{"$ref":"#/$defs/T"}}`, want: "{ [name: string]: T }"},
		{name: "list of itself", schema: `{"type":"array","items":{"$ref":"#/$defs/T"}}`, want: "T[]"},
		{name: "empty object", schema: `{"type":"object"}`, want: "Record<string, never>"},
		{name: "closed empty object", schema: `{"type":"object","additionalProperties":false}`, want: "Record<string, never>"},
		{name: "object without a type", schema: `{"properties":{"a":true}}`, want: "{\n  a?: unknown;\n}"},
		{name: "array without a type", schema: `{"items":{"type":"string"}}`, want: "string[]"},
		{name: "required and not described", schema: `{"type":"object","required":["b"],"properties":{"a":false}}`, want: "{\n  a?: never;\n  b: unknown;\n}"},
		{
			name: "members and others", schema: `{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}`,
			want:   "{\n  /** integer */\n  a?: number;\n  /** All others are string */\n  [name: string]: unknown;\n}",
			bigint: "{\n  /** integer */\n  a?: bigint;\n  /** All others are string */\n  [name: string]: unknown;\n}",
		},
		{name: "object or null", schema: `{"type":["object","null"],"properties":{"a":{"type":"string"}},"required":["a"]}`, want: "{\n  a: string;\n} | null"},
		{name: "alternatives", schema: `{"anyOf":[{"type":"null"},{"$ref":"#/$defs/Leaf"},{"type":"string"},{"type":"string"}]}`, want: "Leaf | string | null"},
		{name: "alternatives with anything", schema: `{"anyOf":[{"type":"null"},{}]}`, want: "unknown"},
		{name: "a reference to elsewhere", schema: `{"$ref":"https://example.com/x"}`, want: "unknown"},
		{name: "enum", schema: `{"type":["string","null"],"enum":["a","b\"",null]}`, want: `"a" | "b\"" | null`},
		{name: "enum of numbers", schema: `{"type":"integer","format":"int64","enum":[1,-2,1e2]}`, want: "1 | -2 | 100"},
		{name: "enum of large numbers", schema: `{"enum":[9007199254740993,1]}`, want: "number | 1", bigint: "9007199254740993n | 1n"},
		{name: "enum of what it is not", schema: `{"type":"integer","enum":["a",1.5,2]}`, want: "2"},
		{name: "enum of everything", schema: `{"enum":[true,[1,"x"],{"a b":{}},1e999]}`, want: `true | [1, "x"] | { "a b": Record<string, never> } | number`},
		{name: "empty enum", schema: `{"enum":[]}`, want: "never"},
		{name: "const", schema: `{"const":"x"}`, want: `"x"`},
		{name: "a body that is not JSON", schema: `{"contentMediaType":"image/png"}`, want: "unknown"},
		{name: "base64 without a type", schema: `{"contentEncoding":"base64"}`, want: "string"},
		{name: "words", schema: `{"type":"object","properties":{"a":{"type":"string","format":"date-time","description":"when\nit was","examples":["x"],"deprecated":true,"title":"no"}}}`,
			want: "{\n  /**\n   * when\n   * it was (date and time as in RFC 3339)\n   * @example \"x\"\n   * @deprecated\n   */\n  a?: string;\n}"},
		{name: "bounds", schema: `{"type":"object","properties":{"a":{"type":"number","minimum":0.5}}}`, want: "{\n  /** from 0.5 */\n  a?: number;\n}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, definition(t, tsgen.Number, tt.schema)); diff != "" {
				t.Errorf("number (-want +got):\n%s", diff)
			}
			want := tt.want
			if tt.bigint != "" {
				want = tt.bigint
			}
			if diff := cmp.Diff(want, definition(t, tsgen.Bigint, tt.schema)); diff != "" {
				t.Errorf("bigint (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAmbiguousInt64: a union that does not say what an integer is cannot be read with bigints, and is with numbers.
func TestAmbiguousInt64(t *testing.T) {
	t.Parallel()
	const two = `{"typednats":1,"name":"e","subject":"e","reply":{"anyOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/B"}]},
		"$defs":{"A":{"type":"object","properties":{"n":{"type":"integer"}}},"B":{"type":"object","properties":{"n":{"type":"number"}}}}}`
	_, err := tsgen.Generate([]endpoints.Set{set(t, "test", two)}, tsgen.Bigint)
	if err == nil || !strings.Contains(err.Error(), "endpoint e on e: reply: alternatives of the type object") {
		t.Errorf("%v", err)
	}
	generate(t, tsgen.Number, set(t, "test", two))
	for _, plain := range []string{
		`{"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"number"}},{"type":"null"}]}`,
		`{"type":["integer","object","string"],"properties":{"n":{"type":"number"}}}`,
		`{"anyOf":[{"enum":["a"]},{"type":"integer"}]}`,
	} {
		text := generate(t, tsgen.Bigint, set(t, "test", `{"typednats":1,"name":"e","subject":"e","reply":`+plain+`}`))
		if !strings.Contains(text, "      shape: int64,\n") {
			t.Errorf("%s is not read as bigint", plain)
		}
	}
	for _, unclear := range []string{
		`{"anyOf":[{"type":"integer"},{"type":"number"}]}`, `{"anyOf":[{"enum":[1.5]},{"type":"integer"}]}`, `{"anyOf":[{"type":"integer"},{"enum":[1.5]}]}`,
	} {
		_, err := tsgen.Generate([]endpoints.Set{set(t, "test", `{"typednats":1,"name":"e","subject":"e","reply":`+unclear+`}`)}, tsgen.Bigint)
		if err == nil {
			t.Errorf("%s is taken", unclear)
		}
	}
}

// TestNothingToCall: what cannot be called is said where it is used, and to whoever makes the file.
func TestNothingToCall(t *testing.T) {
	t.Parallel()
	const packed = `{"typednats":1,"name":"packed","subject":"a.packed","content_types":["application/msgpack","text/plain"]}`
	if _, err := tsgen.Generate([]endpoints.Set{set(t, "test", packed)}, tsgen.Number); err == nil {
		t.Error("a client that can call nothing is made")
	}
	file, err := tsgen.Generate([]endpoints.Set{set(t, "test", `[`+packed+`,{"typednats":1,"name":"e","subject":"e"}]`)}, tsgen.Number)
	if err != nil {
		t.Fatal(err)
	}
	why := "a.packed accepts application/msgpack, text/plain, and this client sends JSON"
	if diff := cmp.Diff([]string{why}, file.Left); diff != "" {
		t.Errorf("Left (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(file.Text), `  declare readonly packed: "`+why+`";`) {
		t.Errorf("the class does not say so:\n%s", file.Text)
	}
}

// TestNames: what two contracts call the same is one type if it says the same, and two if not; nothing has the name of
// something that the file has itself.
func TestNames(t *testing.T) {
	t.Parallel()
	const same = `"Same":{"type":"object","properties":{"r":{"$ref":"#/$defs/Other"}}}`
	first := set(t, "first set", `[{"typednats":1,"name":"get","subject":"a.get","request":{"$ref":"#/$defs/Same"},"reply":{"$ref":"#/$defs/Result"},
		"errors":[{"tag":"a b"},{"tag":"c","schema":{"type":"object","properties":{"x":true}}}],
		"$defs":{`+same+`,"Other":{"type":"string"},"Result":{"type":"boolean"}}}]`)
	second := set(t, "result", `[{"typednats":1,"name":"get","subject":"b.get","request":{"$ref":"#/$defs/Same"},"reply":{"$ref":"#/$defs/1%2F2"},
		"$defs":{`+same+`,"Other":{"type":"string"},"1/2":{"type":"object","properties":{"self":{"$ref":"#/$defs/1%2F2"}}}}},
		{"typednats":1,"name":"then","subject":"b.then","request":{"$ref":"#/$defs/Same"},"$defs":{`+same+`,"Other":{"type":"integer"}}}]`)
	text := generate(t, tsgen.Number, first, second)
	var declared []string
	for line := range strings.SplitSeq(text, "\n") {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "export" {
			declared = append(declared, words[2])
		}
	}
	want := []string{
		"GetC", "GetErrors", "FirstSet", "ResultClient", "Same", "Other", "Result_2", "_1_2", "Same_2", "Other_2",
		"Result<T,", "Ok<T>", "Failed<E>", "Declared<Tag", "CallOptions", "Requester", "Reason", "ServiceError", "function",
	}
	if diff := cmp.Diff(want, declared); diff != "" {
		t.Errorf("exports (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		"export type GetErrors = Declared<\"a b\", Record<string, never>> | Declared<\"c\", GetC>;",
		"  then_2(request: Same_2, options: CallOptions = {}): Promise<Result<undefined, never>> {",
		"  get(request: Same, options: CallOptions = {}): Promise<Result<_1_2, never>> {",
		"      errors: [{ tags: [\"a b\"], isEmpty: true }, { tags: [\"c\"] }],",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, text)
		}
	}
}

// TestBurdens: contracts that are made to be a burden are none.
func TestBurdens(t *testing.T) {
	t.Parallel()
	chain := func(subject, leaf string) string {
		const long = 500
		var b strings.Builder
		fmt.Fprintf(&b, `{"typednats":1,"name":"e","subject":"%s","reply":{"$ref":"#/$defs/d0"},"$defs":{"d%d":%s`, subject, long, leaf)
		for i := range long {
			fmt.Fprintf(&b, `,"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"type":"object","properties":{"x":{"$ref":"#/$defs/d%d"}}}]}`, i, i+1, i+1)
		}
		return b.String() + "}}"
	}
	var diamond strings.Builder
	diamond.WriteString(`{"typednats":1,"name":"e","subject":"e","reply":{"$ref":"#/$defs/a0"},"$defs":{"a60":{"type":"integer"},"b60":{"type":"string"}`)
	for i := range 60 {
		both := fmt.Sprintf(`{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/b%d"}]}`, i+1, i+1)
		fmt.Fprintf(&diamond, `,"a%d":%s,"b%d":%s`, i, both, i, both)
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf(`{"typednats":1,"name":"e","subject":"%d.%d.e","reply":{"$ref":"#/$defs/T"},"$defs":{"T":{"const":%d}}}`, i%7, i, i))
	}
	for name, text := range map[string]string{
		"a chain":   "[" + chain("e.a", `{"type":"string"}`) + "," + chain("e.b", `{"type":"boolean"}`) + "]",
		"a diamond": diamond.String() + "}}",
		"many":      "[" + strings.Join(many, ",") + "]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			contracts := set(t, "burden", text)
			for _, int64s := range []tsgen.Int64{tsgen.Number, tsgen.Bigint} {
				// That a chain of unions cannot be read with bigints may be said.
				if _, err := tsgen.Generate([]endpoints.Set{contracts}, int64s); err != nil && int64s == tsgen.Number {
					t.Error(err)
				}
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}
