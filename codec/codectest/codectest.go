// Package codectest checks that a codec keeps the contract of typednats.Codec.
package codectest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/typednats/typednats/internal/payload"
)

// Codec is the interface typednats.Codec.
type Codec interface {
	ContentType() string
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Run checks c, in one subtest for each part of the contract:
//
//   - the content type is a media type in lower case, without parameters, and constant;
//   - every value is the same after Marshal and Unmarshal, where a nil slice or map is the same as an empty one,
//     times are the same if they are the same instant, types with an Equal method are compared with it, and generated
//     protobuf messages by what they say; if one is not, the path to the first difference is told;
//   - Marshal returns a slice that nothing else uses, and Unmarshal neither changes nor keeps the one it is given;
//   - AppendMarshal, if there is one, appends a like encoding to the slice that it is given, and does not keep that;
//   - Marshal returns an error for a channel and a function, and Unmarshal for a target that is not a pointer, or nil;
//   - Unmarshal neither panics nor allocates without bound, whatever the bytes are;
//   - a nil pointer arrives as nil, and nothing else is taken for nil, if there is IsNil;
//   - CheckType, if there is one, takes the types of the values, refuses channels and functions, and ends for types that
//     contain themselves;
//   - a number that does not fit its type is an error, if the codec can carry numbers;
//   - the codec is none the worse for a panic in a method of a value;
//   - concurrent use does no harm. Run the tests with -race to make the most of it.
//
// Values are given as typednats gives them: as a pointer to the value, or as the value if it is a pointer itself. The
// values are what c is tried with; none may be nil, but for pointers of a type. Without values, Run uses a set of its
// own, which covers the types that payloads are made of. A codec for some types only passes values of those types.
//
// Run stops early if the rest could do harm: if memory is shared that should not be, or if c allocates whatever a
// length in the data promises, which could end the process.
func Run(t *testing.T, c Codec, values ...any) {
	t.Helper()
	s := newSuite(c, values)
	for _, p := range s.parts() {
		sound := t.Run(p.name, func(t *testing.T) {
			for _, err := range p.check() {
				t.Error(err)
			}
		})
		if !sound && p.gate {
			t.Fatal("the remaining checks were not run")
		}
	}
}

// suite is one codec with the values it is checked with.
type suite struct {
	codec  Codec
	reader *payload.Reader
	values []any
}

func newSuite(c Codec, values []any) suite {
	if len(values) == 0 {
		values = standardValues()
	}
	return suite{codec: c, reader: payload.NewReader(c), values: values}
}

// part is one part of the contract.
type part struct {
	name  string
	check func() []error // what is wrong
	gate  bool           // do not go on if something is wrong
}

func (s suite) parts() []part {
	return []part{
		{name: "content type", check: s.checkContentType},
		{name: "values", check: s.checkValues, gate: true},
		{name: "round trip", check: s.checkRoundTrip},
		{name: "ownership of encoded bytes", check: s.checkMarshalOwnership, gate: true},
		{name: "ownership of decoded bytes", check: s.checkUnmarshalOwnership},
		{name: "appended encodings", check: s.checkAppend},
		{name: "unencodable values", check: s.checkUnencodable},
		{name: "bad targets", check: s.checkBadTargets},
		{name: "lengths that lie", check: s.checkAllocation, gate: true},
		{name: "truncated data", check: s.checkTruncated},
		{name: "garbage", check: s.checkGarbage},
		{name: "nil", check: s.checkNil},
		{name: "types", check: s.checkTypes},
		{name: "numbers", check: s.checkNumbers},
		{name: "panics of values", check: s.checkPanics},
		{name: "concurrent use", check: s.checkConcurrent},
	}
}

// panicError is a panic of the codec, which is a problem even if an error is expected.
type panicError struct {
	call  string
	value any
}

func (e *panicError) Error() string { return fmt.Sprintf("%s panicked: %v", e.call, e.value) }

// argument returns what the library gives to a codec for v.
func argument(v any) any {
	if v == nil {
		return nil
	}
	slot := reflect.New(reflect.TypeOf(v))
	slot.Elem().Set(reflect.ValueOf(v))
	return payload.Argument(reflect.TypeOf(v), slot.Interface())
}

func (s suite) marshal(v any) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, &panicError{call: fmt.Sprintf("Marshal(%T)", v), value: p}
		}
	}()
	return s.codec.Marshal(argument(v))
}

// appender is the method that a codec may have.
type appender interface {
	AppendMarshal(dst []byte, v any) ([]byte, error)
}

func appendMarshal(c appender, dst []byte, v any) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, &panicError{call: fmt.Sprintf("AppendMarshal(%T)", v), value: p}
		}
	}()
	return c.AppendMarshal(dst, argument(v))
}

// unmarshal decodes into what slot points to, as the library does.
func (s suite) unmarshal(data []byte, slot any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{call: fmt.Sprintf("Unmarshal into %T", slot), value: p}
		}
	}()
	return s.reader.Decode(reflect.TypeOf(slot).Elem(), data, slot)
}

// unmarshalAs calls Unmarshal with a target of any kind.
func (s suite) unmarshalAs(data []byte, target any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{call: fmt.Sprintf("Unmarshal into %T", target), value: p}
		}
	}()
	return s.codec.Unmarshal(data, target)
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}
