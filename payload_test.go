package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// price encodes itself with methods on its pointer.
type price struct{ cents int }

func (p *price) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d cents", p.cents), nil }

func (p *price) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d cents", &p.cents)
	return err
}

type bill struct {
	Total price            `json:"total"`
	Tips  []price          `json:"tips"`
	Paid  *price           `json:"paid"`
	By    map[string]price `json:"-"`
}

type tooDear struct {
	Limit price `json:"limit"`
}

func (e tooDear) Error() string { return fmt.Sprint("more than ", e.Limit.cents) }

// bothCodecs are the codecs for values of all kinds.
func bothCodecs() []typednats.Codec { return []typednats.Codec{json.Codec, msgpack.Codec} }

// arrives sends a value there and back, in each codec and each way.
func arrives[T any](t *testing.T, value T, opts ...typednats.HandlerOption) {
	t.Helper()
	for _, codec := range append(bothCodecs(), jsonNamed("application/x-plain")) {
		e := typednats.NewEndpoint[T, T, typednats.Never]("echo").WithCodec(codec)
		same := func(_ context.Context, in T) (T, error) { return in, nil }
		eachWay(t, []typednats.BoundEndpoint{e.Handle(same, opts...)}, func(t way) {
			got, err := typednats.RequestService(within(t), t.r, e, value)
			if err != nil || !reflect.DeepEqual(got, value) { //nolint:forbidigo // of any type
				t.Errorf("%s: %+v became %+v, %v", codec.ContentType(), value, got, err)
			}
		})
	}
}

func TestMethodsWithPointerReceiversAreCalled(t *testing.T) {
	t.Parallel()
	nothing := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler { return next })
	arrives(t, price{1234})
	arrives(t, &price{1234})
	arrives(t, price{1234}, nothing)
	arrives(t, &price{1234}, nothing)
	arrives(t, bill{Total: price{1}, Tips: []price{{2}, {3}}, Paid: &price{4}})
	arrives(t, bill{Total: price{1}, Tips: []price{{2}, {3}}, Paid: &price{4}}, nothing)
	arrives(t, []price{{1}})
	arrives(t, [2]price{{1}, {2}})
}

func TestMethodsOfDeclaredErrorsAreCalled(t *testing.T) {
	t.Parallel()
	for _, codec := range bothCodecs() {
		e := typednats.NewEndpoint[note, note, tooDear]("buy").WithCodec(codec)
		buy := func(_ context.Context, in note) (note, error) {
			if in.Text == "pointer" {
				return note{}, &tooDear{price{5}}
			}
			return note{}, tooDear{price{5}}
		}
		eachWay(t, []typednats.BoundEndpoint{e.Handle(buy)}, func(t way) {
			for _, form := range []string{"value", "pointer"} {
				_, err := typednats.RequestService(within(t), t.r, e, note{form})
				compare(t, form, fmt.Sprintf("%#v", tooDear{price{5}}), fmt.Sprintf("%#v", err))
			}
		})
	}
}

func TestNilPointersArrive(t *testing.T) {
	t.Parallel()
	arrives[*note](t, nil)
	arrives(t, &note{})
	arrives[**note](t, nil)
	arrives[[]note](t, nil)
	arrives[map[string]note](t, nil)
	arrives[any](t, nil)
}

// witness is JSON, and keeps the types that it is given.
type witness struct {
	json.Encoding

	log *typeLog
}

type typeLog struct {
	mu    sync.Mutex
	types []string
}

func (s *typeLog) add(what string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.types = append(s.types, fmt.Sprintf("%s %T", what, v))
}

func (c witness) AppendMarshal(dst []byte, v any) ([]byte, error) {
	c.log.add("encode", v)
	return c.Encoding.AppendMarshal(dst, v)
}

func (c witness) Marshal(v any) ([]byte, error) {
	c.log.add("encode", v)
	return c.Encoding.Marshal(v)
}

