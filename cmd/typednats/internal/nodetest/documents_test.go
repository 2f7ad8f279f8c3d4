package nodetest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/asyncapi"
	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/jsonschema"
	"github.com/typednats/typednats/cmd/typednats/internal/markdown"
)

// inventorySet returns the contracts of the example.
func inventorySet(t *testing.T) endpoints.Set {
	t.Helper()
	set, err := endpoints.ReadFile("../../../../examples/inventory/stock/testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// strangeSets returns contracts with texts by which a stranger could try something.
func strangeSets(t *testing.T, texts []string) []endpoints.Set {
	t.Helper()
	var sets []endpoints.Set
	for i, text := range texts {
		set, err := endpoints.NewSet(text, strangeDocument(t, fmt.Sprint("e", i), text))
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	return sets
}

// TestAsyncAPI has documents read by the parser of AsyncAPI, which finds nothing to complain about.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "asyncapi.js")
	texts := []string{"__proto__", "constructor", "hasOwnProperty", "~1/%2F", "#/$defs/x", "{x}", "\\\"", "a\nb", "名前", "-1", "", "$ref"} // the parser takes its time
	for _, tt := range []struct {
		name string
		sets []endpoints.Set
	}{
		{"inventory", []endpoints.Set{inventorySet(t)}},
		{"shop", []endpoints.Set{shopSet(t)}},
		{"both", []endpoints.Set{shopSet(t), inventorySet(t), shopSet(t)}},
		{"strange", strangeSets(t, texts)},
		{"references", []endpoints.Set{references(t)}},
	} {
		text, err := asyncapi.Document(tt.name, "1.2.3", tt.sets)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, tt.name+".json", string(text))
		if tt.name == "shop" {
			golden(t, "testdata/shop.asyncapi.json", string(text))
		}
	}
	out, err := run(t, dir, nil, "node", "asyncapi.js", "shop.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	golden(t, "testdata/asyncapi.txt", out)
	out, err = run(t, dir, nil, "node", "asyncapi.js", "inventory.json", "both.json", "strange.json", "references.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	operations := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "receive ") {
			t.Error(line)
		}
		operations++
	}
	if want := 1 + len(texts) + 4 + 4 + 2*len(shop.Endpoints()); operations != want {
		t.Errorf("%d operations, want %d", operations, want)
	}
}

// references returns a contract whose values would make a parser read other files, if it took them for references.
func references(t *testing.T) endpoints.Set {
	t.Helper()
	const ref = `{"$ref":"file:///etc/hostname"}`
	set, err := endpoints.Read("references", "the test", strings.NewReader(`{"typednats":1,"name":"e","subject":"e",
		"examples":[{"request":{"a":[`+ref+`]},"reply":`+ref+`}],
		"request":{"type":"object","default":`+ref+`,"examples":[`+ref+`,1],"required":["$ref"],"properties":{"$ref":{"type":"string"},
			"b":{"enum":[`+ref+`]},"c":{"const":`+ref+`},"d":{"pattern":`+ref+`,"$dynamicRef":"#x","if":`+ref+`},"e":`+ref+`}},
		"reply":`+ref+`}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := asyncapi.Document("references", "1", []endpoints.Set{set})
	if err != nil || strings.Contains(string(text), "hostname") {
		t.Errorf("%v\n%s", err, text)
	}
	return set
}

// TestJSONSchema checks values with a validator of JSON Schema: what Go writes is valid, and what it would not write is not.
func TestJSONSchema(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "schemas.js")
	type aCase struct {
		File  string `json:"file"`
		Value any    `json:"value"`
		Valid bool   `json:"valid"`
	}
	var cases []aCase
	add := func(file, member string, valid bool, value any) {
		cases = append(cases, aCase{File: file, Value: map[string]any{member: value}, Valid: valid})
	}
	for _, set := range append(strangeSets(t, nasty), shopSet(t)) {
		for _, e := range set.Endpoints {
			name, text, err := jsonschema.Of(e)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, name, string(text))
			add(name, "other", true, nil)
			if e.Name == "place" && e.Label == "place" {
				golden(t, "testdata/place.json", string(text))
			}
		}
	}
	o := order{Customer: "ann", Lines: []line{{Item: "nut"}}, Size: "small", Tree: &tree{Children: []tree{{Name: "leaf"}}}}
	add("place.json", "request", true, o)
	add("place.json", "request", true, order{Size: "large"})
	add("place.json", "request", false, order{Size: "medium"})
	add("place.json", "request", false, map[string]any{"customer": 1})
	add("place.json", "request", false, nil)
	add("place.json", "reply", true, receipt{Order: o, Back: map[string]*order{"a": nil, "b": &o}})
	add("place.json", "reply", false, o)
	add("place.json", "errors", true, map[string]any{"noItem": noItem{}, "SoldOut": soldOut{}, "closed": closed{}})
	add("place.json", "errors", false, map[string]any{"noItem": soldOut{}})
	add("find.json", "request", true, "text")
	add("find.json", "request", false, 1)
	add("find.json", "reply", true, nil)
	add("count.json", "reply", false, map[string]any{"id": 1.5})
	data, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "cases.json", string(data))
	if out, err := run(t, dir, nil, "node", "schemas.js"); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPython makes classes for Python, and compiles them and the program of the guide that uses them.
func TestPython(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "call.py")
	for _, e := range inventorySet(t).Endpoints {
		if e.Label != "v1-check" {
			continue
		}
		name, text, err := jsonschema.Of(e)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(text))
		out, err := run(t, dir, nil, "quicktype", "--src-lang", "schema", "--lang", "python", "--python-version", "3.7", name, "-o", "check.py")
		if err != nil {
			t.Fatalf("quicktype: %v\n%s", err, out)
		}
	}
	classes, err := os.ReadFile(filepath.Join(dir, "check.py")) //nolint:gosec // it is the test's own
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(classes)) {
		if name, ok := strings.CutPrefix(line, "class "); ok {
			names = append(names, strings.TrimSuffix(name, ":\n"))
		}
	}
	want := []string{"InvalidRequest", "NotFound", "Errors", "CheckReply", "CheckRequest", "Check"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("the classes are not compiled: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-m", "py_compile", "check.py", "call.py") //nolint:gosec // it is python3
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/shop.md", string(markdown.Page("shop", []endpoints.Set{shopSet(t)})))
}
