package msgpack

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/typednats/typednats/internal/fields"
)

var errKey = errors.New("a key that is not text")

// structPlan is the plan of a struct type.
type structPlan struct {
	fields  []*fieldPlan
	byName  map[string]*fieldPlan
	asArray bool
	whole   bool // all fields are always sent
}

type fieldPlan struct {
	*plan

	name  string
	key   []byte // the encoded name
	index []int
	omits func(reflect.Value) bool // nil if the field is always sent
}

func (b *builder) structPlan(t reflect.Type) *structPlan {
	s := &structPlan{byName: map[string]*fieldPlan{}, asArray: optionsOf(t).asArray, whole: true}
	for _, f := range fields.Of(t, tagReader(t)).Fields {
		field := &fieldPlan{
			plan: b.plan(f.Type), name: f.Name, key: appendString(nil, f.Name), index: f.Index, omits: omission(f),
		}
		s.fields = append(s.fields, field)
		s.whole = s.whole && field.omits == nil && !f.IsBehindPointer(t)
		s.byName[f.Name] = field
		if f.Alias != "" && s.byName[f.Alias] == nil {
			s.byName[f.Alias] = field
		}
	}
	return s
}

// in returns the field of a struct, or false if it is behind an embedded pointer that is nil.
func (f *fieldPlan) in(v reflect.Value) (reflect.Value, bool) {
	if len(f.index) == 1 {
		return v.Field(f.index[0]), true
	}
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v, true
}

// make returns the field of a struct that can be set, with what it takes to be there.
func (f *fieldPlan) make(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v
}

func (s *structPlan) encode(e *encoder, v reflect.Value) error {
	if len(s.fields) > 0 {
		if err := e.enter(); err != nil {
			return err
		}
		defer e.leave()
	}
	switch {
	case s.asArray:
		return s.encodeArray(e, v)
	case s.whole:
		return s.encodeWhole(e, v)
	default:
		return s.encodePart(e, v)
	}
}

func (s *structPlan) encodeWhole(e *encoder, v reflect.Value) error {
	e.buf = appendMapLen(e.buf, len(s.fields))
	for _, f := range s.fields {
		field, _ := f.in(v)
		e.buf = append(e.buf, f.key...)
		if err := f.encode(e, field); err != nil {
			return in(f.name, err)
		}
	}
	return nil
}

// encodePart encodes the fields that are there. Their number is known when they are written: room is made for the largest
// one before them, and what is not needed is closed.
func (s *structPlan) encodePart(e *encoder, v reflect.Value) error {
	start := len(e.buf)
	e.buf = appendMapLen(e.buf, len(s.fields))
	room := len(e.buf) - start
	sent := 0
	for _, f := range s.fields {
		field, ok := f.in(v)
		if !ok || f.omits != nil && f.omits(field) {
			continue
		}
		sent++
		e.buf = append(e.buf, f.key...)
		if err := f.encode(e, field); err != nil {
			return in(f.name, err)
		}
	}
	if sent == len(s.fields) {
		return nil
	}
	var header [5]byte
	exact := appendMapLen(header[:0], sent)
	copy(e.buf[start:], exact)
	e.buf = slices.Delete(e.buf, start+len(exact), start+room)
	return nil
}

func (s *structPlan) encodeArray(e *encoder, v reflect.Value) error {
	e.buf = appendArrayLen(e.buf, len(s.fields))
	for _, f := range s.fields {
		field, ok := f.in(v)
		if !ok {
			e.buf = append(e.buf, codeNil)
			continue
		}
		if err := f.encode(e, field); err != nil {
			return in(f.name, err)
		}
	}
	return nil
}

func (s *structPlan) decode(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetZero()
		return nil
	}
	if n, ok := d.arrayLen(c); ok {
		return s.decodeArray(d, v, n)
	}
	n, ok := d.mapLen(c)
	if !ok {
		return mismatch(c, "a map")
	}
	next := 0 // fields come in the order of the struct if a typednats peer has sent them
	for range n {
		name, ok := d.bytes(d.code())
		if !ok {
			return errKey
		}
		var f *fieldPlan
		if next < len(s.fields) && s.fields[next].name == string(name) {
			f = s.fields[next]
			next++
		} else if f = s.byName[string(name)]; f == nil {
			d.skip()
			continue
		}
		if err := f.decode(d, f.make(v)); err != nil {
			return in(f.name, err)
		}
	}
	return nil
}

// decodeArray decodes a struct that was sent without names.
func (s *structPlan) decodeArray(d *decoder, v reflect.Value, n int) error {
	if n != len(s.fields) {
		return fmt.Errorf("an array of %d elements where a map, or an array of %d fields, belongs", n, len(s.fields))
	}
	for _, f := range s.fields {
		if err := f.decode(d, f.make(v)); err != nil {
			return in(f.name, err)
		}
	}
	return nil
}
