package nodetest_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/tsgen"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/typednatstest"
)

var update = flag.Bool("update", false, "write the golden files")

// shopSet returns the contracts of the shop.
func shopSet(t *testing.T) endpoints.Set {
	t.Helper()
	var docs []contract.Document
	for _, e := range shop.Endpoints() {
		doc, err := e.Contract()
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	set, err := endpoints.NewSet("shop", docs...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// errorID is what a service names an error by that it keeps to itself.
var errorID = regexp.MustCompile(`, id [A-Z0-9]+`)

func generate(t *testing.T, int64s tsgen.Int64, sets ...endpoints.Set) string {
	t.Helper()
	file, err := tsgen.Generate(sets, int64s)
	if err != nil {
		t.Fatal(err)
	}
	return string(file.Text)
}

// golden fails the test unless a text is the one that is kept.
func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		write(t, filepath.Dir(path), filepath.Base(path), text)
	}
	want, err := os.ReadFile(path) //nolint:gosec // it is the test's own
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got), to be written with -update:\n%s", path, diff)
	}
}

// lineDiff returns the lines that differ, with their numbers.
func lineDiff(a, b string) string { return cmp.Diff(strings.Split(a, "\n"), strings.Split(b, "\n")) }

func TestTypeScriptGolden(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/shop.ts", generate(t, tsgen.Number, shopSet(t)))
	golden(t, "testdata/shop_bigint.ts", generate(t, tsgen.Bigint, shopSet(t)))
}

// TestTypeScriptCalls runs a client against a service: replies, each declared error, and all that can go wrong.
func TestTypeScriptCalls(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "client.ts", "bigint.ts", "rejected.ts")
	write(t, dir, "shop.ts", generate(t, tsgen.Number, shopSet(t)))
	write(t, dir, "shop_bigint.ts", generate(t, tsgen.Bigint, shopSet(t)))
	compile(t, dir)
	// Who has not moved to a new compiler can use it as well, whatever the old one says of the tests.
	old := append(strings.Fields("node_modules/typescript5/bin/tsc --noEmit --strict --target es2022 --module nodenext --skipLibCheck"),
		"shop.ts", "shop_bigint.ts")
	if out, err := run(t, dir, nil, "node", old...); err != nil {
		t.Errorf("tsc 5.0: %v\n%s", err, out)
	}
	pretty(t, dir, "shop.ts", "shop_bigint.ts", "client.ts", "bigint.ts", "rejected.ts")

	srv := typednatstest.RunSocket(t)
	serve(t, srv, "shop", bindShop()...)
	for _, program := range []string{"client.js", "bigint.js"} {
		out, err := run(t, dir, []string{"NATS_URL=" + srv.ClientURL()}, "node", program)
		if err != nil {
			t.Errorf("%s: %v", program, err)
		}
		golden(t, filepath.Join("testdata", strings.TrimSuffix(program, ".js")+".txt"), errorID.ReplaceAllString(out, ", id ID"))
	}
}

// nasty are texts by which a stranger could try to write code, or what the compiler does not take.
var nasty = []string{
	"*/ alert(1) /*", "\"; alert(1); //", "'", "`${alert(1)}`", "\\", "\\\"", "a\nb", "\u2028alert(1)", "**//", "@ts-ignore", " @ts-expect-error",
	"@ts-nocheck", "\u202e", "\ufeff", "</script>", "//# sourceMappingURL=x", "__proto__", "constructor", "any", "1", "-1", "ä", "名前", "𝒳",
	"e\u0301", "~1/%2F", "type", "string", "null", "Result", "ServiceError", "Promise", "Record", "Map", "\u2e2f", "\u02b0", "\x7f", "a.b", "get",
	"new", "readonly", "number", "int64", "Shape", "shapeOf", "call", strings.Repeat("long words ", 50), strings.Repeat("x", 400), "\u1e9e", "ﬀ", "ǆ",
}

// TestTypeScriptOfStrangers compiles what is made of contracts with such texts wherever there is one.
func TestTypeScriptOfStrangers(t *testing.T) {
	t.Parallel()
	dir := workspace(t)
	sets := strangeSets(t, nasty)
	write(t, dir, "strange.ts", generate(t, tsgen.Number, sets...))
	write(t, dir, "strange_bigint.ts", generate(t, tsgen.Bigint, sets...))
	compile(t, dir)
	if out, err := run(t, dir, nil, "node", "strange_bigint.js"); err != nil || out != "" {
		t.Errorf("it cannot be loaded: %v\n%s", err, out)
	}
}

func strangeDocument(t *testing.T, name, text string) contract.Document {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	values := &contract.Schema{Enum: []json.RawMessage{data, []byte("1")}, Description: text}
	object := &contract.Schema{
		Types: []contract.Type{contract.Object}, Title: text, Deprecated: true, Required: []string{text},
		Properties: map[string]*contract.Schema{
			text: {Types: []contract.Type{contract.Integer}, Description: text}, "x" + text: values, "y": {Ref: contract.Reference(text)},
			"z": {Types: []contract.Type{contract.String}, Format: text, ContentEncoding: text},
		},
	}
	ref := &contract.Schema{Ref: contract.Reference(text)}
	return contract.Document{
		Name: name, Subject: name + ".*.`${x}`\\", Description: text, Deprecated: text, Request: ref, Reply: ref,
		Defs:   map[string]*contract.Schema{text: object, "unused": object},
		Errors: []contract.Error{{Tag: text, Aliases: []string{text + "2"}, Schema: ref}, {Tag: text + "3", Schema: object}},
	}
}
