package json_test

import (
	stdjson "encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/typednats/typednats/codec/json"
)

// TestDecodeErrorsNameNoGoTypes has what whoever sent the data is told.
func TestDecodeErrorsNameNoGoTypes(t *testing.T) {
	t.Parallel()
	type line struct {
		Count  int8            `json:"count"`
		Flag   bool            `json:"flag"`
		Names  []string        `json:"names"`
		Ratio  float32         `json:"ratio"`
		Size   uint16          `json:"size"`
		From   netip.Addr      `json:"from"`
		Quoted int             `json:"quoted,string"`
		Extra  map[string]line `json:"extra"`
		Next   *struct {
			Name string `json:"name"`
		} `json:"next"`
	}
	for _, tt := range []struct{ body, want string }{
		{`{"count":"x"}`, `field "count": got string, want an integer of 8 bits`},
		{`{"count":300}`, `field "count": got number 300, want an integer of 8 bits`},
		{`{"size":-1}`, `field "size": got number -1, want an integer of 16 bits without a sign`},
		{`{"flag":[]}`, `field "flag": got array, want a boolean`},
		{`{"names":{}}`, `field "names": got object, want an array`},
		{`{"ratio":"1"}`, `field "ratio": got string, want a number of 32 bits`},
		{`{"from":7}`, `field "from": got number, want a string`},
		{`{"next":{"name":7}}`, `field "next.name": got number, want a string`},
		{`{"next":7}`, `field "next": got number, want an object`},
		{`{"quoted":"x"}`, `a number or boolean in quotes does not fit its field`},
		{`7`, `got number, want an object`},
		{`{"count":`, `unexpected end of JSON input`},
	} {
		for name, codec := range map[string]json.Encoding{"plain": json.Codec, "strict": json.New(json.WithoutUnknownFields())} {
			err := codec.Unmarshal([]byte(tt.body), new(line))
			if err == nil || err.Error() != tt.want && (name == "plain" || tt.body != `{"count":`) {
				t.Errorf("%s, %s: %v, want %q", name, tt.body, err, tt.want)
			}
		}
	}
	err := json.Codec.Unmarshal([]byte(`{"count":"x"}`), new(line))
	if cause, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); !ok || cause.Type != reflect.TypeFor[int8]() {
		t.Errorf("%#v, want the error of encoding/json in its tree", err)
	}
}
