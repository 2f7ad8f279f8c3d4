package raw_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/codec/codectest"
	"github.com/typednats/typednats/codec/raw"
)

type (
	text  string
	blob  []byte
	octet byte
	cycle *cycle
)

func TestConformance(t *testing.T) {
	t.Parallel()
	codectest.Run(t, raw.Codec,
		"", "hello", "\xff\x00", []byte{}, []byte("hello"), []byte(nil), text("named"), blob("named"), []octet{1, 2},
		json.RawMessage(`{"a":1}`), new("pointer"), new([]byte("pointer")), new(text("both")), new(new(blob("twice"))),
		strings.Repeat("x", 100_000),
	)
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"string", "a\x00b", "a\x00b"},
		{"bytes", []byte("ab"), "ab"},
		{"no bytes", []byte(nil), ""},
		{"named string", text("ab"), "ab"},
		{"named bytes", blob("ab"), "ab"},
		{"slice of a named byte", []octet{'a', 'b'}, "ab"},
		{"pointer", new("ab"), "ab"},
		{"pointer to a pointer", new(new(blob("ab"))), "ab"},
		{"JSON is not encoded again", json.RawMessage(`{}`), "{}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := raw.Codec.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]byte(tt.want), got); diff != "" {
				t.Errorf("encoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMarshalErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, "raw: cannot encode <nil>"},
		{"number", 1, "raw: cannot encode int: it is neither string nor []byte"},
		{"struct", struct{ S string }{"a"}, "raw: cannot encode struct { S string }"},
		{"slice of strings", []string{"a"}, "raw: cannot encode []string"},
		{"array of bytes", [2]byte{}, "raw: cannot encode [2]uint8"},
		{"slice of int8", []int8{1}, "raw: cannot encode []int8"},
		{"nil pointer", (*string)(nil), "raw: cannot encode *string: it is nil"},
		{"pointer to a nil pointer", new(*text), "raw: cannot encode **raw_test.text: it is nil"},
		{"pointer to a number", new(int), "raw: cannot encode *int: it is neither"},
		{"pointer to itself", new(cycle), "raw: cannot encode *raw_test.cycle: it is neither"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := raw.Codec.Marshal(tt.value)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || got != nil {
				t.Errorf("Marshal = %q, %v; want the error %q", got, err, tt.want)
			}
		})
	}
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		target, want any // pointers to the same type
	}{
		{"string", new(string), new("ab")},
		{"bytes", new([]byte), new([]byte("ab"))},
		{"bytes that are there", new([]byte("before")), new([]byte("ab"))},
		{"named string", new(text), new(text("ab"))},
		{"named bytes", new(blob), new(blob("ab"))},
		{"slice of a named byte", new([]octet), &[]octet{'a', 'b'}},
		{"nil pointer", new(*text), new(new(text("ab")))},
		{"pointer that is there", new(new("before")), new(new("ab"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := raw.Codec.Unmarshal([]byte("ab"), tt.target); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.target); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnmarshalErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		target any
		want   string
	}{
		{"nil", nil, "raw: cannot decode into <nil>: it is not a pointer, or nil"},
		{"string", "a", "raw: cannot decode into string: it is not a pointer, or nil"},
		{"nil pointer to a string", (*string)(nil), "raw: cannot decode into *string: it is not a pointer, or nil"},
		{"nil pointer to bytes", (*[]byte)(nil), "raw: cannot decode into *[]uint8: it is not a pointer, or nil"},
		{"number", new(int), "raw: cannot decode into *int: it points to neither string nor []byte"},
		{"any", new(any), "raw: cannot decode into *interface {}: it points to neither"},
		{"array", new([2]byte), "raw: cannot decode into *[2]uint8: it points to neither"},
		{"pointer to itself", new(cycle), "raw: cannot decode into *raw_test.cycle: it points to neither"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := raw.Codec.Unmarshal([]byte("ab"), tt.target)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Unmarshal: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnmarshalEmptyBody(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {}} {
		got := []byte(nil)
		if err := raw.Codec.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]byte{}, got); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{"", "text", "\x00\xff", `{"a":1}`, "\xdd\xff\xff\xff\xff\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, target := range []any{new(string), new([]byte), new(text), new(blob), new(*string), new(**blob)} {
			if err := raw.Codec.Unmarshal(data, target); err != nil {
				t.Fatalf("into %T: %v", target, err)
			}
			again, err := raw.Codec.Marshal(target)
			if err != nil {
				t.Fatalf("encode %T: %v", target, err)
			}
			if !bytes.Equal(data, again) {
				t.Fatalf("%T turned %x into %x", target, data, again)
			}
		}
	})
}

func TestSchema(t *testing.T) {
	t.Parallel()
	for typ, want := range map[reflect.Type]string{
		reflect.TypeFor[string]():  `{"contentMediaType":"application/octet-stream"}`,
		reflect.TypeFor[*[]byte](): `{"contentMediaType":"application/octet-stream"}`,
		reflect.TypeFor[int]():     "",
	} {
		if got, ok := raw.Codec.Schema(typ); string(got) != want || ok != (want != "") {
			t.Errorf("%v: %s, %v", typ, got, ok)
		}
	}
}
