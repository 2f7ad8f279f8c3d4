package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

// nested returns JSON with so many arrays or objects in each other.
func nested(open, closing string, depth int) string {
	return strings.Repeat(open, depth) + strings.Repeat(closing, depth)
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	with := func(members string) string {
		return `{"typednats":1,"name":"a","subject":"a",` + members + `}`
	}
	for _, test := range []struct{ document, want string }{
		{``, "contract: unexpected EOF"},
		{`{`, "contract: unexpected EOF"},
		{`{"a"`, "contract: unexpected EOF"},
		{`{"a":1,"a":2}`, `contract: "a" stands twice in one object`},
		{`{} {}`, "contract: something follows the JSON value"},
		{`[]`, "contract: is an array and not an object"},
		{`null`, "contract: is null and not an object"},
		{`{}`, "contract: typednats: is missing: this is no contract document"},
		{`{"typednats":2}`, "contract: typednats: is version 2 of the format, and this program knows version 1"},
		{`{"typednats":"1"}`, "contract: typednats: is not a whole number between 1 and 2147483647"},
		{`{"typednats":1}`, "contract: name: \"\" is not a name: letters, digits, - and _\ncontract: subject: \"\" is not a subject"},
		{with(`"name2":1`), ""},
		{with(`"description":1`), "contract: description: is a number and not a string"},
		{with(`"idempotent":"yes"`), "contract: idempotent: is a string and not a boolean"},
		{with(`"timeout_ms":1.5`), "contract: timeout_ms: is not a whole number between 0 and 9007199254740992"},
		{with(`"timeout_ms":-1`), "contract: timeout_ms: is not a whole number between 0 and 9007199254740992"},
		{with(`"queue_group":true`), "contract: queue_group: is a boolean and not a string"},
		{with(`"content_types":"a"`), "contract: content_types: is a string and not an array"},
		{with(`"content_types":["a",1]`), "contract: content_types[1]: is a number and not a string"},
		{with(`"content_types":["a","a"]`), "contract: content_types: has one that is empty, or there twice"},
		{with(`"examples":[1]`), "contract: examples[0]: is a number and not an object"},
		{with(`"errors":[{"tag":"A"},{"tag":"B","aliases":["A"]}]`), "contract: errors: has a tag that is empty, or there twice"},
		{with(`"errors":[{}]`), "contract: errors: has a tag that is empty, or there twice"},
		{with(`"errors":[{"tag":"A","code":-1}]`), "contract: errors[0].code: is not a whole number between 0 and 2147483647"},
		{with(`"errors":[{"tag":"A","schema":{"type":1}}]`), "contract: errors[0].schema.type: has something that is no type of JSON Schema"},
		{with(`"variants":{"a/b":{"reply":1}}`), `contract: variants["a/b"].reply: is a number and not an object`},
		{with(`"request":1`), "contract: request: is a number and not an object"},
		{with(`"request":{"type":[]}`), "contract: request.type: is empty"},
		{with(`"request":{"type":["string","file"]}`), "contract: request.type: has something that is no type of JSON Schema"},
		{with(`"request":{"properties":{"a b":{"anyOf":[{},{"minimum":"1"}]}}}`), `contract: request.properties["a b"].anyOf[1].minimum: is a string and not a number`},
		{with(`"request":{"anyOf":[]}`), "contract: request.anyOf: is empty"},
		{with(`"request":{"minItems":-1}`), "contract: request.minItems: is not a whole number between 0 and 2147483647"},
		{with(`"request":{"items":[{}]}`), "contract: request.items: is an array and not an object"},
		{with(`"request":{"required":"a"}`), "contract: request.required: is a string and not an array"},
		{with(`"request":{"items":{"$ref":"#/$defs/A"}}`), `contract: request.items: there is no definition "A"`},
		{with(`"request":{"x-keys":{"$ref":"#/$defs/A"}}`), `contract: request.x-keys: there is no definition "A"`},
		{with(`"$defs":{"A":{"$ref":"#/$defs/B"}}`), `contract: $defs.A: there is no definition "B"`},
		{with(`"$defs":{"A":{"$ref":"#/$defs/A"}}`), "contract: $defs.A: refers to itself and never to a schema"},
		{with(`"$defs":{"A":{"$ref":"#/$defs/B"},"B":{"$ref":"#/$defs/A"}}`), "contract: $defs.A: refers to itself and never to a schema"},
		{with(`"$defs":{"A":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/A"}]}}`), "contract: $defs.A: refers to itself and never to a schema"},
		{with(`"$defs":{"B":{"items":{"anyOf":[{"$ref":"#/$defs/A"}]}},"A":{"properties":{"x":{"$ref":"#/$defs/B"}}}}`), ""},
		{with(`"$defs":{"A":{"anyOf":[{"type":"null"},{"items":{"$ref":"#/$defs/A"}}]}}`), ""},
		{with(`"x":` + nested("[", "]", 63)), ""},
		{with(`"x":` + nested("[", "]", 64)), "contract: nested more than 64 deep"},
		{with(`"x":` + nested(`{"a":`, "}", 100_000)), "contract: nested more than 64 deep"},
		{with(`"x":"` + strings.Repeat("x", 1<<20) + `"`), "contract: larger than 1 MiB"},
	} {
		_, err := contract.Parse([]byte(test.document))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%.100s:\ngot  %s\nwant %s", test.document, got, test.want)
		}
	}
	for _, subject := range []string{"", ".", "a.", ".a", "a..b", "a b", "a.>.b", "a*", "a.b>", "a\tb", "a\xff"} {
		d := contract.Document{Name: "a", Subject: subject}
		if d.Validate() == nil {
			t.Errorf("the subject %q is valid", subject)
		}
	}
	for _, subject := range []string{"a", "a.b", "*", ">", "a.*.c", "a.>", "é"} {
		d := contract.Document{Name: "a", Subject: subject}
		if err := d.Validate(); err != nil {
			t.Errorf("the subject %q: %v", subject, err)
		}
	}
}

