package contract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

const (
	// full has all members of a document.
	full = `{"typednats":1,"name":"reserve","subject":"warehouse.reserve","parameters":["warehouse"],"description":"Reserves.",
"deprecated":"use book","idempotent":true,"timeout_ms":5000,"queue_group":"workers",
"content_types":["application/json","application/msgpack"],
"request":{"$ref":"#/$defs/Request"},
"reply":{"type":["object","null"],"additionalProperties":{"type":"integer","format":"int64"}},
"examples":[{"request":{"item":"a","n":1.0},"reply":{}}],
"errors":[{"tag":"NotFound","aliases":["Missing"],"code":404,"schema":{"$ref":"#/$defs/Node"}},{"tag":"Busy"}],
"variants":{"application/msgpack":{"request":{"type":"array","items":{"title":"t"}},"errors":{"Busy":{"type":"string","description":"d"}}}},
"x-lenient":true,
"$defs":{
"Request":{"type":"object","title":"T","properties":{"item":{"type":"string","description":"which","examples":["a"],"enum":["a","b"]},
"n":{"type":"integer","minimum":-128,"maximum":127,"default":1,"x-msgpack-name":"N"},"m":{"type":"object","x-keys":{"type":"integer","description":"k"}},"id":{"const":9007199254740993}},"required":["item","n"]},
"Node":{"anyOf":[{"type":"object","properties":{"next":{"$ref":"#/$defs/Node"},"data":{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"},
"pair":{"type":"array","items":{"type":"number","format":"double"},"minItems":2,"maxItems":2}},"additionalProperties":false},{"type":"null","$comment":"c"}]}}}`

	small = `{"typednats":1,"name":"ping","subject":"ping"}`

	// foreign is what a program in another language may write.
	foreign = `{"typednats":1,"name":"p","subject":"p.>","queue_group":false,"content_types":["application/json"],
"request":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"é😀":{"type":"string","pattern":"^\\p{L}$"},"\ufb33":true},"patternProperties":{"x":{}}},
"reply":{"oneOf":[{"const":1e400},{"const":-0.0}]}}`
)

// TestDigest pins digests. If one of these changes, a fleet no longer knows its own documents: only a new version of the
// format may do that.
func TestDigest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, document, want string }{
		{"full", full, "s0FZLqdz7MQL_in7vNRhUA"},
		{"small", small, "ACiAbr7xtM5Wph_003a6fQ"},
		{"foreign", foreign, "ssnnRIeluvqgdqqzVgunsg"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := parseDocument(t, test.document)
			if got := d.Digest(); got != test.want {
				t.Errorf("the digest is %s, want %s, of %s", got, test.want, d.Bytes())
			}
			got, err := contract.DigestOf(d.Bytes())
			if err != nil || got != test.want {
				t.Errorf("the digest of the bytes is %s (%v), want %s", got, err, test.want)
			}
			for range 20 {
				if again := parseDocument(t, string(d.Bytes())); again.Digest() != test.want {
					t.Fatalf("the digest of the parsed bytes is %s, want %s", again.Digest(), test.want)
				}
			}
		})
	}
}

