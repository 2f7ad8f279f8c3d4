package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

// FuzzParse: a document that is accepted comes back from its bytes as it was, and its digest is that of its bytes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, small, foreign, nested("[", "]", 100), `{"typednats":1,"name":"a","subject":"a","$defs":{"A":{"$ref":"#/$defs/A"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := contract.Parse(data)
		if err != nil {
			return
		}
		again, err := contract.Parse(d.Bytes())
		if err != nil {
			t.Fatalf("the bytes of a document are none: %v: %s", err, d.Bytes())
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Errorf("the document changes on the way through its bytes (-want +got):\n%s", diff)
		}
		digest, err := contract.DigestOf(d.Bytes())
		if err != nil || digest != d.Digest() || len(digest) != 22 {
			t.Errorf("the digest of the bytes is %s (%v), that of the document %s", digest, err, d.Digest())
		}
		for _, finding := range contract.Diff(d, again) {
			if finding.Level == contract.Breaking {
				t.Errorf("a document does not fit itself: %v", finding)
			}
		}
	})
}

// FuzzFits: a comparison ends, finds a bounded number of things, the same each time, and nothing that breaks between a
// schema and itself.
func FuzzFits(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"type":"string"}`, `{"type":["string","null"],"enum":["a",null]}`},
		{`{"type":"integer","format":"int64"}`, `{"type":"number","format":"double","minimum":-1e3}`},
		{object("a*:"+str, "b:"+i64), `{"type":"object","additionalProperties":{"type":"string"}}`},
		{`{"$ref":"#/$defs/A","$defs":{"A":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/A"},"maxItems":3}]}}}`, `{"anyOf":[{"const":null},{"contentMediaType":"a/b"}]}`},
		{`{"oneOf":[],"pattern":"x","x-msgpack-name":"y"}`, `{"type":"object","properties":{"a":{"x-msgpack-name":"b"},"b":false},"required":["c"],"additionalProperties":false}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		writer, err := contract.ParseSchema(a)
		if err != nil {
			return
		}
		reader, err := contract.ParseSchema(b)
		if err != nil {
			return
		}
		findings := contract.Fits(*writer, *reader)
		if len(findings) > 304 {
			t.Errorf("%d findings", len(findings))
		}
		if diff := cmp.Diff(findings, contract.Fits(*writer, *reader)); diff != "" {
			t.Errorf("the findings differ from one time to the next (-first +second):\n%s", diff)
		}
		for _, finding := range contract.Fits(*writer, *writer) {
			if finding.Level == contract.Breaking {
				t.Errorf("a schema does not fit itself: %v", finding)
			}
		}
	})
}
