package explorer

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"testing"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/example"
)

// FuzzDetails: whatever contract comes, what is shown of it is bounded, and what is copied is a program.
func FuzzDetails(f *testing.F) {
	f.Add([]byte(parcels))
	f.Add([]byte(`{"typednats":1,"name":"n","subject":"it's.*.>","request":{"anyOf":[{"type":"null"},{"items":{}}]},"reply":{"enum":[]}}`))
	f.Add([]byte(`{"typednats":1,"name":"n","subject":"n","request":{"$ref":"#/$defs/ü"},"$defs":{"ü":{"type":["object","null"],"properties":{"":{},"a":{"$ref":"#/$defs/ü"}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := contract.Parse(data)
		if err != nil {
			return
		}
		if sample := example.Request(doc); sample != nil && !json.Valid(sample) {
			t.Errorf("the sample is not JSON: %.500q", sample)
		}
		for _, body := range viewContract(doc).Bodies {
			if len(body.Type) > 1<<20 {
				t.Errorf("a type of %d bytes", len(body.Type))
			}
		}
		for _, s := range snippets(doc) {
			if s.Name != "Go" {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "main.go", s.Text, parser.AllErrors); err != nil {
				t.Errorf("%v:\n%.3000s", err, s.Text)
			}
		}
	})
}
