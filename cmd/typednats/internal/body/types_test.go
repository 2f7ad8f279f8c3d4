package body_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/schema/schematest"
)

// TestWhatIsShownCanBeSent: what a program has written in MessagePack is shown as JSON that fits its schema, and a program
// of the same type reads that as it was.
func TestWhatIsShownCanBeSent(t *testing.T) {
	t.Parallel()
	types := map[reflect.Type]bool{}
	when := time.Date(2026, 11, 27, 1, 2, 3, 4, time.UTC)
	values := append(schematest.Values(), &map[time.Time]int{when: 1, when.Add(1): 2}, &map[netip.Addr]bool{netip.MustParseAddr("::1"): true},
		&map[[4]byte]string{{}: "a", {0xff, 1}: "b"}, &map[bool]int{true: 1, false: 0}, &map[float64]int{0.5: 1, 3: 2}, &map[int8]any{-1: "x"})
	for _, v := range values {
		typ := reflect.TypeOf(v).Elem()
		described, ok := msgpack.Codec.Schema(typ)
		if !ok {
			continue
		}
		types[typ] = true
		s, err := contract.ParseSchema(described)
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		written, err := msgpack.Codec.Marshal(v)
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		shown, err := body.Decode(s, written)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		if problems := body.Check(s, shown, "r"); len(problems) > 0 {
			t.Errorf("%v: %v", typ, problems)
		}
		sent, err := body.Encode(s, shown, "r")
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		got := reflect.New(typ).Interface()
		if err := msgpack.Codec.Unmarshal(sent, got); err != nil {
			t.Errorf("%v: %v: %v", typ, err, shown)
			continue
		}
		again, err := msgpack.Codec.Marshal(got)
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		if shownAgain, err := body.Decode(s, again); err != nil {
			t.Errorf("%v: %v", typ, err)
		} else if diff := cmp.Diff(withoutNull(shown), withoutNull(shownAgain)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", typ, diff)
		}
	}
	if len(types) < 50 {
		t.Errorf("%d types", len(types))
	}
}

// withoutNull leaves out members that are null: a program may leave out what it was sent as null.
func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for name, member := range v {
			if member != nil {
				object[name] = withoutNull(member)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = withoutNull(element)
		}
		return list
	default:
		return v
	}
}
