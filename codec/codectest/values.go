package codectest

import (
	"math"
	"strings"
	"time"
)

// order is a struct such as payloads are: tagged, nested, with optional parts.
type order struct {
	ID       string            `json:"id"`
	Quantity int               `json:"quantity"`
	Price    float64           `json:"price,omitempty"`
	Paid     bool              `json:"paid"`
	Placed   time.Time         `json:"placed"`
	Lines    []line            `json:"lines"`
	Labels   map[string]string `json:"labels,omitempty"`
	Customer *customer         `json:"customer,omitempty"`
	Secret   string            `json:"-"`
	stamp
}

type line struct {
	Item  string   `json:"item"`
	Notes []string `json:"notes"`
	Data  []byte   `json:"data"`
}

type customer struct {
	Name    string              `json:"name"`
	Parent  *customer           `json:"parent"`
	Limits  map[string]*float64 `json:"limits"`
	Contact any                 `json:"contact"`
}

type stamp struct {
	Revision uint64 `json:"revision"`
}

type colour string

type numbers struct {
	I8  int8
	I16 int16
	I32 int32
	I64 int64
	U8  uint8
	U16 uint16
	U32 uint32
	U64 uint64
	F32 float32
	F64 float64
}

// standardValues returns what a codec for all kinds of payload must carry.
func standardValues() []any {
	limit := 12.5
	when := time.Date(2026, time.February, 28, 23, 59, 58, 123456789, time.UTC)
	return []any{
		"", "hello", "naïve 🐙 <b>&amp;</b> \u2028\"\\\n\x00", strings.Repeat("long ", 20_000), colour("red"),
		0, 1, -1, 127, 128, -129, 65_536, math.MaxInt, math.MinInt,
		int8(math.MinInt8), int16(math.MinInt16), int32(math.MinInt32), int64(math.MinInt64),
		uint(7), uint8(math.MaxUint8), uint16(math.MaxUint16), uint32(math.MaxUint32), uint64(math.MaxUint64),
		0.0, 0.1, -1e300, math.SmallestNonzeroFloat64, float32(3.25), math.MaxFloat32,
		true, false,
		[]byte{}, []byte{0, 1, 0xff}, []byte(nil),
		[]string{"a", "", "c"}, []string(nil), []int{1, -2, 300}, []int{}, []int(nil), [3]int{1, 2, 3}, [][]int{{1}, nil, {2, 3}},
		[]float64{0.5, -0.5}, make([]int, 1000), []*int{new(int), nil}, []any{"a", true, nil, 1.5},
		map[string]int{"a": 1, "b": 2}, map[string]string(nil), map[string]string{}, map[int]string{1: "a", -2: "b"},
		map[string][]line{"x": {{Item: "y"}}}, map[string]any{"s": "t", "m": map[string]any{"b": true}},
		struct{}{}, line{}, order{},
		order{
			ID: "o-1", Quantity: 3, Price: 9.99, Paid: true, Placed: when,
			Lines:    []line{{Item: "nut", Notes: []string{"M3"}, Data: []byte{1, 2}}, {}},
			Labels:   map[string]string{"k": "v", "": "empty"},
			Customer: &customer{Name: "c", Parent: &customer{}, Limits: map[string]*float64{"a": &limit, "b": nil}, Contact: "mail"},
			stamp:    stamp{Revision: 1 << 60},
		},
		&order{ID: "o-2"}, (*order)(nil), []order{{ID: "a"}, {ID: "b"}}, []*order{{ID: "c"}, nil},
		numbers{}, numbers{-1, -300, -70_000, -1 << 40, 200, 60_000, 1 << 31, 1 << 63, 0.5, 1e-7},
		when, when.In(time.FixedZone("", 5*3600+1800)), time.Unix(0, 0), time.Date(1492, time.October, 12, 0, 0, 0, 0, time.UTC), time.Time{},
		time.Duration(90) * time.Second, []time.Time{when}, map[string]time.Duration{"d": time.Minute},
	}
}
