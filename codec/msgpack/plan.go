package msgpack

import (
	"reflect"
	"sync"
	"time"
)

// plan is how the values of one type are encoded and decoded. It is worked out once for each type.
type plan struct {
	encode func(e *encoder, v reflect.Value) error
	decode func(d *decoder, v reflect.Value) error // v can be set
	bad    error                                   // why the type cannot make the trip; then there are no functions
}

// plans are those that are known, by type.
type plans struct {
	known sync.Map // reflect.Type to *plan
}

// of returns the plan of a type.
func (s *plans) of(t reflect.Type) *plan {
	if known, ok := s.known.Load(t); ok {
		return known.(*plan) //nolint:forcetypeassert // nothing else is in it
	}
	if err := check(t); err != nil {
		p, _ := s.known.LoadOrStore(t, &plan{bad: err})
		return p.(*plan) //nolint:forcetypeassert // as above
	}
	b := builder{plans: s, made: map[reflect.Type]*plan{}}
	p := b.plan(t)
	for t, p := range b.made { // only now are those whole that were made while others referred to them
		s.known.LoadOrStore(t, p)
	}
	return p
}

// builder makes the plans of a type, and of all types in it. None of them is refused by check.
type builder struct {
	plans *plans
	made  map[reflect.Type]*plan
}

// plan returns the plan of a type, which may still have no functions if the type contains itself.
func (b *builder) plan(t reflect.Type) *plan {
	if known, ok := b.plans.known.Load(t); ok {
		return known.(*plan) //nolint:forcetypeassert // nothing else is in it
	}
	if p := b.made[t]; p != nil {
		return p
	}
	p := new(plan)
	b.made[t] = p
	p.encode, p.decode = b.functions(t)
	return p
}

func (b *builder) functions(t reflect.Type) (func(*encoder, reflect.Value) error, func(*decoder, reflect.Value) error) {
	if t == reflect.TypeFor[time.Time]() {
		return encodeTime, decodeTime
	}
	switch methodsOf(t) {
	case byLibrary:
		return encodeByLibrary, decodeByLibrary
	case byBinary:
		return encodeByBinary, decodeByBinary
	case byText:
		return encodeByText, decodeByText
	case byKind:
	}
	switch t.Kind() {
	case reflect.Bool:
		return encodeBool, decodeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return encodeInt, decodeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return encodeUint, decodeUint
	case reflect.Float32:
		return encodeFloat32, decodeFloat
	case reflect.Float64:
		return encodeFloat64, decodeFloat
	case reflect.String:
		return encodeString, decodeString
	default:
		return b.composite(t)
	}
}

func (b *builder) composite(t reflect.Type) (func(*encoder, reflect.Value) error, func(*decoder, reflect.Value) error) {
	switch t.Kind() {
	case reflect.Pointer:
		p := pointerPlan{t.Elem(), b.plan(t.Elem())}
		return p.encode, p.decode
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return encodeBytes, decodeBytes
		}
		p := arrayPlan{t, b.plan(t.Elem())}
		return p.encodeSlice, p.decodeSlice
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return encodeByteArray, decodeByteArray
		}
		p := arrayPlan{t, b.plan(t.Elem())}
		return p.encode, p.decodeArray
	case reflect.Map:
		if t == reflect.TypeFor[map[string]string]() {
			return encodeTextMap, decodeTextMap
		}
		p := mapPlan{t, b.plan(t.Key()), b.plan(t.Elem())}
		return p.encode, p.decode
	case reflect.Struct:
		p := b.structPlan(t)
		return p.encode, p.decode
	default: // an any: check refuses all other kinds
		return encodeAny, decodeAny
	}
}
