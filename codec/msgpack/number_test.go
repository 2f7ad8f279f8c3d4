package msgpack_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

type small int8

type tiny struct{ N uint8 }

// TestNumbersFitOrFail compares with JSON: what one codec takes, and what it makes of it, so does the other.
func TestNumbersFitOrFail(t *testing.T) {
	t.Parallel()
	numbers := []any{
		0, 1, -1, 31, -32, -33, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535, 65536,
		math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxUint32, math.MaxUint32 + 1, 1<<32 + 7, -1 << 40,
		int64(math.MaxInt64), int64(math.MinInt64), uint64(math.MaxInt64) + 1, uint64(math.MaxUint64),
		1.5, -0.5, math.MaxFloat32, -math.MaxFloat32, math.MaxFloat32 * 1.5, -1e300, 1e300, 1e-300,
	}
	types := []reflect.Type{
		reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](), reflect.TypeFor[int](),
		reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](), reflect.TypeFor[uint](),
		reflect.TypeFor[uintptr](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[small](),
	}
	for _, typ := range types {
		for _, n := range numbers {
			wantValue, wantErr := converted(t, json.Codec, n, typ)
			got, err := converted(t, msgpack.Codec, n, typ)
			if (err == nil) != (wantErr == nil) || err == nil && got != wantValue {
				t.Errorf("%v into %v: %v, %v; JSON makes of it %v, %v", n, typ, got, err, wantValue, wantErr)
			}
		}
	}
}

type anyCodec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// converted sends a number to a reader that has another type for it.
func converted(t *testing.T, codec anyCodec, n any, typ reflect.Type) (string, error) {
	t.Helper()
	data, err := codec.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	to := reflect.New(typ)
	err = codec.Unmarshal(data, to.Interface())
	return fmt.Sprint(to.Elem()), err
}

func TestNumberThatDoesNotFitIsFoundAnywhere(t *testing.T) {
	t.Parallel()
	type Embedded struct{ N int8 }
	for name, tt := range map[string]struct {
		sent, into any
		want       string
	}{
		"field":             {map[string]any{"N": 256}, new(tiny), "msgpack: N: 256 does not fit into an unsigned integer of 8 bits"},
		"negative":          {map[string]any{"N": -1}, new(tiny), "msgpack: N: -1 does not fit into an unsigned integer of 8 bits"},
		"slice":             {[]int{1, 300}, new([]int8), "msgpack: [1]: 300 does not fit into a signed integer of 8 bits"},
		"array":             {[]int{1, 300}, new([2]int8), "msgpack: [1]: 300"},
		"map":               {map[string]int{"a": 300}, new(map[string]int8), "msgpack: []: 300"},
		"key":               {map[int]string{300: "a"}, new(map[int8]string), "msgpack: []: 300"},
		"pointer":           {300, new(*int8), "msgpack: 300 does not"},
		"named":             {300, new(small), "msgpack: 300 does not"},
		"embedded":          {map[string]any{"N": 300}, new(struct{ Embedded }), "msgpack: N: 300"},
		"embedded pointer":  {map[string]any{"N": 300}, new(struct{ *Embedded }), "msgpack: N: 300"},
		"struct in a slice": {map[string]any{"L": []any{map[string]any{"N": 300}}}, new(struct{ L []tiny }), "msgpack: L[0].N: 300"},
		"struct in a map":   {map[string]any{"a": map[string]any{"N": 300}}, new(map[string]*tiny), "msgpack: [].N: 300"},
		"float32":           {1e300, new(float32), "msgpack: 1e+300 does not fit into a fraction of 32 bits"},
		"fraction":          {1.5, new(int), "msgpack: a fraction where an integer belongs"},
		"whole fraction":    {2.0, new(int), "msgpack: a fraction where an integer belongs"},
		"as an array": {[]any{300, "b"}, new(struct {
			A int8
			B string
		}), "msgpack: A: 300"},
	} {
		data, err := msgpack.Codec.Marshal(tt.sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Codec.Unmarshal(data, tt.into); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestIntegersFillFloats(t *testing.T) {
	t.Parallel()
	for _, n := range []any{7, -7, uint64(math.MaxUint64), int64(math.MinInt64)} {
		data, err := msgpack.Codec.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var got float64
		if err := msgpack.Codec.Unmarshal(data, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(reflect.ValueOf(n).Convert(reflect.TypeFor[float64]())) {
			t.Errorf("%v became %v, %v", n, got, err)
		}
	}
}
