package msgpack_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vmsgpack "github.com/vmihailenco/msgpack/v5"

	"github.com/typednats/typednats/codec/msgpack"
)

// document has a field of every kind.
type document struct {
	S   string            `json:"s"`
	I   int8              `json:"i"`
	U   uint64            `json:"u"`
	F   float32           `json:"f"`
	B   []byte            `json:"b"`
	A   [3]byte           `json:"a"`
	P   *document         `json:"p"`
	L   []document        `json:"l"`
	SS  []string          `json:"ss"`
	MS  map[string]string `json:"ms"`
	MA  map[string]any    `json:"ma"`
	M   map[any]any       `json:"m"`
	T   time.Time         `json:"t"`
	D   time.Duration     `json:"d"`
	X   any               `json:"x"`
	R   vmsgpack.RawMessage
	Pt  *point
	Ptr uintptr
}

// targets returns a pointer to a fresh value of every type that hostile bytes are decoded into.
func targets() []any {
	return []any{
		new(any), new(string), new([]byte), new(int), new(uint8), new(float64), new(bool), new(*int),
		new([]int64), new([]string), new([]any), new([]struct{}), new([3]int), new([]map[string]any), new([]map[string]string),
		new([]map[int]string), new(map[string]any), new(map[string]string), new(map[string]int), new(map[any]any), new(map[[2]int]bool),
		new(map[string][]byte), new(time.Time), new([]time.Time), new(time.Duration), new(struct{}), new(document), new(*document),
		new([]document), new(map[string]*document), new(vmsgpack.RawMessage), new(point), new([]*point), new(panics), new(uintptr),
	}
}

// unmarshal returns the panic of a method as an error, as who calls a codec may.
func unmarshal(data []byte, target any) (err error) {
	defer func() {
		if p := recover(); p != nil && p != onPurpose {
			panic(p)
		} else if p != nil {
			err = errors.New(onPurpose)
		}
	}()
	return msgpack.Codec.Unmarshal(data, target)
}

// TestRefused tries bytes that no target may accept. Several of them end the process when the library sees them.
func TestRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data string // in hexadecimal
		want string
	}{
		{"nothing", "", "ends before the value does"},
		{"array that promises 4 billion elements", "ddffffffff01", "ends before the value does"},
		{"array16 that promises too much", "dcffff0102", "ends before the value does"},
		{"map that promises 4 billion pairs", "dfffffffffa161", "ends before the value does"},
		{"map16 that promises too much", "deffffa16101", "ends before the value does"},
		{"map with a key only", "81a161", "ends before the value does"},
		{"string longer than the data", "dbffffffff61", "ends before the value does"},
		{"bytes longer than the data", "c6ffffffff61", "ends before the value does"},
		{"extension longer than the data", "c9ffffffff0061", "ends before the value does"},
		{"largest length of an extension", "c9ffffffffff", "ends before the value does"},
		{"length cut short", "dd0000", "ends before the value does"},
		{"extension without a type", "d4", "ends before the value does"},
		{"extension without a payload", "d500", "ends before the value does"},
		{"number cut short", "cf00000000000000", "ends before the value does"},
		{"inner array that promises too much", "91ddffffffff01", "ends before the value does"},
		{"lengths that add up to too much", "92dd00000004010203dd0000000401", "ends before the value does"},
		{"unused code", "c1", "unknown code 0xc1"},
		{"second value", "0101", "1 bytes after the value"},
		{"something after a struct", "80c0", "1 bytes after the value"},
		{"interned string", "d48001", "interned strings"},
		{"interned string of a later index", "c7028000ff", "interned strings"},
		{"deep arrays", strings.Repeat("91", 513) + "c0", "nested deeper than 512 levels"},
		{"deep maps", strings.Repeat("81a0", 513) + "c0", "nested deeper than 512 levels"},
		{"a megabyte of arrays", strings.Repeat("91", 1<<20) + "c0", "nested deeper than 512 levels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := hex.DecodeString(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			for _, target := range targets() {
				err := msgpack.Codec.Unmarshal(data, target)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Unmarshal into %T: %v, want an error with %q", target, err, tt.want)
				}
			}
		})
	}
}

