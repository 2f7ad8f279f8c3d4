package typetext_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/typetext"
	"github.com/typednats/typednats/contract"
)

func TestWriter(t *testing.T) {
	t.Parallel()
	s, err := contract.ParseSchema([]byte(`{"$ref":"#/$defs/Order","$defs":{
		"Order":{"type":"object","required":["id","lines"],"properties":{
			"id":{"type":"integer","format":"uint64","description":"its number"},
			"lines":{"type":["array","null"],"items":{"$ref":"#/$defs/Line"}},
			"at":{"type":["string","null"],"format":"date-time"},
			"data":{"type":"string","contentEncoding":"base64"},
			"speed":{"type":"string","enum":["slow","fast"]},
			"small":{"type":"integer","minimum":0,"maximum":255},
			"prices":{"type":"object","additionalProperties":{"type":"number"}},
			"places":{"type":["object","null"],"additionalProperties":{"type":["string","null"]},"x-keys":{"type":"integer","format":"int64"}},
			"nested":{"type":["object","null"],"properties":{"a\u001b[31m":{"type":"boolean","deprecated":true}}},
			"list":{"type":"array","items":{"type":"object","properties":{"x":{}}}},
			"pair":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"number"}},
			"self":{"anyOf":[{"$ref":"#/$defs/Order"},{"type":"null"}]}}},
		"Line":{"type":"object","properties":{"sku":{"type":"string"},"sub":{"$ref":"#/$defs/Line"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := typetext.New(s.Defs)
	w.Body("request", s, 0)
	w.Body("reply", nil, 0)
	w.Types(0)
	want := `request Order {
  at?: time or null
  data?: bytes in base64
  id: uint64  // its number
  lines: Line[] or null
  list? {
    x?: any
  }[]
  nested? {
    a\x1b[31m?: boolean  // deprecated
  } or null
  pair?: number[2]
  places?: map of (string or null) by int64 or null
  prices?: map of number
  self?: Order or null
  small?: integer from 0 to 255
  speed?: "slow" or "fast"
}
reply: empty
Line {
  sku?: string
  sub?: Line
}`
	if diff := cmp.Diff(want, strings.Join(w.Lines(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
