package explorer

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

var update = flag.Bool("update", false, "write the golden files")

// parcels has everything that a schema can say.
const parcels = `{
	"typednats": 1, "name": "send", "subject": "parcels.send", "content_types": ["application/json", "application/msgpack"],
	"description": "Sends.", "examples": [{"reply": {"id": "p-1"}}],
	"request": {"$ref": "#/$defs/Parcel"},
	"reply": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
	"errors": [
		{"tag": "TooHeavy", "aliases": ["Heavy"], "code": 413, "schema": {"$ref": "#/$defs/Too Heavy"}},
		{"tag": "Lost"}
	],
	"$defs": {
		"Too Heavy": {"type": "object", "properties": {"most": {"type": "number", "maximum": 30.5}}},
		"Speed": {"type": "string", "enum": ["slow", "fast"]},
		"Parcel": {
			"type": "object",
			"required": ["item_id", "count", "speed", "sent", "weird \"name\"", "inner", "kind", "many"],
			"properties": {
				"item_id": {"type": "string", "description": "what is\nsent */ alert(1)", "examples": ["nut"]},
				"count": {"type": "integer", "minimum": -2147483648, "maximum": 2147483647},
				"least": {"type": "integer", "minimum": 1, "format": "uint64", "deprecated": true},
				"speed": {"$ref": "#/$defs/Speed"},
				"sent": {"type": ["string", "null"], "format": "date-time"},
				"photo": {"type": "string", "contentEncoding": "base64"},
				"labels": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
				"floors": {"type": "object", "additionalProperties": {"type": "boolean"}, "x-keys": {"type": "integer", "minimum": -128, "maximum": 127}},
				"inside": {"type": ["array", "null"], "items": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Parcel"}]}},
				"anything": {},
				"nothing": false,
				"kind": {"const": "parcel"},
				"many": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
				"inner": {"type": "object", "properties": {"a": {"type": "integer", "format": "int64"}}, "required": ["a"]},
				"weird \"name\"": {"type": "string"}
			}
		}
	}
}`

// TestSnippets compares with golden files. Those in Go and TypeScript were compiled when they were written.
func TestSnippets(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"parcels": parcels,
		"empty":   `{"typednats": 1, "name": "ping", "subject": "site.*.ping.>"}`,
		"msgpack": `{"typednats": 1, "name": "n", "subject": "n", "content_types": ["application/msgpack"], "request": {"type": "integer"}, "reply": {"type": "string"}}`,
		"raw":     `{"typednats": 1, "name": "r", "subject": "r", "content_types": ["application/octet-stream"], "request": {"contentMediaType": "application/octet-stream"}}`,
		"names":   `{"typednats": 1, "name": "n", "subject": "it's", "request": {"$ref": "#/$defs/Request"}, "reply": {"type": "object", "properties": {"x": {"$ref": "#/$defs/Request"}}}, "$defs": {"Request": {"type": "object", "properties": {"1": {}, "-": {}, "a-b": {}, "a b": {}}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := contract.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, body := range viewContract(doc).Bodies {
				b.WriteString("== " + body.Title + " (" + body.Note + ")\n" + body.Type + "\n")
			}
			for _, s := range snippets(doc) {
				b.WriteString("== " + s.Name + "\n" + s.Text + "\n")
				if s.Name != "Go" {
					continue
				}
				if _, err := parser.ParseFile(token.NewFileSet(), "main.go", s.Text, parser.AllErrors); err != nil {
					t.Errorf("the program in Go: %v", err)
				}
			}
			golden(t, filepath.Join("testdata", name+".txt"), b.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // it is one of this package's
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestSnippetsOfStrangers: whatever the names are, nothing gets out of the place where it is written.
func TestSnippetsOfStrangers(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"`+os.Exit(1)+`", "\"+os.Exit(1)+\"", "*/ os.Exit(1) /*", "\n os.Exit(1) //", "${process.exit()}", "'; process.exit() //",
		"\u2028process.exit()", "\x00", strings.Repeat("x", 100_000), "",
	} {
		value, err := json.Marshal(evil)
		if err != nil {
			t.Fatal(err)
		}
		text := &contract.Schema{Types: []contract.Type{contract.String}, Description: evil, Examples: []json.RawMessage{value}, Format: evil}
		doc := contract.Document{
			Name: evil, Subject: "a.'b`\"", Request: &contract.Schema{Ref: "#/$defs/" + evil},
			Reply: &contract.Schema{Enum: []json.RawMessage{value}},
			Defs: map[string]*contract.Schema{evil: {
				Types: []contract.Type{contract.Object}, Properties: map[string]*contract.Schema{evil: text, "plain": text}, Required: []string{evil},
			}},
		}
		list := snippets(doc)
		if len(list) != 3 {
			t.Fatalf("%q: %d snippets", evil, len(list))
		}
		file, err := parser.ParseFile(token.NewFileSet(), "main.go", list[1].Text, parser.AllErrors)
		if err != nil {
			t.Errorf("%.40q in Go: %v\n%.2000s", evil, err, list[1].Text)
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Exit" {
				t.Errorf("%.40q got out:\n%s", evil, list[1].Text)
			}
			return true
		})
		if strings.ContainsAny(list[0].Text, "\n\x00") {
			t.Errorf("%.40q: the command has more than one line: %q", evil, list[0].Text)
		}
	}
}
