package schema_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/typednats/typednats/internal/schema"
	"github.com/typednats/typednats/internal/schema/schematest"
)

// TestWhatJSONWritesIsDescribed: the schema of a type accepts what encoding/json writes for its values.
func TestWhatJSONWritesIsDescribed(t *testing.T) {
	t.Parallel()
	types := map[reflect.Type]bool{}
	for _, v := range schematest.Values() {
		typ := reflect.TypeOf(v).Elem()
		types[typ] = true
		described, err := schema.Of(typ, schema.JSON())
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		written, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		value, err := schematest.Parse(written)
		if err != nil {
			t.Fatal(err)
		}
		if err := schematest.Validate(described, value); err != nil {
			t.Errorf("%v: %v\nwritten: %s\nschema: %s", typ, err, written, described)
		}
	}
	if len(types) < 60 {
		t.Errorf("%d types", len(types))
	}
	t.Log(len(types), "types")
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func BenchmarkOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.Of(reflect.TypeFor[schematest.Nullable](), schema.JSON()); err != nil {
			b.Fatal(err)
		}
	}
}
