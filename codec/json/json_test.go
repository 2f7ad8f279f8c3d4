package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/codec/codectest"
	"github.com/typednats/typednats/codec/json"
)

type item struct {
	ID   string `json:"id"`
	Note string `json:"note,omitempty"`
}

// codecs are the two modes, which differ in nothing but unknown fields.
func codecs() map[string]json.Encoding {
	return map[string]json.Encoding{"default": json.Codec, "strict": json.New(json.WithoutUnknownFields())}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			codectest.Run(t, codec)
		})
	}
}

func TestZeroValueIsDefault(t *testing.T) {
	t.Parallel()
	if json.Codec != (json.Encoding{}) || json.Codec != json.New() {
		t.Error("Codec, New() and the zero Encoding differ")
	}
}

// TestNilOption: everything that can report one does.
func TestNilOption(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]json.Encoding{
		"alone": json.New(nil), "first": json.New(nil, json.WithoutUnknownFields()), "last": json.New(json.WithoutUnknownFields(), nil),
	} {
		var got item
		_, marshal := codec.Marshal(item{ID: "a"})
		_, appendMarshal := codec.AppendMarshal(nil, item{ID: "a"})
		unmarshal := codec.Unmarshal([]byte(`{"id":"a"}`), &got)
		for method, err := range map[string]error{"Marshal": marshal, "AppendMarshal": appendMarshal, "Unmarshal": unmarshal} {
			if err == nil || err.Error() != "json: New: an Option is nil" {
				t.Errorf("%s: %s: error %v, want one about a nil Option", name, method, err)
			}
		}
		if got != (item{}) {
			t.Errorf("%s: decoded %v", name, got)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	t.Parallel()
	const data = `{"id":"a","extra":1}`
	tests := []struct {
		name  string
		codec json.Encoding
		want  string // in the error; empty for none
	}{
		{"ignored by default", json.Codec, ""},
		{"refused", json.New(json.WithoutUnknownFields()), `"extra"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got item
			err := tt.codec.Unmarshal([]byte(data), &got)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Unmarshal: %v, want an error with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(item{ID: "a"}, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data string
		ok         bool
	}{
		{"value", `{"id":"a"}`, true},
		{"white space", " \t\r\n{\"id\":\"a\"}\n ", true},
		{"null", `null`, true},
		{"nothing", ``, false},
		{"white space only", ` `, false},
		{"second value", `{"id":"a"}{"id":"b"}`, false},
		{"second value on another line", "{\"id\":\"a\"}\n{}", false},
		{"closing brace too many", `{"id":"a"}}`, false},
		{"comma after the value", `{"id":"a"},`, false},
		{"garbage after the value", "{\"id\":\"a\"}\x00", false},
		{"cut short", `{"id":"a"`, false},
		{"another type", `[]`, false},
		{"number that is too large", `{"id":1e400}`, false},
	}
	for name, codec := range codecs() {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				var got item
				if err := codec.Unmarshal([]byte(tt.data), &got); (err == nil) != tt.ok {
					t.Errorf("Unmarshal(%q): %v, want success: %v", tt.data, err, tt.ok)
				}
			})
		}
	}
}

// TestDeepNesting is here because a recursion without an end would end the process.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	for name, codec := range codecs() {
		for _, level := range []string{"[", `{"a":`} {
			t.Run(name+"/"+level, func(t *testing.T) {
				t.Parallel()
				data := bytes.Repeat([]byte(level), 1<<20)
				for _, target := range []any{new(any), new(item), new([]any), new(stdjson.RawMessage)} {
					if err := codec.Unmarshal(data, target); err == nil {
						t.Errorf("Unmarshal of %d levels into %T succeeded", 1<<20, target)
					}
				}
			})
		}
	}
}

func TestMarshalEscapesHTML(t *testing.T) {
	t.Parallel()
	data, err := json.Codec.Marshal("<a & b>")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`"\u003ca \u0026 b\u003e"`, string(data)); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{"id":"a","note":"b"}`, `{"ID":1}`, `[1,2.5,-3e9]`, `"\ud800"`, `{"a":{"b":[{}]}}`, `1 2`, `{"id":"a"}]`, "\xff", `[[[[`,
	} {
		f.Add([]byte(seed))
	}
	lenient, strict := json.Codec, json.New(json.WithoutUnknownFields())
	f.Fuzz(func(t *testing.T, data []byte) {
		given := bytes.Clone(data)
		for _, pair := range [][2]any{
			{new(any), new(any)}, {new(item), new(item)}, {new([]item), new([]item)}, {new(map[string]*item), new(map[string]*item)},
			{new(string), new(string)}, {new(float64), new(float64)}, {new([]byte), new([]byte)}, {new([2]int8), new([2]int8)},
		} {
			lenientErr, strictErr := lenient.Unmarshal(data, pair[0]), strict.Unmarshal(data, pair[1])
			if strictErr == nil && lenientErr != nil {
				t.Fatalf("into %T: strict accepts what the default refuses: %v", pair[0], lenientErr)
			}
			if strictErr != nil && lenientErr == nil && !strings.Contains(strictErr.Error(), "unknown field") {
				t.Fatalf("into %T: strict refuses more than unknown fields: %v", pair[0], strictErr)
			}
			if strictErr == nil && !cmp.Equal(pair[0], pair[1]) {
				t.Fatalf("strict decodes differently (-default +strict):\n%s", cmp.Diff(pair[0], pair[1]))
			}
			if lenientErr != nil {
				continue
			}
			again, err := lenient.Marshal(pair[0])
			if err != nil {
				t.Fatalf("encode the decoded %T again: %v", pair[0], err)
			}
			if !stdjson.Valid(again) {
				t.Fatalf("%T is encoded as %q", pair[0], again)
			}
		}
		if !bytes.Equal(given, data) {
			t.Fatal("Unmarshal changed the data")
		}
	})
}

// TestDecodersAreUsedAgain has every kind of body that could leave something behind in a decoder, each followed by a
// plain one.
func TestDecodersAreUsedAgain(t *testing.T) { //nolint:paralleltest // the decoders are likelier to be the same ones
	for _, body := range []string{
		`{"id":"b"}`, "{\"id\":\"b\"} \n", ` 17`, `"text"`, `null`, `{"id":`, `{"id":"b"}]`, `{"id":1}`, `{"id":"b","x":[1,{}]}`, ``,
		`{"id":"` + strings.Repeat("b", 100_000) + `"}`, `{"id":"` + strings.Repeat("b", 10_000) + `"}`,
		strings.Repeat("[", 20_000),
	} {
		for range 3 {
			var ignored item
			want := stdjson.Unmarshal([]byte(body), new(item))
			err := json.Codec.Unmarshal([]byte(body), &ignored)
			cause := err
			if mismatch, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok {
				cause = mismatch
			}
			if fmt.Sprint(cause) != fmt.Sprint(want) {
				t.Errorf("Unmarshal(%.20q): %v, want %v", body, err, want)
			}
			var got item
			if err := json.Codec.Unmarshal([]byte(`{"id":"a"}`), &got); err != nil || got != (item{ID: "a"}) {
				t.Errorf("after %.20q: %+v, %v", body, got, err)
			}
		}
	}
}

// counted counts how often it is decoded.
type counted int

func (c *counted) UnmarshalJSON([]byte) error {
	*c++
	return nil
}

func TestAValueIsDecodedOnce(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, "{}\n", ` {} `} {
		var got counted
		if err := json.Codec.Unmarshal([]byte(body), &got); err != nil || got != 1 {
			t.Errorf("%q was decoded %d times: %v", body, got, err)
		}
	}
}

// panics is a type whose methods panic.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error)  { panic("in MarshalJSON") }
func (*panics) UnmarshalJSON(b []byte) error { panic("in UnmarshalJSON") }

func TestAPanicLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // the buffers are likelier to be the same ones
	for range 3 {
		for _, f := range []func(){
			func() { _, _ = json.Codec.AppendMarshal(nil, panics{}) },
			func() { _ = json.Codec.Unmarshal([]byte(`{"a":1}`), &panics{}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				f()
			}()
		}
		var got item
		if err := json.Codec.Unmarshal([]byte(`{"id":"a"}`), &got); err != nil || got != (item{ID: "a"}) {
			t.Errorf("after a panic: %+v, %v", got, err)
		}
		if data, err := json.Codec.AppendMarshal([]byte("x"), item{ID: "a"}); err != nil || string(data) != `x{"id":"a"}` {
			t.Errorf("after a panic: %q, %v", data, err)
		}
	}
}

func TestAppendMarshalWritesWhatMarshalWrites(t *testing.T) {
	t.Parallel()
	for _, v := range []any{nil, "<&>\u2028", 1.5, item{ID: "a"}, []int(nil), map[string]int{"b": 1, "a": 2}, make(chan int), strings.Repeat("x", 100_000)} {
		want, wantErr := json.Codec.Marshal(v)
		got, err := json.Codec.AppendMarshal([]byte{}, v)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || string(got) != string(want) {
			t.Errorf("AppendMarshal(%T) = %.40q, %v; want %.40q, %v", v, got, err, want, wantErr)
		}
	}
}
