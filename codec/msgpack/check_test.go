package msgpack_test

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

// label has text methods on its pointer.
type label struct{ text string }

func (l *label) MarshalText() ([]byte, error) { return []byte(l.text), nil }

func (l *label) UnmarshalText(text []byte) error {
	l.text = string(text)
	return nil
}

// money has JSON methods alone.
type money struct{ cents int }

func (m money) MarshalJSON() ([]byte, error) { return stdjson.Marshal(m.cents) }

func (m *money) UnmarshalJSON(data []byte) error { return stdjson.Unmarshal(data, &m.cents) }

type visit struct {
	time.Time

	Guest string
}

type deadline struct{ *time.Time }

// perhaps makes the time that it embeds.
type perhaps struct{ *time.Time }

func (p perhaps) MarshalBinary() ([]byte, error) {
	if p.Time == nil {
		return time.Time{}.MarshalBinary()
	}
	return p.Time.MarshalBinary()
}

func (p *perhaps) UnmarshalBinary(data []byte) error {
	p.Time = new(time.Time)
	return p.Time.UnmarshalBinary(data)
}

type Left struct{ ID string }

type Right struct{ ID string }

type shadow struct {
	Left

	ID string
}

type node struct {
	*node //nolint:unused // it is embedded in itself

	Name string
}

type Node struct {
	*Node

	Name string
}

type Ping struct{ *Pong }

type Pong struct {
	*Ping

	Name string
}

type self *self

type blank struct{ reason string }

func (e blank) Error() string { return e.reason }

type inner struct{ Shown string }

func TestCheckType(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string // in what is said; empty for nothing
	}{
		{"", ""}, {1, ""}, {uintptr(1), ""}, {map[float64]bool{}, ""}, {map[any]any{}, ""}, {time.Time{}, ""}, {big.Int{}, ""},
		{url.URL{}, ""}, {netip.Addr{}, ""}, {stdjson.Number(""), ""}, {stdjson.RawMessage{}, ""}, {struct{}{}, ""}, {loop{}, ""},
		{loops{}, ""}, {&point{}, ""}, {tagged{}, ""}, {asArray{}, ""}, {label{}, ""}, {map[string]label{}, ""}, {[]any{}, ""},
		{struct{ time.Time }{}, ""},
		{struct {
			sync.Mutex
			Name string
		}{}, ""},

		{make(chan int), "msgpack: chan int: chan int cannot be encoded"},
		{struct {
			A []struct{ B map[string]func() }
		}{}, ".A[].B[]: func() cannot be encoded"},
		{struct{ C complex64 }{}, ".C: complex64 cannot be encoded"},
		{struct{ Err error }{}, ".Err: decoding cannot fill the interface error"},
		{map[*int]int{}, "a pointer as a key"},
		{money{}, "money: msgpack_test.money is encoded by MarshalJSON, which is for JSON alone"},
		{struct{ Price *money }{}, ".Price: msgpack_test.money is encoded by MarshalJSON"},
		{blank{}, "blank: msgpack_test.blank has no exported field"},
		{visit{}, "visit.Guest: MarshalBinary of the embedded time.Time stands for all of msgpack_test.visit"},
		{struct{ *time.Time }{}, "UnmarshalBinary is that of the embedded *time.Time, which is nil in a value that is decoded"},
		{struct{ deadline }{}, "UnmarshalBinary is that of the embedded *time.Time"},
		{struct{ *label }{}, "UnmarshalText is that of the embedded *msgpack_test.label"},
		{perhaps{}, ""},
		{shadow{}, `shadow.Left.ID: it is shadowed by another field "ID"`},
		{struct {
			Left
			Right
		}{}, `.Right.ID: another field has the name "ID"`},
		{Node{}, "Node.Node.Name: it is shadowed"},
		{node{}, "node.node: decoding cannot set an embedded pointer"},
		{Ping{}, "it is shadowed"},
		{struct{ *inner }{}, ".inner: decoding cannot set an embedded pointer"},
		{self(nil), "is a pointer to itself"},
		{struct {
			A string `msgpack:"a,intern"`
		}{}, `.A: the tag "a,intern" has an option that is not supported, "intern"`},
		{struct {
			A string `msgpack:"'a:b'"`
		}{}, ".A: the tag"},
	} {
		typ := reflect.TypeOf(tt.value)
		for range 2 { // the second time from what is kept
			err := msgpack.Codec.CheckType(typ)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v: %v, want %q", typ, err, tt.want)
			}
		}
		if _, err := msgpack.Codec.Marshal(tt.value); (err == nil) != (tt.want == "") {
			t.Errorf("%v: Marshal = %v, CheckType: %q", typ, err, tt.want)
		}
	}
	if err := msgpack.Codec.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
	}
	if err := msgpack.Codec.CheckType(reflect.TypeFor[fmt.Stringer]()); err == nil {
		t.Error("an interface with methods is accepted")
	}
}

