package msgpack

import (
	"errors"
	"fmt"
	"reflect"
)

// pointerPlan is the plan of a pointer type.
type pointerPlan struct {
	typ  reflect.Type // of what it points to
	elem *plan
}

func (p pointerPlan) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.buf = append(e.buf, codeNil)
		return nil
	}
	if err := e.step(); err != nil {
		return err
	}
	err := p.elem.encode(e, v.Elem())
	e.steps--
	return err
}

func (p pointerPlan) decode(d *decoder, v reflect.Value) error {
	if d.takeNil() {
		v.SetZero()
		return nil
	}
	if v.IsNil() {
		v.Set(reflect.New(p.typ))
	}
	return p.elem.decode(d, v.Elem())
}

// arrayPlan is the plan of a slice or an array type.
type arrayPlan struct {
	typ  reflect.Type
	elem *plan
}

func (p arrayPlan) encodeSlice(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.buf = append(e.buf, codeNil)
		return nil
	}
	return p.encode(e, v)
}

func (p arrayPlan) encode(e *encoder, v reflect.Value) error {
	n := v.Len()
	e.buf = appendArrayLen(e.buf, n)
	if n == 0 {
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	for i := range n {
		if err := p.elem.encode(e, v.Index(i)); err != nil {
			return inElement(i, err)
		}
	}
	e.leave()
	return nil
}

func (p arrayPlan) decodeSlice(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetZero()
		return nil
	}
	n, ok := d.arrayLen(c)
	if !ok {
		return mismatch(c, "an array")
	}
	if v.Cap() < n || v.IsNil() {
		v.Set(reflect.MakeSlice(p.typ, n, n))
	} else {
		v.SetLen(n)
		v.Clear()
	}
	return p.decodeElements(d, v, n)
}

func (p arrayPlan) decodeArray(d *decoder, v reflect.Value) error {
	c := d.code()
	v.SetZero()
	if c == codeNil {
		return nil
	}
	n, ok := d.arrayLen(c)
	if !ok {
		return mismatch(c, "an array")
	}
	if n > v.Len() {
		return fmt.Errorf("%d elements where %d belong", n, v.Len())
	}
	return p.decodeElements(d, v, n)
}

func (p arrayPlan) decodeElements(d *decoder, v reflect.Value, n int) error {
	for i := range n {
		if err := p.elem.decode(d, v.Index(i)); err != nil {
			return inElement(i, err)
		}
	}
	return nil
}

// mapPlan is the plan of a map type.
type mapPlan struct {
	typ       reflect.Type
	key, elem *plan
}

func (p mapPlan) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.buf = append(e.buf, codeNil)
		return nil
	}
	e.buf = appendMapLen(e.buf, v.Len())
	if v.Len() == 0 {
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	// With an address, so that methods with pointer receivers are called.
	key, elem := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
	for entries := v.MapRange(); entries.Next(); {
		key.SetIterKey(entries)
		elem.SetIterValue(entries)
		if err := p.key.encode(e, key); err != nil {
			return in("[]", err)
		}
		if err := p.elem.encode(e, elem); err != nil {
			return in("[]", err)
		}
	}
	e.leave()
	return nil
}

func (p mapPlan) decode(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetZero()
		return nil
	}
	n, ok := d.mapLen(c)
	if !ok {
		return mismatch(c, "a map")
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(p.typ, n))
	}
	if n == 0 {
		return nil
	}
	key, elem := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
	for range n {
		key.SetZero()
		if err := p.key.decode(d, key); err != nil {
			return in("[]", err)
		}
		if !key.Comparable() { // an any
			return in("[]", errors.New("a map or an array as a key"))
		}
		elem.SetZero()
		if err := p.elem.decode(d, elem); err != nil {
			return in("[]", err)
		}
		v.SetMapIndex(key, elem)
	}
	return nil
}

// Maps of text are common enough to be spared reflection.

func encodeTextMap(e *encoder, v reflect.Value) error {
	m, _ := reflect.TypeAssert[map[string]string](v)
	if m == nil {
		e.buf = append(e.buf, codeNil)
		return nil
	}
	e.buf = appendMapLen(e.buf, len(m))
	if len(m) > 0 && e.open >= maxDepth {
		return errCycle
	}
	for key, value := range m {
		e.buf = appendString(appendString(e.buf, key), value)
	}
	return nil
}

func decodeTextMap(d *decoder, v reflect.Value) error {
	to, _ := reflect.TypeAssert[*map[string]string](v.Addr())
	c := d.code()
	if c == codeNil {
		*to = nil
		return nil
	}
	n, ok := d.mapLen(c)
	if !ok {
		return mismatch(c, "a map")
	}
	if *to == nil {
		*to = make(map[string]string, n)
	}
	for range n {
		key, err := d.text()
		if err != nil {
			return in("[]", err)
		}
		if (*to)[key], err = d.text(); err != nil {
			return in("[]", err)
		}
	}
	return nil
}
