package fields

import (
	"reflect"
	"sync"
)

// HidesAll reports whether a struct type has something to say and no field to send it in: what it holds is in unexported
// fields. Markers and locks, which hold nothing, do not count.
func HidesAll(t reflect.Type, read func(reflect.StructField) Tag) bool {
	if t.Kind() != reflect.Struct || len(Of(t, read).Fields) > 0 || reflect.PointerTo(t).Implements(reflect.TypeFor[sync.Locker]()) {
		return false
	}
	for f := range t.Fields() {
		if !f.IsExported() && !f.Anonymous && f.Name != "_" && f.Type.Size() > 0 {
			return true
		}
	}
	return false
}
