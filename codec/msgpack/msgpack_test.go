package msgpack_test

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vmsgpack "github.com/vmihailenco/msgpack/v5"

	"github.com/typednats/typednats/codec/codectest"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

func TestMain(m *testing.M) {
	// The library's registry is global and not synchronised, so no test can do this.
	vmsgpack.RegisterExt(42, (*point)(nil))
	m.Run()
}

// point is an extension type of two bytes.
type point struct{ X, Y byte }

func (p *point) MarshalMsgpack() ([]byte, error) { return []byte{p.X, p.Y}, nil }

func (p *point) UnmarshalMsgpack(data []byte) error {
	if len(data) != 2 {
		return errors.New("want two bytes")
	}
	p.X, p.Y = data[0], data[1]
	return nil
}

func TestConformance(t *testing.T) {
	t.Parallel()
	codectest.Run(t, msgpack.Codec)
}

func TestConformanceOfFurtherTypes(t *testing.T) {
	t.Parallel()
	codectest.Run(t, msgpack.Codec,
		map[any]any{"a": int64(1), int64(-2): true},
		map[netip.Addr]string{netip.MustParseAddr("::1"): "home"},
		&point{1, 2}, []*point{{0xdf, 0xff}},
		vmsgpack.RawMessage{0x93, 1, 2, 3},
		[]any{time.Unix(1_700_000_000, 0), "text"},
		asArray{A: 1, B: "b"},
		[4]byte{1, 2, 3, 4},
	)
}

type asArray struct {
	_msgpack struct{} `msgpack:",as_array"` //nolint:unused // the library reads its tag

	A int
	B string
}

func TestUnmarshalIntoAny(t *testing.T) {
	t.Parallel()
	in := map[string]any{
		"int": 5, "negative": -300, "large": 300, "uint": uint64(math.MaxUint64), "float": 1.5, "float32": float32(0.5),
		"text": "t", "bytes": []byte("b"), "nil": nil, "bool": true,
		"list": []int{1, 2}, "map": map[string]int{"a": 1}, "time": time.Unix(1_700_000_000, 0),
	}
	want := map[string]any{
		"int": int64(5), "negative": int64(-300), "large": uint64(300), "uint": uint64(math.MaxUint64), "float": 1.5, "float32": 0.5,
		"text": "t", "bytes": "b", "nil": nil, "bool": true,
		"list": []any{int64(1), int64(2)}, "map": map[string]any{"a": int64(1)}, "time": time.Unix(1_700_000_000, 0),
	}
	data, err := msgpack.Codec.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("decoded into any (-want +got):\n%s", diff)
	}
}

type base struct {
	Inherited string `json:"inherited"`
}

type tagged struct {
	Plain   int
	JSON    int    `json:"json_name"`
	Both    int    `json:"ignored" msgpack:"both"`
	Skipped string `json:"-"`
	Omitted string `json:"omitted,omitempty"`
	Kept    string `json:"kept"`
	hidden  int
	base
	*More
	Nested base `json:"nested"`
}

type More struct {
	Extra []string `json:"extra,omitempty"`
	Time  time.Time
}

// TestFieldNames compares what both codecs make of one struct. The field with both tags is the only difference.
func TestFieldNames(t *testing.T) {
	t.Parallel()
	values := []tagged{
		{More: &More{}},
		{
			Plain: 1, JSON: 2, Both: 3, Skipped: "s", Omitted: "o", Kept: "k", hidden: 4,
			base: base{"i"}, More: &More{Extra: []string{"e"}}, Nested: base{"n"},
		},
	}
	for _, v := range values {
		var fromJSON, fromMsgpack map[string]any
		for _, pass := range []struct {
			codec codectest.Codec
			into  *map[string]any
		}{{json.Codec, &fromJSON}, {msgpack.Codec, &fromMsgpack}} {
			data, err := pass.codec.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := pass.codec.Unmarshal(data, pass.into); err != nil {
				t.Fatal(err)
			}
		}
		want := keys("", fromJSON)
		want["both"] = want["ignored"]
		delete(want, "ignored")
		if diff := cmp.Diff(want, keys("", fromMsgpack)); diff != "" {
			t.Errorf("keys (-json +msgpack):\n%s", diff)
		}
	}
}

// keys returns the paths of all keys in m.
func keys(prefix string, m map[string]any) map[string]bool {
	found := make(map[string]bool)
	for k, v := range m {
		found[prefix+k] = true
		if inner, ok := v.(map[string]any); ok {
			for k := range keys(prefix+k+".", inner) {
				found[k] = true
			}
		}
	}
	return found
}