// An endless recursion ends the process, so it is tried in another one.
func TestSelfEmbeddingStructsAreSurvived(t *testing.T) {
	t.Parallel()
	if os.Getenv("MSGPACK_CHILD") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // this program
		cmd.Env = append(os.Environ(), "MSGPACK_CHILD=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %.2000s", err, out)
		}
		return
	}
	for _, v := range []any{&Node{Name: "a"}, Ping{}, &node{}, []Pong{{}}, map[string]any{"a": Node{}}} {
		if _, err := msgpack.Codec.Marshal(v); err == nil {
			t.Errorf("%T was encoded", v)
		}
		if err := msgpack.Codec.Unmarshal([]byte{0x80}, reflect.New(reflect.TypeOf(v)).Interface()); err == nil && reflect.TypeOf(v).Kind() != reflect.Map {
			t.Errorf("%T was decoded", v)
		}
	}
}

// knowing knows its zero values.
type knowing struct{ N int }

func (k knowing) IsZero() bool { return k.N == 7 }

type omitting struct {
	Any     any             `json:"any,omitempty"`
	Addr    netip.Addr      `json:"addr,omitempty"` //nolint:modernize // what omitempty does to it is tested
	Pointer *time.Time      `json:"pointer,omitempty"`
	Time    time.Time       `json:"time,omitempty"`   //nolint:modernize // what omitempty does to it is tested
	Struct  knowing         `json:"struct,omitempty"` //nolint:modernize // what omitempty does to it is tested
	Int     int             `json:"int,omitempty"`
	Float   float64         `json:"float,omitempty"`
	Bool    bool            `json:"bool,omitempty"`
	Text    string          `json:"text,omitempty"`
	Slice   []int           `json:"slice,omitempty"`
	Map     map[string]int  `json:"map,omitempty"`
	Array   [2]int          `json:"array,omitempty"`
	None    [0]int          `json:"none,omitempty"`
	ZTime   time.Time       `json:"ztime,omitzero"`
	ZKnows  knowing         `json:"zknows,omitzero"`
	ZPtr    *knowing        `json:"zptr,omitzero"`
	ZAny    any             `json:"zany,omitzero"`
	ZSlice  []int           `json:"zslice,omitzero"`
	ZBoth   []int           `json:"zboth,omitzero,omitempty"`
	ZStruct struct{ A int } `json:"zstruct,omitzero"`
	*Left
}

// TestOmittedFieldsAreThoseOfJSON compares the keys that the two codecs send.
func TestOmittedFieldsAreThoseOfJSON(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]omitting{
		"zero": {},
		"empty": {Any: false, Pointer: &time.Time{}, Slice: []int{}, Map: map[string]int{}, ZPtr: &knowing{7}, ZAny: 0, ZSlice: []int{},
			ZBoth: []int{}, ZKnows: knowing{7}, Left: &Left{}},
		"nil in an any": {Any: (*int)(nil), ZAny: (*int)(nil)},
		"full": {Any: 1, Addr: netip.MustParseAddr("::1"), Pointer: new(time.Time), Time: time.Unix(1, 0), Struct: knowing{1}, Int: 1, Float: 1,
			Bool: true, Text: "a", Slice: []int{1}, Map: map[string]int{"a": 1}, Array: [2]int{1}, ZTime: time.Unix(1, 0), ZKnows: knowing{1},
			ZPtr: &knowing{1}, ZSlice: []int{1}, ZBoth: []int{1}, ZStruct: struct{ A int }{1}},
	} {
		var fromJSON, fromMsgpack map[string]any
		data, err := json.Codec.Marshal(&v)
		if err := errors.Join(err, json.Codec.Unmarshal(data, &fromJSON)); err != nil {
			t.Fatal(err)
		}
		data, err = msgpack.Codec.Marshal(&v)
		if err := errors.Join(err, msgpack.Codec.Unmarshal(data, &fromMsgpack)); err != nil {
			t.Fatal(err)
		}
		want, got := map[string]bool{}, map[string]bool{}
		for key := range fromJSON {
			want[key] = true
		}
		for key := range fromMsgpack {
			got[key] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: keys (-json +msgpack):\n%s", name, diff)
		}
	}
}

