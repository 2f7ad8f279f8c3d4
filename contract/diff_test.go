package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

// document makes a document of an endpoint whose request, reply and error have one schema, as far as they are there.
func document(t *testing.T, members string) contract.Document {
	t.Helper()
	if members != "" {
		members = "," + members
	}
	base := `{"typednats":1,"name":"reserve"` + members
	if !strings.Contains(members, `"subject"`) {
		base += `,"subject":"warehouse.reserve"`
	}
	if !strings.Contains(members, `"content_types"`) {
		base += `,"content_types":["application/json"]`
	}
	d, err := contract.Parse([]byte(base + "}"))
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return d
}

// brief is a finding without its words.
func brief(f contract.Finding) string {
	rollout := string(f.Rollout)
	if rollout == "" {
		rollout = "always"
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", rollout, f.Level, f.Rule, f.Path))
}

func briefs(findings []contract.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, brief(f))
	}
	return list
}

// object returns the schema of an object with the properties, of which those with a * are required.
func object(properties ...string) string {
	var named, required []string
	for _, p := range properties {
		name, schema, _ := strings.Cut(p, ":")
		if bare, ok := strings.CutSuffix(name, "*"); ok {
			name = bare
			required = append(required, fmt.Sprintf("%q", name))
		}
		named = append(named, fmt.Sprintf("%q:%s", name, schema))
	}
	return fmt.Sprintf(`{"type":"object","properties":{%s},"required":[%s]}`, strings.Join(named, ","), strings.Join(required, ","))
}

const (
	str = `{"type":"string"}`
	i32 = `{"type":"integer","minimum":-2147483648,"maximum":2147483647}`
	i64 = `{"type":"integer","format":"int64"}`
	u64 = `{"type":"integer","format":"uint64"}`
	f32 = `{"type":"number","format":"float"}`
	f64 = `{"type":"number","format":"double"}`
	tim = `{"type":"string","format":"date-time"}`
	b64 = `{"type":"string","contentEncoding":"base64"}`
	all = `{}`
)