func (c witness) Unmarshal(data []byte, v any) error {
	c.log.add("decode", v)
	return c.Encoding.Unmarshal(data, v)
}

func TestCodecsGetPointers(t *testing.T) {
	t.Parallel()
	values := typednats.NewEndpoint[note, note, missing]("values")
	pointers := typednats.NewEndpoint[*note, *note, *missing]("pointers")
	for name, intercepted := range map[string][]typednats.HandlerOption{
		"alone": nil, "intercepted": {typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler { return next })},
	} {
		kept := &typeLog{}
		values, pointers := values.WithCodec(witness{log: kept}), pointers.WithCodec(witness{log: kept})
		r := typednats.Local(
			values.Handle(func(_ context.Context, in note) (note, error) { return in, failIf(in.Text, missing{}) }, intercepted...),
			pointers.Handle(func(_ context.Context, in *note) (*note, error) { return in, failIf(in.Text, &missing{}) }, intercepted...))
		for _, text := range []string{"", "fail"} {
			_, _ = typednats.RequestService(within(t), r, values, note{text})
			_, _ = typednats.RequestService(within(t), r, pointers, &note{text})
		}
		ok := []string{"encode *typednats_test.note", "decode *typednats_test.note", "encode *typednats_test.note", "decode *typednats_test.note"}
		failed := []string{"encode *typednats_test.note", "decode *typednats_test.note", "encode *typednats_test.missing", "decode *typednats_test.missing"}
		compare(t, name, slices.Concat(ok, ok, failed, failed), kept.types)
	}
}

// failIf returns err if the text asks for it.
func failIf(text string, err error) error {
	if text == "fail" {
		return err
	}
	return nil
}

// abrupt is JSON that asserts what it is given, as a codec for generated messages may.
type abrupt struct{ indirect bool }

func (abrupt) ContentType() string { return "application/x-abrupt" }

func (abrupt) Marshal(v any) ([]byte, error) { return json.Codec.Marshal(v.(*note)) }

func (c abrupt) Unmarshal(data []byte, v any) error {
	if c.indirect {
		return json.Codec.Unmarshal(data, v.(**note))
	}
	return json.Codec.Unmarshal(data, v.(*note))
}

func TestCodecMayAssertWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, indirect := range []bool{false, true} {
		e := typednats.NewEndpoint[*note, *note, typednats.Never]("echo").WithCodec(abrupt{indirect})
		bound := []typednats.BoundEndpoint{e.Handle(func(_ context.Context, in *note) (*note, error) { return in, nil })}
		eachWay(t, bound, func(t way) {
			_, err := typednats.Request[int, *note](within(t), t.r, "echo", 1, typednats.WithCallCodec(jsonNamed("application/x-abrupt")))
			if !indirect && !strings.HasPrefix(codeOf(err), "400:") {
				t.Errorf("a bad body at first: %v, want code 400", err)
			}
			out, err := typednats.RequestService(within(t), t.r, e, &note{"a"})
			compare(t, "reply", &note{"a"}, out)
			compare(t, "error", nil, err)
			_, err = typednats.Request[int, *note](within(t), t.r, "echo", 1, typednats.WithCallCodec(jsonNamed("application/x-abrupt")))
			if !strings.HasPrefix(codeOf(err), "400:") {
				t.Errorf("a bad body afterwards: %v, want code 400", err)
			}
		})
	}
}

// indirect is JSON that wants pointers to pointers, as a codec for generated messages may.
type indirect struct{ json.Encoding }

func (c indirect) IsNil() {} // hides the method of JSON

func (c indirect) Unmarshal(data []byte, v any) error {
	if t := reflect.TypeOf(v); t.Elem().Kind() != reflect.Pointer {
		return fmt.Errorf("cannot decode into a %v", t)
	}
	return c.Encoding.Unmarshal(data, v)
}

