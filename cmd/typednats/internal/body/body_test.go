package body_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/contract"
)

func schema(t *testing.T, text string) *contract.Schema {
	t.Helper()
	s, err := contract.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t *testing.T, text string) any {
	t.Helper()
	v, err := body.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const order = `{"type":"object","required":["id","lines"],"properties":{"id":{"type":"integer","format":"int64"},
		"lines":{"type":["array","null"],"items":{"$ref":"#/$defs/A%20line"},"maxItems":2},
		"parent":{"anyOf":[{"$ref":"#/$defs/A line"},{"type":"null"}]},
		"tags":{"type":"object","additionalProperties":{"type":"string"}},
		"at":{"type":"string","format":"date-time"},"data":{"type":"string","contentEncoding":"base64"},
		"speed":{"type":"string","enum":["slow","fast"]},"kind":{"const":1},"small":{"type":"integer","minimum":0,"maximum":255},
		"names":{"type":"object","additionalProperties":{},"x-keys":{"type":"integer","minimum":0,"maximum":255}},
		"either":{"anyOf":[{"type":"string"},{"type":"boolean"}]},"big":{"type":"integer","format":"uint64"}},
		"$defs":{"A line":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"}}}}}`
	for value, want := range map[string][]string{
		`{"id":1,"lines":null}`:                      nil,
		`{"id":1.0,"lines":[]}`:                      nil,
		`{"id":1e2,"lines":[{"sku":"a"}]}`:           nil,
		`{"id":9223372036854775807,"lines":[]}`:      nil,
		`{"id":9223372036854775808,"lines":[]}`:      {"r.id: 9223372036854775808, want 9223372036854775807 at most"},
		`{"id":1.5,"lines":[]}`:                      {"r.id: 1.5, want integer"},
		`{"id":1e999999999,"lines":[]}`:              {"r.id: 1e999999999, want integer"},
		`{"lines":[]}`:                               {"r.id: it is missing"},
		`[]`:                                         {"r: an array, want object"},
		`{"id":1,"lines":[{},{"sku":1}]}`:            {"r.lines[0].sku: it is missing", "r.lines[1].sku: 1, want string"},
		`{"id":1,"lines":[{"sku":"a","skv":"b"}]}`:   {"r.lines[0].skv: it is not in the schema, and is ignored; there are: sku"},
		`{"id":1,"lines":[null]}`:                    {"r.lines[0]: null, want object"},
		`{"id":1,"lines":7}`:                         {"r.lines: 7, want array or null"},
		`{"id":1,"lines":[],"parent":null}`:          nil,
		`{"id":1,"lines":[],"parent":{"sku":2}}`:     {"r.parent.sku: 2, want string"},
		`{"id":1,"lines":[],"tags":{"a":"b","c":1}}`: {"r.tags.c: 1, want string"},
		`{"id":1,"lines":[],"at":"2026-01-01T00:00:00.1+01:00","data":"AAA="}`: nil,
		`{"id":1,"lines":[],"at":"now","data":"?"}`: {
			`r.at: "now", want a time, such as 2006-01-02T15:04:05Z`, `r.data: "?", want bytes in base64`,
		},
		`{"id":1,"lines":[],"speed":"fat","kind":2}`:          {"r.kind: 2, want 1", `r.speed: "fat", want one of "slow", "fast"`},
		`{"id":1,"lines":[],"kind":1.0}`:                      nil,
		`{"id":1,"lines":[],"names":{"0":1,"255":2}}`:         nil,
		`{"id":1,"lines":[],"names":{"256":1}}`:               {"r.names, a name: 256, want 255 at most"},
		`{"id":1,"lines":[],"names":{"a":1}}`:                 {`r.names, a name: "a", want integer`},
		`{"id":1,"lines":[],"names":{"1.5":1}}`:               {`r.names, a name: "1.5", want integer`},
		`{"id":1,"lines":[],"small":256}`:                     {"r.small: 256, want 255 at most"},
		`{"id":1,"lines":[],"small":-1}`:                      {"r.small: -1, want 0 at least"},
		`{"id":1,"lines":[],"big":-1}`:                        {"r.big: -1, want 0 at least"},
		`{"id":1,"lines":[],"either":1}`:                      {"r.either: 1 fits none of the 2 alternatives"},
		`{"id":1,"lines":[],"either":true}`:                   nil,
		`{"id":1,"lines":[{"sku":""},{"sku":""},{"sku":""}]}`: {"r.lines: 3 elements, want 2 at most"},
	} {
		var got []string
		for _, p := range body.Check(schema(t, order), parse(t, value), "r") {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
}

// TestCheckCountsTheRest: of many problems some are listed, and nothing is silent about the others.
func TestCheckCountsTheRest(t *testing.T) {
	t.Parallel()
	s := schema(t, `{"type":"array","items":{"type":"string"}}`)
	for n, want := range map[int]string{20: "r[19]: 1, want string", 21: "r: not listed: 1 more", 500: "r: not listed: 480 more"} {
		problems := body.Check(s, parse(t, "["+strings.Repeat("1,", n-1)+"1]"), "r")
		if got := problems[len(problems)-1].String(); got != want || len(problems) > 21 {
			t.Errorf("%d: %d listed, the last is %s, want %s", n, len(problems), got, want)
		}
	}
}

// TestHostileSchemaEnds: a schema of 30 definitions with two references each has 2^30 paths.
func TestHostileSchemaEnds(t *testing.T) {
	t.Parallel()
	var defs []string
	for i := range 30 {
		ref := fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1)
		defs = append(defs, fmt.Sprintf(`"d%d":{"anyOf":[%s,%s]}`, i, ref, ref))
	}
	s := schema(t, `{"$ref":"#/$defs/d0","$defs":{`+strings.Join(defs, ",")+`,"d30":{"type":"string"}}}`)
	began := time.Now()
	if len(body.Check(s, parse(t, `1`), "r")) == 0 {
		t.Error("a number fits text")
	}
	if packed, err := body.Encode(s, parse(t, `1`), "r"); err == nil && string(packed) != "\x01" {
		t.Errorf("1 is %q", packed)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestParseSaysWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "line 1, column 1: it ends too early",
		"{\n  \"a\": x\n}": "line 2, column 8",
		"{} {}":            "there is more behind the value",
		"[1":               "it ends too early",
	} {
		_, err := body.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// everything is a type with all that JSON and MessagePack write in different ways.
type everything struct {
	Bool   bool              `json:"bool"`
	Int    int64             `json:"int"`
	Small  int8              `json:"small"`
	Uint   uint64            `json:"uint"`
	Float  float64           `json:"float"`
	Single float32           `json:"single"`
	Text   string            `json:"text"`
	Bytes  []byte            `json:"bytes"`
	Time   time.Time         `json:"time"`
	List   []int             `json:"list"`
	Map    map[string]uint16 `json:"map"`
	Next   *everything       `json:"next"`
	Any    any               `json:"any"`
	Blobs  [][]byte          `json:"blobs"`

	ByInt  map[int]string            `json:"by_int"`
	ByUint map[uint8]map[int16][]int `json:"by_uint"`
}

func everythings() []everything {
	at := time.Date(2026, 11, 27, 12, 0, 0, 123456789, time.UTC)
	return []everything{
		{Time: at},
		{
			Bool: true, Int: -1 << 63, Small: -128, Uint: 1<<64 - 1, Float: 3, Single: 0.1, Text: strings.Repeat("ü", 20000),
			Bytes: []byte{0xff, 0}, Time: time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC), List: []int{-33, -32, 127, 128, 1 << 40},
			Map: map[string]uint16{"a": 1, strings.Repeat("k", 300): 65535}, Any: "text",
			Next:  &everything{Time: at, Bytes: make([]byte, 70000), List: make([]int, 70000), Any: int64(5)},
			Blobs: [][]byte{nil, {}, {1}},
			ByInt: map[int]string{-1 << 63: "least", 0: "", 1<<63 - 1: "most"}, ByUint: map[uint8]map[int16][]int{0: nil, 255: {-1: {1}}},
		},
	}
}

// TestMessagePackAndBack: a program that has the type gets what was meant, and what it sends is shown as its JSON.
func TestMessagePackAndBack(t *testing.T) {
	t.Parallel()
	doc, err := typednats.NewEndpoint[everything, everything, typednats.Never]("e").WithCodec(msgpack.Codec).Contract()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := doc.RequestSchema("application/msgpack")
	if !ok {
		t.Fatal("no schema")
	}
	for i, want := range everythings() {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		value := parse(t, string(text))
		if problems := body.Check(&s, value, "r"); problems != nil {
			t.Errorf("%d: %v", i, problems)
		}
		packed, err := body.Encode(&s, value, "r")
		if err != nil {
			t.Fatal(err)
		}
		var got everything
		if err := msgpack.Codec.Unmarshal(packed, &got); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("nil", func(b []byte) string { return string(b) })); diff != "" {
			t.Errorf("%d (-want +got):\n%s", i, diff)
		}
		packed, err = msgpack.Codec.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		back, err := body.Decode(&s, packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(value, back); diff != "" {
			t.Errorf("%d, back (-want +got):\n%s", i, diff)
		}
	}
}

func TestEncodeByTheSchema(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, value, want string }{
		{`{"type":"integer"}`, `3.0`, "\x03"},
		{`{"type":"integer"}`, `3e1`, "\x1e"},
		{`{"type":"number"}`, `3`, "\xcb\x40\x08\x00\x00\x00\x00\x00\x00"},
		{`{"type":"number","format":"float"}`, `3`, "\xca\x40\x40\x00\x00"},
		{`{}`, `3`, "\x03"},
		{`{}`, `3.0`, "\xcb\x40\x08\x00\x00\x00\x00\x00\x00"},
		{`{}`, `"AAAA"`, "\xa4AAAA"},
		{`{"type":"string","contentEncoding":"base64"}`, `"AAAA"`, "\xc4\x03\x00\x00\x00"},
		{`{"anyOf":[{"type":"string","contentEncoding":"base64"},{"type":"null"}]}`, `null`, "\xc0"},
		{`{"anyOf":[{"type":"integer"},{"type":"string","contentEncoding":"base64"}]}`, `"AAAA"`, "\xc4\x03\x00\x00\x00"},
		{`{"type":"object","properties":{"a":{"type":"integer","x-msgpack-name":"b"}}}`, `{"a":1}`, "\x81\xa1b\x01"},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, `{"-1":true}`, "\x81\xff\xc3"},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`, `{"a":true}`, "\x81\xa1a\xc3"},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"boolean"}}`, `{"true":1}`, "\x81\xc3\x01"},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"number","format":"float"}}`, `{"3":1}`, "\x81\xca\x40\x40\x00\x00\x01"},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"string","contentEncoding":"base64"}}`, `{"YQ==":1}`, "\x81\xc4\x01a\x01"},
		{
			`{"type":"object","additionalProperties":{},"x-keys":{"type":"string","format":"date-time"}}`, `{"1970-01-01T00:00:01Z":1}`,
			"\x81\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01",
		},
		{`{"type":"object","additionalProperties":{},"x-keys":{}}`, `{"1":1}`, "\x81\xa11\x01"},
		{`{"additionalProperties":{},"x-keys":{"type":"integer"},"properties":{"1":{}}}`, `{"1":1,"2":1}`, "\x82\xa11\x01\x02\x01"},
		{`{"type":"object","additionalProperties":{"type":"number"}}`, `{"a":1}`, "\x81\xa1a\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"},
		{`{"type":"string","format":"date-time"}`, `"1970-01-01T00:00:01Z"`, "\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
	} {
		s := schema(t, test.schema)
		got, err := body.Encode(s, parse(t, test.value), "r")
		if err != nil || string(got) != test.want {
			t.Errorf("%s as %s: %q, %v, want %q", test.value, test.schema, got, err, test.want)
		}
	}
	for _, test := range []struct{ schema, value, want string }{
		{`{"type":"string","contentEncoding":"base64"}`, `{"a":"?"}`, ""},
		{`{"properties":{"a":{"type":"string","contentEncoding":"base64"}}}`, `{"a":"?"}`, `r.a: "?" is not base64`},
		{`{"items":{"type":"string","format":"date-time"}}`, `["now"]`, `r[0]: "now" is no time, such as 2006-01-02T15:04:05Z`},
		{`{"type":"number"}`, `1e400`, "r: the number 1e400 is too large"},
	} {
		_, err := body.Encode(schema(t, test.schema), parse(t, test.value), "r")
		if got := fmt.Sprint(err); err == nil && test.want != "" || err != nil && got != test.want {
			t.Errorf("%s as %s: %v, want %s", test.value, test.schema, err, test.want)
		}
	}
}

