package subschemas_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subschemas"
)

// A keyword that holds schemas, and is not walked, would be seen by nobody.
func TestOfReturnsWhateverIsInASchema(t *testing.T) {
	t.Parallel()
	s, inside := new(contract.Schema), 0
	for field, v := range reflect.ValueOf(s).Elem().Fields() {
		if field.Name == "Defs" {
			continue
		}
		below := new(contract.Schema)
		switch v.Interface().(type) {
		case *contract.Schema:
			v.Set(reflect.ValueOf(below))
		case []*contract.Schema:
			v.Set(reflect.ValueOf([]*contract.Schema{below}))
		case map[string]*contract.Schema:
			v.Set(reflect.ValueOf(map[string]*contract.Schema{"a": below}))
		default:
			continue
		}
		inside++
		if !slices.Contains(subschemas.Of(s), below) {
			t.Errorf("the schema in %s is not returned", field.Name)
		}
	}
	if got := len(subschemas.Of(s)); got != inside || inside == 0 {
		t.Errorf("%d schemas are returned, want %d", got, inside)
	}
}