func TestCodecMayWantPointersToPointers(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[*note, *note, typednats.Never]("echo").WithCodec(indirect{})
	same := func(_ context.Context, in *note) (*note, error) { return in, nil }
	eachWay(t, []typednats.BoundEndpoint{e.Handle(same)}, func(t way) {
		for range 3 {
			out, err := typednats.RequestService(within(t), t.r, e, &note{"a"})
			compare(t, "reply", &note{"a"}, out)
			compare(t, "error", nil, err)
		}
		if _, err := typednats.Request[int, *note](within(t), t.r, "echo", 1, typednats.WithCallCodec(json.Codec)); err == nil ||
			!strings.HasPrefix(codeOf(err), "400:") {
			t.Errorf("a bad body: %v, want code 400", err)
		}
	})
}

// maybe is null in JSON if it holds nothing.
type maybe struct {
	value string
	ok    bool
}

func (m maybe) MarshalJSON() ([]byte, error) {
	if !m.ok {
		return []byte("null"), nil
	}
	return json.Codec.Marshal(m.value)
}

func (m *maybe) UnmarshalJSON(data []byte) error {
	*m = maybe{}
	if m.ok = !json.Codec.IsNil(data); m.ok {
		return json.Codec.Unmarshal(data, &m.value)
	}
	return nil
}

// lost reports what a client and a service make of a body.
func lost[T any](t *testing.T, codec typednats.Codec, body string) (reply, request bool) {
	t.Helper()
	nc := typednatstest.Server(t)
	e := typednats.NewEndpoint[T, T, typednats.Never]("echo").WithCodec(codec)
	answer(t, nc, "foreign", func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: []byte(body)} })
	start(t, nc, config(), e.Handle(func(_ context.Context, in T) (T, error) { return in, nil }))
	_, err := typednats.RequestService(within(t), nc, e.InSubject("foreign"), *new(T))
	if err != nil && !errors.Is(err, typednats.ErrDecodeReply) {
		t.Errorf("%v, want ErrDecodeReply", err)
	}
	failure := failureOf(exchange(t, nc, "echo", headerOf("Content-Type", codec.ContentType()), body))
	if failure != "" && !strings.HasPrefix(failure, "400:") {
		t.Errorf("%q, want code 400", failure)
	}
	return err != nil, failure != ""
}

func TestNothingIsNotAZeroValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lost func(*testing.T, typednats.Codec, string) (bool, bool)
		null bool // is an error
	}{
		{"struct", lost[note], true},
		{"number", lost[int], true},
		{"text", lost[string], true},
		{"bool", lost[bool], true},
		{"array", lost[[2]int], true},
		{"pointer", lost[*note], false},
		{"slice", lost[[]int], false},
		{"map", lost[map[string]int], false},
		{"any", lost[any], false},
		{"struct without fields", lost[struct{}], false},
	} {
		for _, body := range []string{"null", " \r\n\tnull\n", "\xc0", ""} {
			codec := typednats.Codec(json.Codec)
			if body == "\xc0" {
				codec = msgpack.Codec
			}
			want := tt.null || body == "" && tt.name != "struct without fields"
			if reply, request := tt.lost(t, codec, body); reply != want || request != want {
				t.Errorf("%q as a %s: an error as a reply: %v, as a request: %v, want %v", body, tt.name, reply, request, want)
			}
		}
	}
	if reply, request := lost[maybe](t, json.Codec, "null"); reply || request {
		t.Error("a type that says null of itself is refused")
	}
	plain := jsonNamed("application/x-plain") // without IsNil
	if reply, request := lost[note](t, plain, "null"); !reply || !request {
		t.Error("null is taken for a value, in a codec that cannot tell")
	}
	if reply, request := lost[*note](t, plain, "null"); reply || request {
		t.Error("null is no nil pointer, in a codec that cannot tell")
	}
	if reply, request := lost[maybe](t, plain, "null"); reply || request {
		t.Error("a type that says null of itself is refused, in a codec that cannot tell")
	}
	if reply, request := lost[string](t, signedJSON{"application/x-shout"}, ""); !reply || !request {
		t.Error("an empty body is taken for a value")
	}
}
