package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// fakeKnower is a fake with the methods by which a codec says what it knows.
type fakeKnower struct {
	fake

	isNil     func(data []byte) bool
	checkType func(t reflect.Type) error
}

func (f fakeKnower) IsNil(data []byte) bool {
	if f.isNil != nil {
		return f.isNil(data)
	}
	return string(bytes.TrimSpace(data)) == "null"
}

func (f fakeKnower) CheckType(t reflect.Type) error {
	if f.checkType != nil {
		return f.checkType(t)
	}
	return refuseChannels(t, 8)
}

// refuseChannels looks as deep into a type as it is told.
func refuseChannels(t reflect.Type, depth int) error {
	if depth == 0 {
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func:
		return fmt.Errorf("a %v", t)
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		return refuseChannels(t.Elem(), depth-1)
	case reflect.Struct:
		for f := range t.Fields() {
			if err := refuseChannels(f.Type, depth-1); err != nil && f.IsExported() {
				return err
			}
		}
	default:
	}
	return nil
}

func TestCheckFindsNothingWrongWithACodecThatKnows(t *testing.T) {
	t.Parallel()
	for _, err := range check(fakeKnower{}, nil) {
		t.Error(err)
	}
}

func TestCheckCatchesCodecsThatAreWrongAboutValues(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		codec Codec
		want  string
	}{
		{"nothing is nil", fakeKnower{isNil: func([]byte) bool { return false }}, "nil: IsNil is false for a nil *codectest.line"},
		{"objects are nil", fakeKnower{isNil: func(data []byte) bool { return string(data) == "null" || bytes.HasPrefix(data, []byte("{")) }},
			"nil: IsNil is true for an encoded codectest.line"},
		{"nil panics", fakeKnower{isNil: func(data []byte) bool { return data[3] == 'l' }}, "nil: IsNil() panicked or changed the data"},
		{"nil is changed", fakeKnower{isNil: func(data []byte) bool { clear(data); return false }}, "panicked or changed the data"},
		{"nil cannot be encoded", fakeKnower{fake: fake{marshal: func(v any) ([]byte, error) {
			if reflect.ValueOf(v).IsNil() {
				return nil, errors.New("no nil")
			}
			return json.Marshal(v)
		}}}, "nil: a nil *codectest.line: no nil"},
		{"refuses what it carries", fakeKnower{checkType: func(reflect.Type) error { return errors.New("never") }},
			"types: CheckType(codectest.line), which values are given of: never"},
		{"takes channels", fakeKnower{checkType: func(reflect.Type) error { return nil }}, "types: CheckType(chan int) returned"},
		{"takes channels inside", fakeKnower{checkType: func(t reflect.Type) error { return refuseChannels(t, 1) }},
			"types: CheckType(struct { Done chan int }) returned"},
		{"panics for a type", fakeKnower{checkType: func(t reflect.Type) error {
			if t == reflect.TypeFor[endless]() {
				panic("too deep")
			}
			return refuseChannels(t, 8)
		}}, "types: CheckType(codectest.endless) panicked: too deep"},
		{"cuts numbers", cutting(), "numbers: int64(300) was decoded into a int8 without an error"},
		{"keeps a lock when it panics", locking(), "panics of values: after a panic in a method of a value: Marshal(codectest.line): locked"},
		{"drops a field deep inside", fake{unmarshal: func(data []byte, v any) error {
			return json.Unmarshal(bytes.ReplaceAll(data, []byte("M4"), []byte("M5")), v)
		}}, "round trip: codectest.line.Notes[1]: got M5, want M4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problems := errors.Join(check(tt.codec, []any{line{Item: "nut", Notes: []string{"M3", "M4"}}})...)
			if problems == nil || !strings.Contains(problems.Error(), tt.want) {
				t.Errorf("the problems do not contain %q:\n%v", tt.want, problems)
			}
		})
	}
}

