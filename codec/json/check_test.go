package json_test

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typednats/typednats/codec/json"
)

// label has text methods on its pointer.
type label struct{ text string }

func (l *label) MarshalText() ([]byte, error) { return []byte(l.text), nil }

func (l *label) UnmarshalText(text []byte) error {
	l.text = string(text)
	return nil
}

// money has JSON methods.
type money struct{ cents int }

func (m money) MarshalJSON() ([]byte, error) { return stdjson.Marshal(m.cents) }

func (m *money) UnmarshalJSON(data []byte) error { return stdjson.Unmarshal(data, &m.cents) }

// onlyOut cannot be decoded again.
type onlyOut struct{ cents int }

func (m onlyOut) MarshalJSON() ([]byte, error) { return stdjson.Marshal(m.cents) }

type level int

func (l level) MarshalText() ([]byte, error) { return fmt.Append(nil, "level ", int(l)), nil }

// price has JSON methods.
type price int

func (p price) MarshalJSON() ([]byte, error) { return stdjson.Marshal(int(p)) }

func (p *price) UnmarshalJSON(data []byte) error { return stdjson.Unmarshal(data, (*int)(p)) }

type grade int

func (g *grade) UnmarshalText([]byte) error { return nil }

// shape hides an interface that its own method fills.
type shape struct {
	Kind fmt.Stringer
	Done chan int
}

func (shape) MarshalJSON() ([]byte, error) { return []byte(`"shape"`), nil }

func (*shape) UnmarshalJSON([]byte) error { return nil }

type tree struct {
	Name     string
	Children []*tree
	ByName   map[string]tree
	Parent   *tree
}

type self *self

type list []list

type visit struct {
	time.Time

	Guest string
}

type visitOnly struct{ time.Time }

// visitOf writes itself what its embedded time would swallow.
type visitOf struct {
	time.Time

	Guest string
}

func (visitOf) MarshalJSON() ([]byte, error)  { return []byte("1"), nil }
func (*visitOf) UnmarshalJSON([]byte) error   { return nil }
func (visitOf) MarshalText() ([]byte, error)  { return nil, nil }
func (*visitOf) UnmarshalText(_ []byte) error { return nil }

type deadline struct{ *time.Time }

// perhaps makes the time that it embeds, but only for JSON.
type perhaps struct{ *time.Time }

func (p perhaps) MarshalJSON() ([]byte, error) { return p.Time.MarshalJSON() }

func (p *perhaps) UnmarshalJSON(data []byte) error {
	p.Time = new(time.Time)
	return p.Time.UnmarshalJSON(data)
}

type Left struct{ ID string }

type Right struct{ ID string }

type inner struct{ Shown string }

type blank struct{ reason string }

func (e blank) Error() string { return e.reason }

type marked struct {
	_     struct{}
	state struct{} //nolint:unused // a marker
}