func TestOddTags(t *testing.T) {
	t.Parallel()
	type odd struct {
		_msgpack struct{} `msgpack:",omitempty"` //nolint:unused // its tag is read
		Colon    string   `json:"order:id"`
		Dots     string   `json:"a.b/c d"`
		Quoted   string   `json:"it's"`  //nolint:staticcheck // what becomes of it is tested
		Bad      string   `json:"\"x\""` //nolint:staticcheck // what becomes of it is tested
		Number   int      `json:"number,string"`
		Both     int      `json:"x" msgpack:",omitempty"`
		Old      int      `msgpack:"new,alias:old"`
	}
	data, err := msgpack.Codec.Marshal(odd{Colon: "a", Dots: "b", Quoted: "c", Bad: "d", Number: 5, Both: 6, Old: 7})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := msgpack.Codec.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"order:id": "a", "a.b/c d": "b", "Quoted": "c", "Bad": "d", "number": int64(5), "Both": int64(6), "new": int64(7),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if data, err = msgpack.Codec.Marshal(map[string]int{"old": 8}); err != nil {
		t.Fatal(err)
	}
	var read odd
	if err := msgpack.Codec.Unmarshal(data, &read); err != nil || read.Old != 8 {
		t.Errorf("by its alias: %+v, %v", read, err)
	}
	if data, err = msgpack.Codec.Marshal(odd{}); err != nil || string(data) != "\x80" {
		t.Errorf("all empty: %x, %v", data, err)
	}
}

// TestPartOfALargeStruct leaves so much out that the header becomes shorter.
func TestPartOfALargeStruct(t *testing.T) {
	t.Parallel()
	var list []reflect.StructField
	for i := range 20 {
		list = append(list, reflect.StructField{Name: fmt.Sprint("F", i), Type: reflect.TypeFor[int](), Tag: `json:",omitempty"`})
	}
	v := reflect.New(reflect.StructOf(list)).Elem()
	for sent := range 21 {
		data, err := msgpack.Codec.Marshal(v.Addr().Interface())
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(v.Type())
		if err := msgpack.Codec.Unmarshal(data, got.Interface()); err != nil || got.Elem().Interface() != v.Interface() {
			t.Errorf("%d fields: %v, %v", sent, got.Elem(), err)
		}
		if short := data[0]>>4 == 8; short != (sent < 16) {
			t.Errorf("%d fields: begins with %x", sent, data[0])
		}
		if sent < 20 {
			v.Field(sent).SetInt(int64(sent) + 1)
		}
	}
}

func TestPanicsLeaveNothingBehind(t *testing.T) { //nolint:paralleltest // the buffers are likelier to be the same ones
	for range 3 {
		for _, f := range []func(){
			func() { _, _ = msgpack.Codec.AppendMarshal(nil, []any{"a", panics{}}) },
			func() { _, _ = msgpack.Codec.Marshal([]any{"a", panics{}}) },
			func() { _ = msgpack.Codec.Unmarshal([]byte{0x92, 0x01, 0x02}, new([]panics)) },
		} {
			func() {
				defer func() {
					if p := recover(); p != onPurpose {
						t.Errorf("panic %v, want that of the method", p)
					}
				}()
				f()
			}()
		}
		if data, err := msgpack.Codec.AppendMarshal([]byte("x"), "a"); err != nil || string(data) != "x\xa1a" {
			t.Errorf("after a panic: %q, %v", data, err)
		}
	}
}