func parseDocument(t *testing.T, document string) contract.Document {
	t.Helper()
	d, err := contract.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDigestOfWords: words do not change a digest, wherever they stand; everything else does.
func TestDigestOfWords(t *testing.T) {
	t.Parallel()
	digest := parseDocument(t, full).Digest()
	words := strings.NewReplacer(
		`"description":"Reserves."`, `"description":"Better."`, `"deprecated":"use book"`, `"deprecated":"do"`,
		`"n":1.0`, `"n":2`, `"title":"T"`, `"title":"U","$comment":"c"`, `"description":"which"`, `"deprecated":true`,
		`"examples":["a"]`, `"examples":["b"]`, `"default":1`, `"default":2`, `"title":"t"`, `"title":"u"`,
		`"description":"d"`, `"description":"e"`, `"$comment":"c"`, `"$comment":"d"`,
	).Replace(full)
	for _, more := range []struct{ old, changed string }{
		{`"items":{"type":"number"`, `"items":{"description":"d","type":"number"`},
		{`"additionalProperties":{"type":"integer"`, `"additionalProperties":{"description":"d","type":"integer"`},
		{`"anyOf":[{`, `"anyOf":[{"description":"d",`},
		{`"reply":{"type"`, `"reply":{"description":"d","type"`},
		{`"schema":{"$ref":"#/$defs/Node"`, `"schema":{"description":"d","$ref":"#/$defs/Node"`},
		{`"data":{`, `"data":{"default":1,`},
	} {
		if !strings.Contains(words, more.old) {
			t.Fatalf("%s is not in the document", more.old)
		}
		words = strings.Replace(words, more.old, more.changed, 1)
	}
	if got := parseDocument(t, words).Digest(); got != digest {
		t.Errorf("other words give %s, want %s", got, digest)
	}
	for _, change := range []struct{ old, changed string }{
		{`"name":"reserve"`, `"name":"reserved"`},
		{`"subject":"warehouse.reserve"`, `"subject":"warehouse.book"`},
		{`"parameters":["warehouse"],`, ``},
		{`"idempotent":true,`, ``},
		{`"timeout_ms":5000`, `"timeout_ms":5001`},
		{`"queue_group":"workers"`, `"queue_group":false`},
		{`"application/json","application/msgpack"`, `"application/msgpack","application/json"`},
		{`"aliases":["Missing"],`, ``},
		{`"code":404`, `"code":405`},
		{`{"tag":"Busy"}`, `{"tag":"Idle"}`},
		{`"x-lenient":true`, `"x-lenient":false`},
		{`"enum":["a","b"]`, `"enum":["a"]`},
		{`"minimum":-128`, `"minimum":-127`},
		{`"x-msgpack-name":"N"`, `"x-msgpack-name":"M"`},
		{`"x-keys":{"type":"integer"`, `"x-keys":{"type":"number"`},
		{`"const":9007199254740993`, `"const":9007199254740992`},
		{`"required":["item","n"]`, `"required":["item"]`},
		{`"format":"int64"`, `"format":"uint64"`},
		{`"additionalProperties":false`, `"additionalProperties":true`},
		{`"contentEncoding":"base64"`, `"contentEncoding":"base32"`},
		{`"minItems":2`, `"minItems":1`},
		{`"title":"t"`, `"type":"null"`},
		{`"type":"string","description":"d"`, `"type":"null","description":"d"`},
	} {
		changed := strings.Replace(full, change.old, change.changed, 1)
		if changed == full {
			t.Errorf("%s is not in the document", change.old)
		} else if parseDocument(t, changed).Digest() == digest {
			t.Errorf("%s instead of %s does not change the digest", change.changed, change.old)
		}
	}
}

// TestDigestOfOthers: the digest of a document as somebody wrote it does not depend on what this package leaves out.
func TestDigestOfOthers(t *testing.T) {
	t.Parallel()
	spaced, err := contract.DigestOf([]byte(`{"subject":"ping", "name":"ping", "typednats":1, "description":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := parseDocument(t, small).Digest(); spaced != want {
		t.Errorf("another order gives %s, want %s", spaced, want)
	}
	empty, err := contract.DigestOf([]byte(`{"typednats":1,"name":"ping","subject":"ping","errors":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if empty == spaced {
		t.Error("an empty list does not count, though it stands there")
	}
	for _, wrong := range []string{``, `[]`, `{"a":1,"a":2}`, `{} {}`} {
		if digest, err := contract.DigestOf([]byte(wrong)); err == nil {
			t.Errorf("%s has the digest %s", wrong, digest)
		}
	}
}

// TestBytes: what is parsed comes back, in the one form of RFC 8785.
func TestBytes(t *testing.T) {
	t.Parallel()
	for _, document := range []string{full, small, foreign} {
		d := parseDocument(t, document)
		if diff := cmp.Diff(d, parseDocument(t, string(d.Bytes()))); diff != "" {
			t.Errorf("the document changes on the way through its bytes (-want +got):\n%s", diff)
		}
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again contract.Document
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Errorf("the document changes on the way through encoding/json (-want +got):\n%s", diff)
		}
	}
	const example = `{"request":[1.0,-0,1e21,1e20,1E-7,0.000001,4.50,1.7976931348623157e308,9007199254740992,9007199254740993,123456789012345678901234567890,-9007199254740993,true,null,"\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\/\b\f\t\u2028<>&\ud800"],
"reply":{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}}`
	const want = `{"reply":{"\r":2,"1":4,"` + "\u0080" + `":6,"ö":7,"€":1,"😀":5,"` + "\ufb33" + `":3},` +
		`"request":[1,0,1e+21,100000000000000000000,1e-7,0.000001,4.5,1.7976931348623157e+308,9007199254740992,9007199254740993,` +
		`123456789012345678901234567890,-9007199254740993,true,null,"€$\u000f\nA'B\"\\\\\"/\b\f\t` + "\u2028<>&\ufffd" + `"]}`
	d := parseDocument(t, strings.Replace(small, "}", `,"examples":[`+example+`]}`, 1))
	_, got, _ := strings.Cut(string(d.Bytes()), `"examples":[`)
	got, _, _ = strings.Cut(got, `],"name"`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