// checks are types, each with what CheckType says about it; empty for nothing.
var checks = []struct {
	value any
	want  string
}{
	{"", ""}, {1, ""}, {1.5, ""}, {[]byte{}, ""}, {[3]int{}, ""}, {map[string]int{}, ""}, {map[int8]string{}, ""}, {map[uintptr]bool{}, ""},
	{time.Time{}, ""}, {time.Second, ""}, {big.Int{}, ""}, {&big.Float{}, ""}, {url.URL{}, ""}, {netip.Addr{}, ""}, {stdjson.Number(""), ""},
	{stdjson.RawMessage{}, ""}, {map[netip.Addr]int{}, ""}, {struct{}{}, ""}, {marked{}, ""}, {[]any{}, ""}, {map[string]any{}, ""},
	{tree{}, ""}, {&tree{}, ""}, {list{}, ""}, {label{}, ""}, {money{}, ""}, {shape{}, ""}, {[]label{}, ""}, {map[string]*label{}, ""},
	{map[string]money{}, ""}, {visitOnly{}, ""}, {visitOf{}, ""}, {errors.New, "func(string) error cannot be encoded"},
	{struct {
		sync.Mutex
		Name string
	}{}, ""},
	{struct {
		inner
		Left
		ID string
	}{}, ""},
	{struct {
		Name string
		Done chan int `json:"-"`
		done chan int
	}{}, ""},

	{make(chan int), "chan int: chan int cannot be encoded"},
	{complex(1, 2), "complex128: complex128 cannot be encoded"},
	{struct {
		A []struct{ B map[string]func() }
	}{}, ".A[].B[]: func() cannot be encoded"},
	{struct{ Reach fmt.Stringer }{}, ".Reach: decoding cannot fill the interface fmt.Stringer"},
	{struct{ Err error }{}, ".Err: decoding cannot fill"},
	{struct{ M stdjson.Marshaler }{}, ".M: decoding cannot fill"},
	{map[float64]int{}, "float64 cannot be the key"},
	{map[*int]int{}, "*int cannot be the key"},
	{map[any]int{}, "interface {} cannot be the key"},
	{map[label]int{}, "cannot be the key"},
	{blank{}, "blank: json_test.blank has no exported field"},
	{&blank{}, "blank: json_test.blank has no exported field"},
	{[]blank{}, "[]: json_test.blank has no exported field"},
	{visit{}, "visit.Guest: MarshalJSON of the embedded time.Time stands for all of json_test.visit"},
	{struct{ *time.Time }{}, "UnmarshalJSON is that of the embedded *time.Time, which is nil in a value that is decoded"},
	{[]struct{ deadline }{}, "UnmarshalJSON is that of the embedded *time.Time"},
	{struct{ *label }{}, "UnmarshalText is that of the embedded *json_test.label"},
	{perhaps{}, ""},
	{struct {
		A level `json:",string"`
	}{}, ".A: json_test.level has methods of its own, which do not understand the option string"},
	{struct {
		A *price `json:"a,omitempty,string"`
	}{}, ".A: *json_test.price has methods of its own"},
	{struct {
		A int            `json:",string"`
		B *bool          `json:",string"`
		E stdjson.Number `json:"string"`
	}{}, ""},
	{struct {
		*big.Int
		Name string
	}{}, ".Name: MarshalJSON of the embedded *big.Int"},
	{struct {
		time.Time
		big.Int
		Name string
	}{}, ".Time: the methods of an embedded time.Time are not called"},
	{struct {
		Left
		Right
	}{}, `.Left.ID: another field has the name "ID"`},
	{twins(), `.B: another field has the name "x"`},
	{struct{ *inner }{}, ".inner: decoding cannot set an embedded pointer"},
	{onlyOut{}, "has MarshalJSON, but no UnmarshalJSON"},
	{level(1), "has MarshalText, but no UnmarshalText"},
	{grade(1), "has UnmarshalText, but no MarshalText"},
	{map[string]label{}, "[]: the values of a map have no address"},
	{map[string]struct{ L label }{}, "[].L: the values of a map have no address"},
	{map[string][1]label{}, "[][]: the values of a map have no address"},
	{map[string]big.Int{}, "use pointers"},
	{self(nil), "is a pointer to itself"},
}

// twins is a struct that vet would refuse.
func twins() any {
	return reflect.Zero(reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`}, {Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
	})).Interface()
}

func TestCheckType(t *testing.T) {
	t.Parallel()
	for _, tt := range checks {
		typ := reflect.TypeOf(tt.value)
		for range 2 { // the second time from what is kept
			err := json.Codec.CheckType(typ)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v: %v, want %q", typ, err, tt.want)
			}
		}
	}
	if err := json.New(nil).CheckType(reflect.TypeFor[int]()); err == nil {
		t.Error("a bad option is not reported")
	}
	if err := json.Codec.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
	}
	if err := json.Codec.CheckType(reflect.TypeFor[fmt.Stringer]()); err == nil {
		t.Error("an interface with methods is accepted")
	}
}
