package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// nilTeller is the method that a codec may have.
type nilTeller interface {
	IsNil(data []byte) bool
}

func (s suite) isNil(c nilTeller, data []byte) (is bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{call: "IsNil", value: p}
		}
	}()
	return c.IsNil(data), nil
}

// checkNil looks at what a codec takes for nil.
func (s suite) checkNil() []error {
	c, ok := s.codec.(nilTeller)
	if !ok {
		return nil
	}
	var problems []error
	for _, body := range s.garbage() {
		given := bytes.Clone(body)
		if _, err := s.isNil(c, given); err != nil || !bytes.Equal(given, body) {
			problems = append(problems, fmt.Errorf("IsNil(%x) panicked or changed the data: %w", body[:min(len(body), 64)], err))
			break
		}
	}
	for _, v := range s.values {
		t := reflect.TypeOf(v)
		data, err := s.marshal(v)
		if err != nil {
			continue // for another part to report
		}
		nothing := reflect.ValueOf(v).IsZero() // a type may be nil for that
		if is, err := s.isNil(c, data); err != nil || is && !nothing {
			problems = append(problems, fmt.Errorf("IsNil is true for an encoded %T, or failed: %s, %w", v, brief(v), err))
		}
		if t.Kind() != reflect.Pointer {
			t = reflect.PointerTo(t)
		}
		if err := s.nilArrives(c, t); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// nilArrives returns an error if a nil pointer of a type is not nil after the trip.
func (s suite) nilArrives(c nilTeller, t reflect.Type) error {
	data, err := s.marshal(reflect.Zero(t).Interface())
	if err != nil {
		return fmt.Errorf("a nil %v: %w", t, err)
	}
	if is, err := s.isNil(c, data); err != nil || !is {
		return fmt.Errorf("IsNil is false for a nil %v, encoded as %x: %w", t, data, err)
	}
	return nil
}

// typeChecker is the method that a codec may have.
type typeChecker interface {
	CheckType(t reflect.Type) error
}

// endless is a type that contains itself in every way that a codec has to bear.
type endless struct {
	Name string
	Next *endless
	List []endless
	Map  map[string]*endless
}

// checkTypes looks at what a codec says about types.
func (s suite) checkTypes() []error {
	c, ok := s.codec.(typeChecker)
	if !ok {
		return nil
	}
	var problems []error
	for _, t := range s.targetTypes() {
		if err := checkType(c, t); err != nil {
			problems = append(problems, fmt.Errorf("CheckType(%v), which values are given of: %w", t, err))
		}
	}
	for _, t := range []reflect.Type{
		reflect.TypeFor[chan int](), reflect.TypeFor[func()](), reflect.TypeFor[*chan int](),
		reflect.TypeFor[struct{ Done chan int }](), reflect.TypeFor[[]func()](), reflect.TypeFor[map[string]chan int](),
	} {
		if err := checkType(c, t); err == nil || isPanic(err) {
			problems = append(problems, fmt.Errorf("CheckType(%v) returned %w, want an error", t, err))
		}
	}
	if err := checkType(c, reflect.TypeFor[endless]()); isPanic(err) {
		problems = append(problems, err)
	}
	return problems
}

func checkType(c typeChecker, t reflect.Type) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{call: fmt.Sprintf("CheckType(%v)", t), value: p}
		}
	}()
	return c.CheckType(t)
}

// misfit is a number, and a value of a type that it does not fit.
type misfit struct{ sent, into any }

func misfits() []misfit {
	type wide struct{ N int64 }
	type narrow struct{ N int8 }
	return []misfit{
		{int64(300), int8(0)}, {int64(-300), int8(0)}, {int64(1<<32 + 7), int32(0)}, {int64(-1 << 40), int16(0)},
		{int64(-1), uint8(0)}, {int64(-1), uint64(0)}, {int64(300), uint8(0)}, {uint64(math.MaxUint64), int64(0)},
		{1e300, float32(0)}, {1.5, int64(0)},
		{[]int64{1, 300}, []int8(nil)}, {map[string]int64{"a": 300}, map[string]int8(nil)}, {wide{300}, narrow{}}, {wide{300}, &narrow{}},
	}
}

// checkNumbers sends numbers to readers with smaller types for them. A codec that cannot do so with numbers that fit is not
// asked for more.
func (s suite) checkNumbers() []error {
	var problems []error
	for _, m := range misfits() {
		fits := reflect.New(reflect.TypeOf(m.sent)).Elem().Interface()
		if s.convert(fits, m.into) != nil {
			continue
		}
		if err := s.convert(m.sent, m.into); err == nil || isPanic(err) {
			problems = append(problems, fmt.Errorf("%T(%s) was decoded into a %T without an error: %w", m.sent, brief(m.sent), m.into, err))
		}
	}
	return problems
}

// convert sends a value to a reader that has the type of another one for it.
func (s suite) convert(v, into any) error {
	data, err := s.marshal(v)
	if err != nil {
		return err
	}
	return s.unmarshal(data, reflect.New(reflect.TypeOf(into)).Interface())
}

// explosive is a type whose methods panic, for each format that calls some.
type explosive struct{ At time.Time } //nolint:recvcheck // a value is encoded, a pointer is decoded into

var errExplosive = errors.New("a method of the value panics")

func (explosive) MarshalText() ([]byte, error)     { panic(errExplosive) }
func (explosive) MarshalJSON() ([]byte, error)     { panic(errExplosive) }
func (explosive) MarshalBinary() ([]byte, error)   { panic(errExplosive) }
func (*explosive) UnmarshalText(_ []byte) error    { panic(errExplosive) }
func (*explosive) UnmarshalJSON(_ []byte) error    { panic(errExplosive) }
func (*explosive) UnmarshalBinary(_ []byte) error  { panic(errExplosive) }
func (explosive) GobEncode() ([]byte, error)       { panic(errExplosive) }
func (*explosive) GobDecode(_ []byte) error        { panic(errExplosive) }
func (explosive) MarshalMsgpack() ([]byte, error)  { panic(errExplosive) }
func (*explosive) UnmarshalMsgpack(_ []byte) error { panic(errExplosive) }

// checkPanics lets methods of values panic, and looks at what the codec does afterwards. The panic itself is not its fault,
// and may pass through it.
func (s suite) checkPanics() []error {
	text, _ := s.marshal("text")
	for range 3 {
		_, _ = s.marshal(explosive{})
		_, _ = s.marshal([]any{"before", explosive{}})
		if c, ok := s.codec.(appender); ok {
			_, _ = appendMarshal(c, []byte("before"), explosive{})
		}
		_ = s.unmarshal(text, new(explosive))
		for _, v := range s.values[:min(len(s.values), 3)] {
			if data, err := s.marshal(v); err == nil {
				_ = s.unmarshal(data, new(explosive))
			}
		}
	}
	var problems []error
	for _, err := range s.checkRoundTrip() {
		problems = append(problems, fmt.Errorf("after a panic in a method of a value: %w", err))
	}
	return problems
}