// TestValidate: what only a program can do wrong that makes a document by hand.
func TestValidate(t *testing.T) {
	t.Parallel()
	endless := &contract.Schema{Types: []contract.Type{contract.Array}}
	endless.Items = endless
	deep := &contract.Schema{}
	for range 40 {
		deep = &contract.Schema{Properties: map[string]*contract.Schema{"a": deep}}
	}
	for _, test := range []struct {
		change func(d *contract.Document)
		want   string
	}{
		{func(*contract.Document) {}, ""},
		{func(d *contract.Document) { d.Timeout = -1 }, "contract: timeout_ms: is negative"},
		{func(d *contract.Document) { d.Errors = []contract.Error{{Tag: "A", Code: -1}} }, "contract: errors[0].code: is negative"},
		{func(d *contract.Document) { d.Request = endless }, "nested more than 64 deep"},
		{func(d *contract.Document) { d.Request = deep }, "contract: nested more than 64 deep"},
		{func(d *contract.Document) { d.Reply = &contract.Schema{Const: []byte("{")} }, "contract: reply: has a value that is not JSON"},
		{func(d *contract.Document) { d.Examples = []contract.Example{{Request: []byte("{")}} }, "contract: has an example or a member that is not JSON"},
		{func(d *contract.Document) { d.Description = strings.Repeat("x", 1<<20) }, "contract: larger than 1 MiB"},
	} {
		d := contract.Document{Name: "a", Subject: "a"}
		test.change(&d)
		err := d.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if findings := contract.Fits(*endless, *endless); len(findings) > 0 {
		t.Errorf("a schema that contains itself does not fit itself: %v", findings)
	}
}

// soon fails if something takes long. The bounds allow for a machine that is busy: none of this takes a second.
func soon(t *testing.T, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// cycle returns a schema that comes back to itself after so many steps, with a last step that differs.
func cycle(t *testing.T, steps int, last string) contract.Schema {
	t.Helper()
	defs := make([]string, steps)
	for i := range steps {
		defs[i] = fmt.Sprintf(`"D%d":{"type":"object","properties":{"a":{"$ref":"#/$defs/D%d"}}}`, i, (i+1)%steps)
	}
	defs[steps-1] = fmt.Sprintf(`"D%d":{"type":"object","properties":{"a":{"$ref":"#/$defs/D0"},"z":%s}}`, steps-1, last)
	return schema(t, `{"$ref":"#/$defs/D0","$defs":{`+strings.Join(defs, ",")+`}}`)
}

// TestFitsEnds: whatever two documents are, comparing them ends soon, and says so if that was too soon.
func TestFitsEnds(t *testing.T) {
	t.Parallel()
	t.Run("recursion of two lengths", func(t *testing.T) {
		t.Parallel()
		want := []string{"always: breaking type " + "…" + strings.Repeat(".a", 63) + ".z"}
		got := briefs(contract.Fits(cycle(t, 101, `{"type":"string"}`), cycle(t, 97, `{"type":"null"}`)))
		if diff := cmp.Diff(want[0][len(want[0])-4:], got[0][len(got[0])-4:]); diff != "" || len(got) < 1 {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("recursion of two great lengths", func(t *testing.T) {
		t.Parallel()
		soon(t, func() {
			got := briefs(contract.Fits(cycle(t, 509, `{"type":"string"}`), cycle(t, 503, `{"type":"string"}`)))
			if !slices.Contains(got, "always: warning limit") {
				t.Errorf("no limit was found: %v", got)
			}
		})
	})
	t.Run("alternatives of alternatives", func(t *testing.T) {
		t.Parallel()
		// Without care, each level doubles the alternatives.
		doubling := func(scalar string) contract.Schema {
			defs := []string{`"D0":` + object("a*:"+scalar)}
			for i := range 200 {
				defs = append(defs, fmt.Sprintf(`"D%d":{"anyOf":[{"$ref":"#/$defs/D%d"},{"$ref":"#/$defs/D%d"},%s]}`,
					i+1, i, i, object(fmt.Sprintf("a*:{\"$ref\":\"#/$defs/D%d\"}", i), fmt.Sprintf("b*:{\"$ref\":\"#/$defs/D%d\"}", i))))
			}
			return schema(t, `{"$ref":"#/$defs/D200","$defs":{`+strings.Join(defs, ",")+`}}`)
		}
		soon(t, func() {
			if got := contract.Fits(doubling(`{"type":"string"}`), doubling(`{"type":"null"}`)); len(got) == 0 {
				t.Error("nothing was found")
			}
		})
		soon(t, func() {
			for _, f := range contract.Fits(doubling(`{"type":"string"}`), doubling(`{"type":"string"}`)) {
				if f.Level == contract.Breaking {
					t.Errorf("a schema does not fit itself: %v", f)
				}
			}
		})
	})
	t.Run("long lists", func(t *testing.T) {
		t.Parallel()
		values := make([]string, 20_000)
		for i := range values {
			values[i] = fmt.Sprint(i)
		}
		constants := make([]string, 2_000)
		for i := range constants {
			constants[i] = fmt.Sprintf(`{"const":%d,"pattern":""}`, i)
		}
		list := `{"enum":[` + strings.Join(values, ",") + `]}`
		alternatives := `{"anyOf":[` + strings.Join(constants, ",") + `]}`
		soon(t, func() {
			contract.Fits(schema(t, list), schema(t, list))
			contract.Fits(schema(t, list), schema(t, alternatives))
			contract.Fits(schema(t, alternatives), schema(t, list))
			contract.Fits(schema(t, alternatives), schema(t, alternatives))
		})
	})
	t.Run("many errors", func(t *testing.T) {
		t.Parallel()
		many := func(prefix string) contract.Document {
			errors := make([]string, 1_000)
			types := make([]string, 500)
			for i := range errors {
				errors[i] = fmt.Sprintf(`{"tag":"%s%d","code":404,"schema":{"type":"object"}}`, prefix, i)
			}
			for i := range types {
				types[i] = fmt.Sprintf("a/b%d", i)
			}
			return document(t, `"errors":[`+strings.Join(errors, ",")+`],"content_types":["`+strings.Join(types, `","`)+`"]`)
		}
		soon(t, func() {
			contract.Diff(many("a"), many("b"))
			contract.Diff(many("a"), many("a"))
		})
	})
}

// TestFindingsAreBounded: no document makes a list of findings that nobody reads to its end, and none hides what breaks
// behind what does not.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	var written, read []string
	for i := range 1000 {
		written = append(written, fmt.Sprintf("a%d:{}", i), fmt.Sprintf("b%d:%s", i, str))
		read = append(read, fmt.Sprintf("a%d:%s", i, str), fmt.Sprintf("b%d:%s", i, i32))
	}
	counts := map[string]int{}
	for _, f := range contract.Fits(schema(t, object(written...)), schema(t, object(read...))) {
		counts[f.Level.String()+" "+string(f.Rule)]++
	}
	want := map[string]int{"breaking type": 100, "breaking limit": 1, "warning opaque": 100, "warning limit": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFindingsAreText: what a stranger wrote does not reach a terminal as he wrote it, nor at any length.
func TestFindingsAreText(t *testing.T) {
	t.Parallel()
	const evil = `\u001b[2J\n\u202e`
	long := strings.Repeat("x", 10_000)
	d := document(t, `"deprecated":"`+evil+long+`","content_types":["`+evil+`"],"request":`+object("n"+evil+"*:{\"const\":\""+evil+long+"\"}")+
		`,"reply":{"type":"string","`+evil+long+`":1,"format":"`+evil+`"},"errors":[{"tag":"`+evil+long+`"}]`)
	other := document(t, `"request":`+object("n"+evil+"*:{\"const\":1}")+`,"reply":{"type":"string"}`)
	findings := slices.Concat(contract.Fits(schema(t, `{"contentMediaType":"`+evil+`","format":"`+evil+long+`"}`), schema(t, str)), contract.Diff(d, other), contract.Diff(other, d), contract.Meet(other, d), contract.Meet(d, other))
	if len(findings) < 10 {
		t.Errorf("only %d findings", len(findings))
	}
	for _, f := range findings {
		if text := f.String(); strings.ContainsAny(text, "\x1b\n\u202e") || len(text) > 1000 {
			t.Errorf("%q", text)
		}
	}
}