// cutting makes a number fit.
func cutting() Codec {
	return fake{unmarshal: func(data []byte, v any) error {
		n, ok := v.(*int8)
		if !ok {
			return json.Unmarshal(data, v)
		}
		var wide int64
		err := json.Unmarshal(data, &wide)
		*n = int8(wide)
		return err
	}}
}

// locking forgets its lock when a method of a value panics.
func locking() Codec {
	var mu sync.Mutex
	return fake{marshal: func(v any) ([]byte, error) {
		if !mu.TryLock() {
			return nil, errors.New("locked")
		}
		data, err := json.Marshal(v)
		mu.Unlock()
		return data, err
	}}
}

// message looks like a generated one: its runtime keeps state in it, and one field is an interface.
type message struct {
	state int
	cache []byte
	Name  string
	Kind  kind
	Inner *message
}

func (*message) ProtoReflect() {}

type kind interface{ kind() }

type number struct{ N int }

func (*number) kind() {}

// opaque is one that is used by methods alone.
type opaque struct {
	cache []byte
	name  string
}

func (*opaque) ProtoReflect() {}

// wire is what is sent of a message.
type wire struct {
	Name  string
	N     *int
	Inner *wire
}

func toWire(m *message) *wire {
	if m == nil {
		return nil
	}
	w := &wire{Name: m.Name, Inner: toWire(m.Inner)}
	if n, ok := m.Kind.(*number); ok {
		w.N = &n.N
	}
	return w
}

func fromWire(w *wire) *message {
	if w == nil {
		return nil
	}
	m := &message{state: 1, cache: []byte("decoded"), Name: w.Name, Inner: fromWire(w.Inner)}
	if w.N != nil {
		m.Kind = &number{*w.N}
	}
	return m
}

// messages is a codec for these two.
type messages struct {
	indirect  bool // it wants a pointer to a pointer
	forgetful bool
}

func (messages) ContentType() string { return "application/x-messages" }

func (c messages) Marshal(v any) ([]byte, error) {
	switch m := v.(type) {
	case *message:
		w := toWire(m)
		if c.forgetful && w.Inner != nil {
			w.Inner.N = nil
		}
		return json.Marshal(w) //nolint:musttag // names do not matter
	case *opaque:
		return json.Marshal(m.name)
	}
	return nil, fmt.Errorf("%T is no message", v)
}

func (c messages) Unmarshal(data []byte, v any) error {
	if c.indirect {
		target := reflect.ValueOf(v)
		if target.Kind() != reflect.Pointer || target.IsNil() || target.Type().Elem().Kind() != reflect.Pointer {
			return fmt.Errorf("cannot decode into %T", v)
		}
		next := reflect.New(target.Type().Elem().Elem())
		target.Elem().Set(next)
		return messages{forgetful: c.forgetful}.Unmarshal(data, next.Interface())
	}
	switch m := v.(type) {
	case *message:
		var w wire
		err := json.Unmarshal(data, &w) //nolint:musttag // names do not matter
		*m = *fromWire(&w)
		return err
	case *opaque:
		err := json.Unmarshal(data, &m.name)
		m.cache = []byte("decoded")
		if c.forgetful {
			m.name = ""
		}
		return err
	}
	return fmt.Errorf("%T is no message", v)
}

func TestMessagesAreComparedByWhatTheySay(t *testing.T) {
	t.Parallel()
	values := []any{
		&message{}, &message{Name: "a", Kind: &number{5}, Inner: &message{Kind: &number{6}}}, &opaque{name: "b"}, &opaque{name: ""},
	}
	for _, indirect := range []bool{false, true} {
		for _, err := range check(messages{indirect: indirect}, values) {
			t.Errorf("indirect %v: %v", indirect, err)
		}
		problems := errors.Join(check(messages{indirect: indirect, forgetful: true}, values)...)
		for _, want := range []string{
			"*codectest.message.Inner.Kind: got <nil>, want &{N:6}", "round trip: *codectest.opaque: got &{cache:[",
		} {
			if problems == nil || !strings.Contains(problems.Error(), want) {
				t.Errorf("indirect %v: the problems do not contain %q:\n%v", indirect, want, problems)
			}
		}
	}
}
