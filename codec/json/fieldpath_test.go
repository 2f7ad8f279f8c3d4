//go:build !goexperiment.jsonv2

package json_test

import (
	stdjson "encoding/json"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/typednats/typednats/codec/json"
)

// ownReader reads itself by way of another type, as types do that have a default for a field.
type ownReader struct {
	Count int `json:"count"`
}

func (r *ownReader) UnmarshalJSON(data []byte) error {
	type plain ownReader
	return stdjson.Unmarshal(data, &struct{ *plain }{(*plain)(r)})
}

// Names of embedded structs stood in the path to a field, and methods of the standard library tell of Go types.
func TestDecodeErrorsSpeakOfWhatWasSent(t *testing.T) {
	t.Parallel()
	type Audit struct {
		By     string `json:"by"`
		Origin struct {
			Port int `json:"port"`
		} `json:"origin.host"`
	}
	type base struct {
		Audit

		ID int `json:"id"`
	}
	type line struct {
		base

		Extra   map[string]line `json:"extra"`
		Lines   []*line         `json:"lines"`
		Own     ownReader       `json:"own"`
		Shelves map[int8]int    `json:"shelves"`
		At      time.Time       `json:"at"`
		Wei     big.Int         `json:"wei"`
		Price   *big.Rat        `json:"price"`
		Number  stdjson.Number  `json:"number"`
		From    netip.Addr      `json:"from"`
	}
	for _, tt := range []struct{ body, want string }{
		{`{"id":"x"}`, `field "id": got string, want an integer of 64 bits`},
		{`{"by":7}`, `field "by": got number, want a string`},
		{`{"origin.host":{"port":"x"}}`, `field "origin.host.port": got string, want an integer of 64 bits`},
		{`{"extra":{"a":{"extra":{"b":{"by":7}}}}}`, `field "extra.extra.by": got number, want a string`},
		{`{"lines":[{},{"id":"x"}]}`, `field "lines.id": got string, want an integer of 64 bits`},
		{`{"own":{"count":"x"}}`, `field "own.count": got string, want an integer of 64 bits`},
		{`{"shelves":{"x":1}}`, `field "shelves": got "x", want an integer of 8 bits`},
		{`{"shelves":{"300":1}}`, `field "shelves": got number 300, want an integer of 8 bits`},
		{`{"at":"yesterday"}`, `got "yesterday", want a time such as 2006-01-02T15:04:05Z`},
		{`{"at":"2020-13-01T00:00:00Z"}`, `got "2020-13-01T00:00:00Z", want a time such as 2006-01-02T15:04:05Z: month out of range`},
		{`{"at":7}`, `want a time, in quotes, such as 2006-01-02T15:04:05Z`},
		{`{"wei":"x"}`, `got "x", want an integer`},
		{`{"wei":1.5}`, `got "1.5", want an integer`},
		{`{"price":"x"}`, `got "x", want a fraction`},
		{`{"number":"x"}`, `got "x", want a number`},
		{`{"from":"1.2"}`, `got "1.2", want an IP address`},
	} {
		for name, codec := range map[string]json.Encoding{"plain": json.Codec, "strict": json.New(json.WithoutUnknownFields())} {
			if err := codec.Unmarshal([]byte(tt.body), new(line)); err == nil || err.Error() != tt.want {
				t.Errorf("%s, %s: %v, want %q", name, tt.body, err, tt.want)
			}
		}
	}
}
