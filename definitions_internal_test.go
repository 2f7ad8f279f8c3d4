package typednats

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDefinitionsThatMeanSomethingElse: a definition that is taken gets another name, and so does whatever refers to it;
// what means the same is there once.
func TestDefinitionsThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	defs := definitions{}
	var roots []string
	for _, data := range []string{
		`{"$ref":"#/$defs/A","$defs":{"A":{"items":{"$ref":"#/$defs/B"}},"B":{"type":"string"},"C":{"type":"null"}}}`,
		`{"$ref":"#/$defs/A","$defs":{"A":{"items":{"$ref":"#/$defs/B"}},"B":{"type":"string"}}}`,  // the same
		`{"$ref":"#/$defs/A","$defs":{"A":{"items":{"$ref":"#/$defs/B"}},"B":{"type":"integer"}}}`, // another B
		`{"properties":{"x":{"$ref":"#/$defs/B"},"y":{"$ref":"#/$defs/B_2"}},"$defs":{"B":{"type":"boolean"},"B_2":{"type":"array"}}}`,
		`{"anyOf":[{"$ref":"#/$defs/D"}],"$defs":{"D":{"additionalProperties":{"$ref":"#/$defs/D"}}}}`,
	} {
		s, err := defs.take(json.RawMessage(data))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, string(s.Bytes()))
	}
	if diff := cmp.Diff([]string{
		`{"$ref":"#/$defs/A"}`, `{"$ref":"#/$defs/A"}`, `{"$ref":"#/$defs/A_2"}`,
		`{"properties":{"x":{"$ref":"#/$defs/B_3"},"y":{"$ref":"#/$defs/B_2_2"}}}`, `{"anyOf":[{"$ref":"#/$defs/D"}]}`,
	}, roots); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for name, s := range defs {
		got[name] = string(s.Bytes())
	}
	if diff := cmp.Diff(map[string]string{
		"A": `{"items":{"$ref":"#/$defs/B"}}`, "A_2": `{"items":{"$ref":"#/$defs/B_2"}}`, "B": `{"type":"string"}`,
		"B_2": `{"type":"integer"}`, "B_3": `{"type":"boolean"}`, "B_2_2": `{"type":"array"}`, "C": `{"type":"null"}`,
		"D": `{"additionalProperties":{"$ref":"#/$defs/D"}}`,
	}, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
	if s, err := defs.take(nil); s != nil || err != nil {
		t.Errorf("no body: %v, %v", s, err)
	}
	if _, err := defs.take(json.RawMessage(`{"$ref":1}`)); err == nil {
		t.Error("what is no schema is taken")
	}
}