// TestEmbeddedWithName pins what the documentation of Codec says about an embedded struct.
func TestEmbeddedWithName(t *testing.T) {
	t.Parallel()
	type Part struct{ A int }
	type flat struct {
		Part `msgpack:"part,inline"`
	}
	type nested struct {
		Part `json:"part"`
	}
	type unnamed struct {
		Part `msgpack:",noinline"`
	}
	tests := []struct {
		name  string
		value any
		want  map[string]any
	}{
		{"flat", flat{Part{1}}, map[string]any{"A": int64(1)}},
		{"by its name", nested{Part{1}}, map[string]any{"part": map[string]any{"A": int64(1)}}},
		{"by its type", unnamed{Part{1}}, map[string]any{"Part": map[string]any{"A": int64(1)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := msgpack.Codec.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMarshalBytes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, "c0"},
		{"shortest integer", int64(5), "05"},
		{"negative integer", int32(-200), "d1ff38"},
		{"string", "abc", "a3616263"},
		{"bytes", []byte("abc"), "c403616263"},
		{"struct", struct {
			A int `json:"a"`
		}{1}, "81a16101"},
		{"time", time.Unix(1, 0), "d6ff00000001"},
		{"duration", time.Microsecond, "cd03e8"},
		{"extension", &point{1, 2}, "d52a0102"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := msgpack.Codec.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, hex.EncodeToString(data)); diff != "" {
				t.Errorf("encoded (-want +got):\n%s", diff)
			}
		})
	}
}

type loop struct {
	Next *loop  `json:"next"`
	Text string `json:"text,omitempty"`
}

type loops []loops

type panics struct{} //nolint:recvcheck // a value is encoded, a pointer is decoded into

const onPurpose = "on purpose"

func (panics) MarshalMsgpack() ([]byte, error)  { panic(onPurpose) }
func (*panics) UnmarshalMsgpack(_ []byte) error { panic(onPurpose) }

// silent writes nothing when it is encoded.
type silent struct{} //nolint:recvcheck // as above

func (silent) EncodeMsgpack(*vmsgpack.Encoder) error { return nil }

func (*silent) DecodeMsgpack(dec *vmsgpack.Decoder) error { return dec.Skip() }

// endless is an any that leads to itself.
func endless() any {
	var v any
	v = &v
	return v
}

// nest returns a value with this many levels.
func nest(levels int) any {
	var v any
	for range levels {
		v = []any{v}
	}
	return v
}

func TestMarshalErrors(t *testing.T) {
	t.Parallel()
	ring := &loop{}
	ring.Next = ring
	slice := make(loops, 1)
	slice[0] = slice
	dict := map[string]any{}
	dict["self"] = []any{dict}
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"struct that contains itself", ring, "contains itself"},
		{"slice that contains itself", slice, "contains itself"},
		{"map that contains itself", dict, "contains itself"},
		{"value that is nested too deeply", nest(513), "nested deeper than 512 levels"},
		{"method that writes nothing", silent{}, "ends before the value does"},
		{"method that writes two values", vmsgpack.RawMessage{1, 2}, "1 bytes after the value"},
		{"interned strings", struct {
			A, B string `msgpack:",intern"`
		}{"again", "again"}, "an option that is not supported, \"intern\""},
		{"method that writes two values in an array", []any{vmsgpack.RawMessage{1, 2}, silent{}}, "[0]: 1 bytes after the value"},
		{"channel in a struct", struct{ C chan int }{}, "C: chan int cannot be encoded"},
		{"channel in an any", []any{make(chan int)}, "[0]: chan int: chan int cannot be encoded"},
		{"pointer to itself", endless(), "contains itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data, err := msgpack.Codec.Marshal(tt.value)
			if err == nil || !strings.Contains(err.Error(), tt.want) || data != nil {
				t.Errorf("Marshal = %x, %v; want an error with %q", data, err, tt.want)
			}
		})
	}
}

// TestMarshalDeepAndLarge encodes the deepest value that can be read again, with much to write at its bottom, which is
// no reason to take it for one that contains itself.
func TestMarshalDeepAndLarge(t *testing.T) {
	t.Parallel()
	want := &loop{Text: strings.Repeat("x", 100_000)}
	for range 511 {
		want = &loop{Next: want}
	}
	data, err := msgpack.Codec.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got *loop
	if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}
