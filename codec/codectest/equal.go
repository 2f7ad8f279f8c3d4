package codectest

import (
	"math"
	"reflect"
)

// equal reports whether a codec may turn a into b: they are deeply equal, but a nil slice or map equals an empty one
// because not every format tells them apart, and a type with a method Equal is compared with it, as time.Time needs.
func equal(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	if result, ok := equalMethod(a, b); ok {
		return result
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return equalMaps(a, b)
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Func:
		return a.IsNil() && b.IsNil()
	default:
		return a.Equal(b)
	}
}

func equalMaps(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for iter := a.MapRange(); iter.Next(); {
		if other := b.MapIndex(iter.Key()); !other.IsValid() || !equal(iter.Value(), other) {
			return false
		}
	}
	return true
}

// equalMethod calls the method Equal of a, if it has one that takes a value of its own type.
func equalMethod(a, b reflect.Value) (result, ok bool) {
	// Through an unexported field nothing can be called, and a nil pointer may not bear it.
	if !a.CanInterface() || a.Kind() == reflect.Pointer || a.Kind() == reflect.Interface {
		return false, false
	}
	method := a.MethodByName("Equal")
	if !method.IsValid() || method.Type() != reflect.FuncOf([]reflect.Type{a.Type()}, []reflect.Type{reflect.TypeFor[bool]()}, false) {
		return false, false
	}
	return method.Call([]reflect.Value{b})[0].Bool(), true
}