// TestDiffBodies has the rows of the table in the package documentation: what a change of a schema does to a request
// and to a reply. The same holds for errors.
func TestDiffBodies(t *testing.T) {
	t.Parallel()
	optional := object("a*:"+str, "b:"+str)
	required := object("a*:"+str, "b*:"+str)
	without := object("a*:" + str)
	of := func(schema string) string { return object("a*:" + schema) }
	for _, test := range []struct {
		name           string
		old, changed   string
		request, reply []string // ? stands for the path to the body
	}{
		{"optional member added", without, optional, []string{"client first: warning ignored ?.b"}, nil},
		{"optional member removed", optional, without, []string{"service first: warning ignored ?.b"}, nil},
		{
			"required member added", without, required,
			[]string{"service first: breaking required ?.b", "client first: warning ignored ?.b"},
			[]string{"client first: breaking required ?.b"},
		},
		{
			"required member removed", required, without,
			[]string{"client first: breaking required ?.b", "service first: warning ignored ?.b"},
			[]string{"service first: breaking required ?.b"},
		},
		{
			"optional becomes required", optional, required,
			[]string{"service first: breaking required ?.b"}, []string{"client first: breaking required ?.b"},
		},
		{
			"required becomes optional", required, optional,
			[]string{"client first: breaking required ?.b"}, []string{"service first: breaking required ?.b"},
		},
		{
			"renamed", object("a*:" + str), object("b*:" + str),
			[]string{
				"client first: breaking required ?.a", "service first: breaking required ?.b",
				"service first: warning ignored ?.a", "client first: warning ignored ?.b",
			},
			[]string{"service first: breaking required ?.a", "client first: breaking required ?.b"},
		},
		{"other capitals", object("ab:" + str), object("aB:" + str), []string{
			"client first: warning case ?.aB", "client first: warning ignored ?.aB",
			"service first: warning case ?.ab", "service first: warning ignored ?.ab",
		}, []string{"service first: warning case ?.aB", "client first: warning case ?.ab"}},
		widened("int32 to int64", i32, i64, "range"),
		widened("bounds", `{"type":"integer","minimum":0,"maximum":9}`, `{"type":"integer","minimum":0,"maximum":10}`, "range"),
		widened("lower bound", `{"type":"integer","minimum":1,"maximum":9}`, `{"type":"integer","minimum":0,"maximum":9}`, "range"),
		widened("integer to number", i32, `{"type":"number"}`, "type"),
		widened("int32 to double", i32, f64, "type"),
		widened("float to double", f32, f64, "range"),
		widened("uint8 to int16", `{"type":"integer","format":"uint8"}`, `{"type":"integer","format":"int16"}`, "range"),
		widened("null", str, `{"type":["string","null"]}`, "null"),
		widened("null beside a reference", `{"$ref":"#/$defs/A"}`, `{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}`, "null"),
		widened("enum", `{"type":"string","enum":["x"]}`, `{"type":"string","enum":["x","y"]}`, "enum"),
		widened("enum to any text", `{"type":"string","enum":["x"]}`, str, "enum"),
		widened("const to enum", `{"const":"x"}`, `{"enum":["y","x"]}`, "enum"),
		widened("another type besides", str, `{"type":["string","boolean"]}`, "type"),
		widened("longer arrays", `{"type":"array","items":{},"maxItems":2}`, `{"type":"array","items":{},"maxItems":3}`, "length"),
		widened("shorter arrays", `{"type":"array","minItems":2}`, `{"type":"array","minItems":1}`, "length"),
		widened("a closed object opens", `{"type":"object","additionalProperties":false}`, `{"type":"object","properties":{"x":{}},"additionalProperties":false}`, "closed", ".x"),
		{
			"int64 to double", of(i64), of(f64),
			[]string{"client first: breaking type ?.a", "service first: warning rounding ?.a"},
			[]string{"service first: breaking type ?.a", "client first: warning rounding ?.a"},
		},
		{
			"int64 to number", of(i64), of(`{"type":"number"}`),
			[]string{"client first: breaking type ?.a", "service first: warning rounding ?.a"},
			[]string{"service first: breaking type ?.a", "client first: warning rounding ?.a"},
		},
		{"number to double", of(`{"type":"number"}`), of(f64), []string{"service first: warning rounding ?.a"}, []string{"client first: warning rounding ?.a"}},
		same("int64 to uint64", of(i64), of(u64), "always: breaking range ?.a"),
		same("type", of(str), of(i32), "always: breaking type ?.a"),
		same("object to array", of(`{"type":"object"}`), of(`{"type":"array"}`), "always: breaking type ?.a"),
		same("format", of(str), of(tim), "always: breaking format ?.a"),
		same("other format", of(`{"type":"string","format":"uuid"}`), of(`{"type":"string","format":"email"}`), "always: breaking format ?.a"),
		same("encoding", of(str), of(b64), "always: breaking encoding ?.a"),
		same("array length", of(`{"type":"array","minItems":2,"maxItems":2}`), of(`{"type":"array","minItems":3,"maxItems":3}`), "always: breaking length ?.a"),
		same("raw to json", `{"contentMediaType":"application/octet-stream"}`, of(str), "always: breaking encoding ?"),
		same("raw to anything", `{"contentMediaType":"application/octet-stream"}`, all, "always: breaking encoding ?"),
		same("raw to other raw", `{"contentMediaType":"text/plain"}`, `{"contentMediaType":"image/png"}`, "always: breaking encoding ?"),
		same("nothing new in raw", `{"contentMediaType":"text/plain"}`, `{"contentMediaType":"text/plain"}`),
		{"to opaque", of(str), of(all), []string{"client first: warning opaque ?.a"}, []string{"service first: warning opaque ?.a"}},
		{"from opaque", of(all), of(str), []string{"service first: warning opaque ?.a"}, []string{"client first: warning opaque ?.a"}},
		{
			"a keyword that is not compared", of(str), of(`{"type":"string","pattern":"^x"}`),
			[]string{"service first: warning keyword ?.a"}, []string{"client first: warning keyword ?.a"},
		},
		{
			"a format that is not compared", of(str), of(`{"type":"string","format":"uuid"}`),
			[]string{"service first: warning format ?.a"}, []string{"client first: warning format ?.a"},
		},
		same("the same keyword", of(`{"type":"string","pattern":"^x"}`), of(`{"type":"string","pattern":"^x"}`)),
		same("a keyword of another program", of(str), of(`{"type":"string","x-go":"y"}`)),
		same("words", of(str), of(`{"type":"string","description":"d","title":"t","examples":[1],"default":2,"deprecated":true}`)),
		same("element of an array", of(`{"type":"array","items":`+str+`}`), of(`{"type":"array","items":`+i32+`}`), "always: breaking type ?.a[]"),
		same("value of a map", of(`{"type":"object","additionalProperties":`+str+`}`), of(`{"type":"object","additionalProperties":`+i32+`}`), "always: breaking type ?.a{}"),
		{
			"map to struct", `{"type":"object","additionalProperties":` + str + `}`, object("a:" + i32),
			[]string{"always: breaking type ?.a", "service first: warning ignored ?{}"}, []string{"always: breaking type ?.a"},
		},
		same("recursion", `{"$ref":"#/$defs/Tree"}`, `{"$ref":"#/$defs/Tree2"}`, "always: breaking type ?.value"),
		same("the same recursion", `{"$ref":"#/$defs/Tree"}`, `{"$ref":"#/$defs/Tree3"}`),
		{
			"an alternative more", `{"anyOf":[` + object("k*:{\"const\":1}", "x*:"+str) + `]}`,
			`{"anyOf":[` + object("k*:{\"const\":1}", "x*:"+str) + `,` + object("k*:{\"const\":2}", "y*:"+str) + `]}`,
			[]string{"client first: breaking enum ?.k", "client first: breaking required ?.x", "client first: warning ignored ?.y"},
			[]string{"service first: breaking enum ?.k", "service first: breaking required ?.x"},
		},
		{
			"no alternative fits", object("k*:{\"const\":3}"),
			`{"anyOf":[` + object("k*:{\"const\":1}") + `,` + object("k*:{\"const\":2}") + `]}`,
			[]string{"service first: breaking union ?", "client first: breaking enum ?.k", "client first: breaking enum ?.k"},
			[]string{"client first: breaking union ?", "service first: breaking enum ?.k", "service first: breaking enum ?.k"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			defs := `,"$defs":{"A":{"type":"string"},
				"Tree":{"type":["object","null"],"properties":{"value":{"type":"string"},"left":{"$ref":"#/$defs/Tree"},"right":{"$ref":"#/$defs/Tree"}}},
				"Tree2":{"type":["object","null"],"properties":{"value":{"type":"integer"},"left":{"$ref":"#/$defs/Tree2"},"right":{"$ref":"#/$defs/Tree2"}}},
				"Tree3":{"anyOf":[{"type":"object","properties":{"value":{"type":"string"},"left":{"$ref":"#/$defs/Tree"},"right":{"$ref":"#/$defs/Tree3"}}},{"type":"null"}]}}`
			for _, body := range []struct {
				path, format string
				want         []string
			}{
				{"request", `"request":%s`, test.request},
				{"reply", `"reply":%s`, test.reply},
				{"errors.Gone", `"errors":[{"tag":"Gone","schema":%s}]`, test.reply},
			} {
				got := contract.Diff(
					document(t, fmt.Sprintf(body.format, test.old)+defs), document(t, fmt.Sprintf(body.format, test.changed)+defs))
				var want []string
				for _, f := range body.want {
					want = append(want, strings.Replace(f, "?", body.path, 1))
				}
				if diff := cmp.Diff(want, briefs(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", body.path, diff)
				}
				for _, f := range got {
					t.Log(f)
				}
			}
		})
	}
}

type row = struct {
	name           string
	old, changed   string
	request, reply []string
}

// widened is a change after which a member may have values that the old reader does not take.
func widened(name, old, changed, rule string, below ...string) row {
	path := "?.a" + strings.Join(below, "")
	return row{
		name: name + " widened", old: object("a*:" + old), changed: object("a*:" + changed),
		request: []string{"client first: breaking " + rule + " " + path}, reply: []string{"service first: breaking " + rule + " " + path},
	}
}

// same is a change that hurts in each direction, or in none.
func same(name, old, changed string, findings ...string) row {
	return row{name: name, old: old, changed: changed, request: findings, reply: findings}
}
