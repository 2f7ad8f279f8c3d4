package msgpack_test

import (
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	library "github.com/vmihailenco/msgpack/v5"

	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/internal/schema/schematest"
)

// TestWhatIsWrittenIsDescribed: the schema of a type accepts what the codec writes for its values.
func TestWhatIsWrittenIsDescribed(t *testing.T) {
	t.Parallel()
	types := map[reflect.Type]bool{}
	for _, v := range append(schematest.Values(), new(custom), new(bare), &struct{ C *custom }{}) {
		typ := reflect.TypeOf(v).Elem()
		described, ok := msgpack.Codec.Schema(typ)
		if refused := msgpack.Codec.CheckType(typ) != nil; ok == refused {
			t.Errorf("%v: described %v, refused %v", typ, ok, refused)
		}
		if !ok {
			continue
		}
		types[typ] = true
		written, err := msgpack.Codec.Marshal(v)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		value, err := asJSON(written)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		if err := schematest.Validate(described, value); err != nil {
			t.Errorf("%v: %v\nwritten: %v\nschema: %s", typ, err, value, described)
		}
	}
	if len(types) < 55 {
		t.Errorf("%d types", len(types))
	}
	t.Log(len(types), "types")
}

type custom struct{ n int }

func (c *custom) MarshalMsgpack() ([]byte, error) { return library.Marshal(c.n) }
func (c *custom) UnmarshalMsgpack(b []byte) error { return library.Unmarshal(b, &c.n) }

// bare is a list that is text by its methods, and nil without them.
type bare []string

func (b *bare) MarshalText() ([]byte, error)    { return []byte(strings.Join(*b, ",")), nil }
func (b *bare) UnmarshalText(text []byte) error { *b = strings.Split(string(text), ","); return nil }

// asJSON reads MessagePack as the JSON that it stands for.
func asJSON(data []byte) (any, error) {
	dec := library.NewDecoder(strings.NewReader(string(data)))
	dec.SetMapDecoder(mapAsJSON)
	v, err := dec.DecodeInterface()
	if err != nil {
		return nil, err
	}
	return asJSONValue(v), nil
}

func mapAsJSON(d *library.Decoder) (any, error) {
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return nil, err
	}
	object := make(map[string]any, n)
	for range n {
		key, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		value, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		object[fmt.Sprint(asJSONValue(key))] = asJSONValue(value)
	}
	return object, nil
}

func asJSONValue(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = asJSONValue(e)
		}
		return list
	case map[string]any:
		return v
	case float64, float32:
		return stdjson.Number(fmt.Sprintf("%v", v))
	default:
		return stdjson.Number(fmt.Sprint(v))
	}
}

// TestSchemaSaysWhereItDiffersFromJSON has what JSON writes in another way.
func TestSchemaSaysWhereItDiffersFromJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[[4]byte](), `{"contentEncoding":"base64","type":"string"}`},
		{reflect.TypeFor[stdjson.RawMessage](), `{"contentEncoding":"base64","type":["string","null"]}`},
		{reflect.TypeFor[stdjson.Number](), `{"type":"string"}`},
		{reflect.TypeFor[schematest.Label](), `{"contentEncoding":"base64","type":"string"}`},
		{reflect.TypeFor[*bare](), `{"contentEncoding":"base64","type":["string","null"]}`},
		{reflect.TypeFor[custom](), `{}`},
		{reflect.TypeFor[schematest.Row](), `{"$defs":{"Row":{"maxItems":2,"minItems":2,"type":"array"}},"$ref":"#/$defs/Row"}`},
		{reflect.TypeFor[time.Time](), `{"format":"date-time","type":"string"}`},
		{reflect.TypeFor[map[bool]any](), `{"additionalProperties":{},"type":["object","null"],"x-keys":{"type":"boolean"}}`},
		{reflect.TypeFor[map[float32]any](), `{"additionalProperties":{},"type":["object","null"],"x-keys":{"format":"float","type":"number"}}`},
		{reflect.TypeFor[map[schematest.Word8]any](), `{"additionalProperties":{},"type":["object","null"]}`},
		{reflect.TypeFor[map[time.Time]any](), `{"additionalProperties":{},"type":["object","null"],"x-keys":{"format":"date-time","type":"string"}}`},
		{reflect.TypeFor[map[netip.Addr]any](), `{"additionalProperties":{},"type":["object","null"],"x-keys":{"contentEncoding":"base64","type":"string"}}`},
		{reflect.TypeFor[map[[4]byte]any](), `{"additionalProperties":{},"type":["object","null"],"x-keys":{"contentEncoding":"base64","type":"string"}}`},
		{reflect.TypeFor[map[[2]string]any](), `{"additionalProperties":{},"type":["object","null"]}`},
	} {
		if got, _ := msgpack.Codec.Schema(tt.typ); string(got) != tt.want {
			t.Errorf("%v: %s\nwant %s", tt.typ, got, tt.want)
		}
	}
	packed, _ := msgpack.Codec.Schema(reflect.TypeFor[schematest.Packed]())
	for _, name := range []string{`"alpha"`, `"base"`, `"c"`, `"required":["alpha","base","c"]`} {
		if !strings.Contains(string(packed), name) {
			t.Errorf("no %s in %s", name, packed)
		}
	}
	if _, ok := msgpack.Codec.Schema(nil); ok {
		t.Error("a nil type is described")
	}
}