// TestRefusedByType tries well-formed bytes that the library handles badly for one type.
func TestRefusedByType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		data   string
		target any
		want   string
	}{
		// The library takes the payload of an extension for the map. The length in it then counts for nothing.
		{"extension for a map", "c70500dfffffffff", new(map[string]any), "an extension where a map belongs"},
		{"extension for a map of strings", "c70500dfffffffff", new(map[string]string), "an extension where a map belongs"},
		{"extension for a typed map", "c8000500dfffffffff", new(map[int]int), "an extension where a map belongs"},
		{"large extension for a map", "c90000000500dfffffffff", new(map[any]any), "an extension where a map belongs"},
		{"extension that lends its payload to a map", "95d400dfffffffff", new([]map[string]any), "an extension where a map belongs"},
		{"time that lends its payload to a map", "92d6ffdfffffffff", new([]map[string]any), "an extension where a map belongs"},
		{"extension for a map in a struct", "81a26d61c70500dfffffffff", new(document), "an extension where a map belongs"},
		{"extension for a map after a time", "82a174d6ff00000001a26d61c70500dfffffffff", new(document), "an extension where a map belongs"},
		{"empty extension for a map", "92c7000580", new([]map[string]any), "an extension where a map belongs"},
		{"empty extension for the only map", "91c70005", new([]map[string]any), "an extension where a map belongs"},

		{"slice as a key", "819001", new(map[any]any), "a map or an array as a key"},
		{"map as a key", "818001", new(map[any]any), "a map or an array as a key"},
		{"slice as a key of a map in an any", "819001", new(any), "a key that is not text"},
		{"number as a key of a map in an any", "810101", new(any), "a key that is not text"},
		{"unknown extension", "d40101", new(any), "unknown ext id=1"},
		{"extension of the wrong size", "d42a01", new(point), ""},
		{"time of the wrong size", "d4ff01", new(time.Time), "1 bytes where a time belongs"},
		{"method that reads too little", "9101", new(idle), "stopped before the end"},
		{"text for a number", "a161", new(int), "text where an integer belongs"},
		{"array for a struct", "9101", new(document), "an array of 1 elements where a map"},
		{"more bytes than the array holds", "c40401020304", new([3]byte), "4 bytes where 3 belong"},
		{"target that is no pointer", "01", 1, "not a pointer"},
		{"nil target", "01", nil, "not a pointer, or nil"},
		{"nil pointer", "90", (*[]string)(nil), "not a pointer, or nil"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := hex.DecodeString(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			err = msgpack.Codec.Unmarshal(data, tt.target)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Unmarshal into %T: %v, want an error with %q", tt.target, err, tt.want)
			}
		})
	}
}

func TestDepthLimitIsReachable(t *testing.T) {
	t.Parallel()
	data := append(bytes.Repeat([]byte{0x91}, 512), 0xc0)
	var got any
	if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	depth := 0
	for got != nil {
		got = got.([]any)[0]
		depth++
	}
	if depth != 512 {
		t.Errorf("decoded %d levels, want 512", depth)
	}
}

