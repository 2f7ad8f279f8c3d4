package codectest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
)

// comparer finds out whether a codec may turn one value into another: they are deeply equal, but a nil slice or map equals
// an empty one because not every format tells them apart, a type with a method Equal is compared with it, as time.Time
// needs, and a generated message is compared by what it says and not by what its runtime keeps in it.
type comparer struct {
	encode func(v any) ([]byte, error) // of the codec
}

// difference is where two values differ, or nil.
type difference struct {
	path      string
	want, got reflect.Value // not valid if one of the two is missing
}

func (d *difference) String() string {
	return fmt.Sprintf("%s: got %s, want %s", d.path, briefValue(d.got), briefValue(d.want))
}

// compare returns the first difference between two values at a path.
func (c comparer) compare(path string, a, b reflect.Value) *difference {
	differ := &difference{path, a, b}
	if !a.IsValid() || !b.IsValid() || a.Type() != b.Type() {
		if !a.IsValid() && !b.IsValid() {
			return nil
		}
		return differ
	}
	if result, ok := equalMethod(a, b); ok {
		return differ.unless(result)
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return differ.unless(a.IsNil() == b.IsNil())
		}
		if isMessage(a) {
			return c.compareMessages(path, a, b)
		}
		return c.compare(path, a.Elem(), b.Elem())
	case reflect.Struct:
		return c.compareFields(path, a, b, false)
	case reflect.Slice, reflect.Array:
		return c.compareElements(path, a, b)
	case reflect.Map:
		return c.compareMaps(path, a, b)
	case reflect.Float32, reflect.Float64:
		return differ.unless(a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float()))
	case reflect.Func:
		return differ.unless(a.IsNil() && b.IsNil())
	default:
		return differ.unless(a.Equal(b))
	}
}

// unless returns the difference if there is one.
func (d *difference) unless(equal bool) *difference {
	if equal {
		return nil
	}
	return d
}

func (c comparer) compareFields(path string, a, b reflect.Value, exportedOnly bool) *difference {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if exportedOnly && !f.IsExported() {
			continue
		}
		if d := c.compare(path+"."+f.Name, a.Field(i), b.Field(i)); d != nil {
			return d
		}
	}
	return nil
}

func (c comparer) compareElements(path string, a, b reflect.Value) *difference {
	if a.Len() != b.Len() {
		return &difference{path, a, b}
	}
	for i := range a.Len() {
		if d := c.compare(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); d != nil {
			return d
		}
	}
	return nil
}

func (c comparer) compareMaps(path string, a, b reflect.Value) *difference {
	if a.Len() != b.Len() {
		return &difference{path, a, b}
	}
	for entries := a.MapRange(); entries.Next(); {
		if d := c.compare(fmt.Sprintf("%s[%v]", path, entries.Key()), entries.Value(), b.MapIndex(entries.Key())); d != nil {
			return d
		}
	}
	return nil
}

// isMessage reports whether a pointer is to a generated protobuf message.
func isMessage(v reflect.Value) bool {
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	_, current := v.Type().MethodByName("ProtoReflect")
	_, old := v.Type().MethodByName("ProtoMessage")
	return current || old
}

// compareMessages compares the exported fields of two messages. If they have none, it compares their encodings, which may
// differ in the order of what is in them.
func (c comparer) compareMessages(path string, a, b reflect.Value) *difference {
	exported := func(f reflect.StructField) bool { return f.IsExported() }
	if slices.ContainsFunc(reflect.VisibleFields(a.Type().Elem()), exported) {
		return c.compareFields(path, a.Elem(), b.Elem(), true)
	}
	differ := &difference{path, a, b}
	if !a.CanInterface() || !b.CanInterface() {
		return differ
	}
	want, wantErr := c.encode(a.Interface())
	got, gotErr := c.encode(b.Interface())
	want, got = bytes.Clone(want), bytes.Clone(got)
	slices.Sort(want)
	slices.Sort(got)
	return differ.unless(wantErr == nil && gotErr == nil && bytes.Equal(want, got))
}

// equalMethod calls the method Equal of a, if it has one that takes a value of its own type, or any value.
func equalMethod(a, b reflect.Value) (result, ok bool) {
	// Through an unexported field nothing can be called, and a nil pointer may not bear it.
	if !a.CanInterface() || !b.CanInterface() || a.Kind() == reflect.Interface ||
		a.Kind() == reflect.Pointer && (a.IsNil() || b.IsNil()) {
		return false, false
	}
	method := a.MethodByName("Equal")
	if !method.IsValid() {
		return false, false
	}
	t := method.Type()
	if t.NumIn() != 1 || t.IsVariadic() || t.NumOut() != 1 || t.Out(0) != reflect.TypeFor[bool]() ||
		t.In(0) != a.Type() && t.In(0) != reflect.TypeFor[any]() {
		return false, false
	}
	return method.Call([]reflect.Value{b})[0].Bool(), true
}
