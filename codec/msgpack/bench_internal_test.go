package msgpack

import (
	"bytes"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

type benchOrder struct {
	ID     string            `json:"id"`
	Lines  []benchLine       `json:"lines"`
	Labels map[string]string `json:"labels"`
}

type benchLine struct {
	Item     string  `json:"item"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"`
}

func benchBody(b *testing.B) []byte {
	b.Helper()
	v := benchOrder{ID: "order-1", Labels: map[string]string{"region": "eu", "channel": "web"}}
	for range 20 {
		v.Lines = append(v.Lines, benchLine{Item: "item-456", Quantity: 12, Price: 9.99})
	}
	data, err := Codec.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkValidate is the part of BenchmarkUnmarshal that is spent before decoding.
func BenchmarkValidate(b *testing.B) {
	var w validator
	data := benchBody(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.validate(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data := benchBody(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var v benchOrder
		if err := Codec.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnmarshalLibrary is what BenchmarkUnmarshal would be without the checks.
func BenchmarkUnmarshalLibrary(b *testing.B) {
	data := benchBody(b)
	dec := msgpack.NewDecoder(nil)
	r := bytes.NewReader(nil)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var v benchOrder
		r.Reset(data)
		dec.Reset(r)
		dec.SetCustomStructTag("json")
		if err := dec.Decode(&v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	data := benchBody(b)
	var v benchOrder
	if err := Codec.Unmarshal(data, &v); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Codec.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
