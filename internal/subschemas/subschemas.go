// Package subschemas walks down the schemas of a contract.
package subschemas

import (
	"maps"
	"slices"

	"github.com/typednats/typednats/contract"
)

// Of returns the schemas directly in a schema, in an order that is always the same. Definitions are not among them.
func Of(s *contract.Schema) []*contract.Schema {
	var list []*contract.Schema
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		list = append(list, s.Properties[name])
	}
	for _, below := range append([]*contract.Schema{s.AdditionalProperties, s.Keys, s.Items}, s.AnyOf...) {
		if below != nil {
			list = append(list, below)
		}
	}
	return list
}