// TestTimesThatLookLikeMaps has extensions that are fine, with payloads that begin like maps.
func TestTimesThatLookLikeMaps(t *testing.T) {
	t.Parallel()
	for _, b := range []byte{0x80, 0x8f, 0xde, 0xdf} {
		want := []time.Time{time.Unix(int64(b)<<24, 0), time.Unix(0, int64(b)<<22), time.Unix(-1, int64(b)<<22)}
		data, err := msgpack.Codec.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var typed []time.Time
		var untyped any
		var raw []vmsgpack.RawMessage
		for _, target := range []any{&typed, &untyped, &raw} {
			if err := msgpack.Codec.Unmarshal(data, target); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, typed); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(any([]any{want[0], want[1], want[2]}), untyped); diff != "" {
			t.Errorf("times in an any (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(data[1:], bytes.Join([][]byte{raw[0], raw[1], raw[2]}, nil)); diff != "" {
			t.Errorf("raw messages (-want +got):\n%s", diff)
		}
	}
}

// meddler changes the decoder that it is handed, as a method of a payload can.
type meddler struct{}

func (m *meddler) DecodeMsgpack(dec *vmsgpack.Decoder) error {
	dec.SetCustomStructTag("other")
	dec.UseLooseInterfaceDecoding(false)
	dec.DisallowUnknownFields(true)
	dec.SetMapDecoder(func(*vmsgpack.Decoder) (any, error) { return nil, errors.New("a map decoder that stayed") })
	return dec.Skip()
}

func (m *meddler) EncodeMsgpack(enc *vmsgpack.Encoder) error { return enc.EncodeNil() }

// idle decodes nothing at all.
type idle struct{}

func (*idle) DecodeMsgpack(*vmsgpack.Decoder) error { return nil }

func (*idle) EncodeMsgpack(enc *vmsgpack.Encoder) error { return enc.EncodeNil() }

// TestDecodersAreReset uses one decoder after the other, so that some are used again.
func TestDecodersAreReset(t *testing.T) {
	t.Parallel()
	type payload struct {
		A any `json:"a"`
	}
	data, err := msgpack.Codec.Marshal(map[string]any{"a": map[string]int{"x": 1}, "unknown": true})
	if err != nil {
		t.Fatal(err)
	}
	want := payload{A: map[string]any{"x": int64(1)}}
	for range 100 {
		for _, bad := range []any{new(panics), new(int), new(map[any]int)} {
			if err := unmarshal([]byte{0x81, 0x90, 0x01}, bad); err == nil {
				t.Fatalf("Unmarshal into %T succeeded", bad)
			}
		}
		if err := msgpack.Codec.Unmarshal([]byte{0x01}, new(meddler)); err != nil {
			t.Fatal(err)
		}
		var got payload
		if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("decoded (-want +got):\n%s", diff)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, v := range []any{
		nil, "text", []byte("bytes"), -5, 1.5, []string{"a"}, map[string]any{"k": []int{1, 300}}, time.Unix(1<<31, 5),
		map[string]any{"s": "s", "l": []any{nil, map[string]any{}}, "ms": map[string]string{"a": "b"}, "x": []any{1, "x"}}, &point{1, 2},
	} {
		data, err := msgpack.Codec.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("\xdd\xff\xff\xff\xff\x01"))
	f.Add([]byte("\xdf\xff\xff\xff\xff\xa1a"))
	f.Add([]byte("\xc7\x05\x00\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\x95\xd4\x00\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\x81\x90\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		given := bytes.Clone(data)
		for _, target := range targets() {
			if err := unmarshal(data, target); err != nil {
				continue
			}
			// What was decoded can be encoded, and decoded again.
			v := reflect.ValueOf(target).Elem().Interface()
			switch v := v.(type) {
			case uintptr, panics, document, *document, []document, map[string]*document:
				continue // they hold what cannot be encoded
			case vmsgpack.RawMessage:
				if v == nil {
					continue // the library may write nothing for a pointer to it
				}
			}
			again, err := msgpack.Codec.Marshal(target)
			if err != nil {
				t.Fatalf("encode the decoded %T again: %v", v, err)
			}
			if err := msgpack.Codec.Unmarshal(again, reflect.New(reflect.TypeOf(target).Elem()).Interface()); err != nil {
				t.Fatalf("decode the decoded %T again, from %x: %v", v, again, err)
			}
		}
		if !bytes.Equal(given, data) {
			t.Fatal("Unmarshal changed the data")
		}
	})
}
