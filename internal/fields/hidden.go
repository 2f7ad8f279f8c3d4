package fields

import "reflect"

// HidesAll reports whether a struct type has something to say and no field to send it in: what it holds is in unexported
// fields. Markers, which hold nothing, do not count.
func HidesAll(t reflect.Type, read func(reflect.StructField) Tag) bool {
	if t.Kind() != reflect.Struct || len(Of(t, read).Fields) > 0 {
		return false
	}
	for f := range t.Fields() {
		if !f.IsExported() && !f.Anonymous && f.Name != "_" && f.Type.Size() > 0 {
			return true
		}
	}
	return false
}