func TestDecodeByTheSchema(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, packed, want string }{
		{`{"type":"string"}`, "\xc4\x02hi", `"hi"`},
		{`{}`, "\xc4\x02hi", `"aGk="`},
		{`{"type":"string","contentEncoding":"base64"}`, "\xa2hi", `"aGk="`},
		{`{"type":"object","properties":{"a":{"type":"integer","x-msgpack-name":"b"}}}`, "\x81\xa1b\x01", `{"a":1}`},
		{`{}`, "\x81\xff\xc0", `{"-1":null}`},
		{`{}`, "\x81\xc4\x01a\x01", `{"a":1}`},
		{`{}`, "\x81\xc4\x01\xff\x01", `{"/w==":1}`},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"string","contentEncoding":"base64"}}`, "\x81\xc4\x01a\x01", `{"YQ==":1}`},
		{`{"type":"object","additionalProperties":{},"x-keys":{"type":"string","format":"date-time"}}`, "\x81\xd6\xff\x00\x00\x00\x01\x01", `{"1970-01-01T00:00:01Z":1}`},
		{`{}`, "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", `"NaN"`},
		{`{}`, "\xca\x3d\xcc\xcc\xcd", `0.1`},
		{`{}`, "\xd6\xff\x00\x00\x00\x01", `"1970-01-01T00:00:01Z"`},
		{`{}`, "\xd7\xff\x00\x00\x00\x04\x00\x00\x00\x01", `"1970-01-01T00:00:01.000000001Z"`},
		{`{}`, "\xd4\x05\x01", `{"data":"AQ==","extension":5}`},
		{`{}`, "\xd1\xff\x7f", `-129`},
	} {
		v, err := body.Decode(schema(t, test.schema), []byte(test.packed))
		got, jsonErr := json.Marshal(v)
		if err != nil || jsonErr != nil || string(got) != test.want {
			t.Errorf("%q as %s: %s, %v, want %s", test.packed, test.schema, got, err, test.want)
		}
	}
	for _, packed := range []string{
		"", "\xc1", "\x92\x01", "\xdd\xff\xff\xff\xff\x01", "\xdf\xff\xff\xff\xff\x01", "\xc6\xff\xff\xff\xff", "\x01\x01", "\x81\x90\x01",
		strings.Repeat("\x91", 100000), strings.Repeat("\x91", 1000) + "\x01", "\xd8\xff\x00",
	} {
		if v, err := body.Decode(nil, []byte(packed)); err == nil {
			t.Errorf("%.20q is %v", packed, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"\x82\xa1a\x01\xa1b\xc4\x01x", "\xdd\x00\x00\x00\x01\xc0", "\xc7\x0c\xff000011112222"} {
		f.Add([]byte(seed))
	}
	s, err := contract.ParseSchema([]byte(`{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string","contentEncoding":"base64"}}]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := body.Decode(s, data)
		if err != nil {
			return
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := body.Parse(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
