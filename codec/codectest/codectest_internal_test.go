package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// fake is JSON, but for what a test replaces.
type fake struct {
	contentType func() string
	marshal     func(v any) ([]byte, error)
	unmarshal   func(data []byte, v any) error
}

func (f fake) ContentType() string {
	if f.contentType != nil {
		return f.contentType()
	}
	return "application/json"
}

func (f fake) Marshal(v any) ([]byte, error) {
	if f.marshal != nil {
		return f.marshal(v)
	}
	return json.Marshal(v)
}

func (f fake) Unmarshal(data []byte, v any) error {
	if f.unmarshal != nil {
		return f.unmarshal(data, v)
	}
	return json.Unmarshal(data, v)
}

func constant(contentType string) func() string { return func() string { return contentType } }

// check returns everything that is wrong with c. It is Run without the subtests.
func check(c Codec, values []any) []error {
	var problems []error
	for _, p := range newSuite(c, values).parts() {
		found := p.check()
		for _, err := range found {
			problems = append(problems, fmt.Errorf("%s: %w", p.name, err))
		}
		if len(found) > 0 && p.gate {
			break
		}
	}
	return problems
}

func TestCheckFindsNothingWrongWithJSON(t *testing.T) {
	t.Parallel()
	for _, err := range check(fake{}, nil) {
		t.Error(err)
	}
}

func TestCheckCatchesBrokenCodecs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		codec  func() Codec
		values []any
		want   string // a part of one of the problems
	}{
		{
			name:  "content type in upper case",
			codec: func() Codec { return fake{contentType: constant("Application/JSON")} },
			want:  `ContentType() is "Application/JSON", want "application/json"`,
		},
		{
			name:  "content type with parameters",
			codec: func() Codec { return fake{contentType: constant("text/plain; charset=utf-8")} },
			want:  "want no parameters",
		},
		{
			name:  "content type without a subtype",
			codec: func() Codec { return fake{contentType: constant("json")} },
			want:  "want a type and a subtype",
		},
		{
			name:  "empty content type",
			codec: func() Codec { return fake{contentType: constant("")} },
			want:  `content type: ContentType() is ""`,
		},
		{name: "content type that changes", codec: changingContentType, want: "want a constant"},
		{name: "nil value", codec: func() Codec { return fake{} }, values: []any{"a", nil}, want: "value 1 is nil"},
		{
			name: "cannot encode",
			codec: func() Codec {
				return fake{marshal: func(any) ([]byte, error) { return nil, errors.New("no") }}
			},
			want: "round trip: Marshal(string): no",
		},
		{
			name: "cannot decode",
			codec: func() Codec {
				return fake{unmarshal: func([]byte, any) error { return errors.New("no") }}
			},
			want: "round trip: Unmarshal of an encoded string: no",
		},
		{
			name:   "decodes nothing",
			codec:  func() Codec { return fake{unmarshal: func([]byte, any) error { return nil }} },
			values: []any{line{Item: "nut"}},
			want:   "round trip: codectest.line.Item: got , want nut",
		},
		{name: "state between messages", codec: stateful, values: []any{"a"}, want: "round trip: the second time: string: got #, want a"},
		{name: "one buffer for every result", codec: sharedBuffer, want: "a later Marshal shares the bytes"},
		{name: "one buffer, one value", codec: sharedBuffer, values: []any{"a"}, want: "a later Marshal shares the bytes"},
		{name: "a cached result", codec: cached, values: []any{"a", "b"}, want: "a later Marshal shares the bytes"},
		{name: "the caller's own bytes", codec: aliasing, values: []any{[]byte("abc")}, want: "a later Marshal shares the bytes"},
		{name: "kept data", codec: keeping, values: []any{[]byte("abc")}, want: "kept the data"},
		{
			name: "changed data",
			codec: func() Codec {
				return fake{unmarshal: func(data []byte, v any) error {
					err := json.Unmarshal(data, v)
					clear(data)
					return err
				}}
			},
			want: "ownership of decoded bytes: Unmarshal into *string changed the data",
		},
		{
			name: "data changed past its end",
			codec: func() Codec {
				return fake{unmarshal: func(data []byte, v any) error {
					return json.Unmarshal(append(data, '\n'), v)
				}}
			},
			want: "changed the data",
		},
		{
			name: "a channel as text",
			codec: func() Codec {
				return fake{marshal: func(v any) ([]byte, error) {
					if _, ok := v.(*chan int); ok {
						return []byte(fmt.Sprint(v)), nil
					}
					return json.Marshal(v)
				}}
			},
			want: "unencodable values: Marshal(chan int) returned",
		},
		{
			name: "panics for a function",
			codec: func() Codec {
				return fake{marshal: func(v any) ([]byte, error) {
					if _, ok := v.(*func()); ok {
						panic("a function")
					}
					return json.Marshal(v)
				}}
			},
			want: "Marshal(func()) panicked: a function",
		},
		{
			name:   "panics for a nil target",
			codec:  keeping,
			values: []any{[]byte("abc")},
			want:   "bad targets: Unmarshal into *[]uint8 panicked",
		},
		{
			name: "accepts any target",
			codec: func() Codec {
				return fake{unmarshal: func(data []byte, v any) error {
					err := json.Unmarshal(data, v)
					if _, ok := errors.AsType[*json.InvalidUnmarshalError](err); ok {
						return nil
					}
					return err
				}}
			},
			want: "bad targets: Unmarshal into the target <nil>(<nil>) succeeded",
		},
		{
			name:   "trusts lengths",
			codec:  func() Codec { return fake{marshal: msgpack.Marshal, unmarshal: msgpack.Unmarshal} },
			values: []any{[]int64{1}},
			want:   "lengths that lie: Unmarshal into *[]int64 allocated",
		},
		{
			name:   "trusts the length of an extension that poses as a map",
			codec:  func() Codec { return fake{marshal: msgpack.Marshal, unmarshal: unmarshalCheckedArrays} },
			values: []any{map[string]any{"a": "b"}},
			want:   "allocated",
		},
		{name: "reads past the end", codec: readsAhead, want: "truncated data: the first"},
		{name: "panics on garbage", codec: panicsOnGarbage, values: []any{"abc"}, want: "garbage: Unmarshal into *string panicked"},
		{name: "one caller at a time", codec: oneAtATime, want: "concurrent use: "},
		{
			name:   "forgets what it appends to",
			codec:  func() Codec { return appending(func(_, data []byte) []byte { return data }) },
			values: []any{"a"},
			want:   "appended encodings: AppendMarshal(string): \"\\\"a\\\"\" does not begin with",
		},
		{
			name: "appends something else",
			codec: func() Codec {
				return appending(func(dst, _ []byte) []byte { return append(dst, `"b"`...) })
			},
			values: []any{"a"},
			want:   "appended encodings: AppendMarshal(string): string: got b, want a",
		},
		{name: "keeps what it appends to", codec: keepsDestination, values: []any{"a", "b"}, want: "a later one writes to the slice"},
		{
			name: "appends a channel as text",
			codec: func() Codec {
				return appendingFunc(func(dst []byte, v any) ([]byte, error) {
					return fmt.Appendf(dst, "%q", fmt.Sprint(v)), nil
				})
			},
			values: []any{"a"},
			want:   "AppendMarshal(chan int) returned",
		},
		{
			name: "panics when it appends",
			codec: func() Codec {
				return appendingFunc(func([]byte, any) ([]byte, error) { panic("no room") })
			},
			values: []any{"a"},
			want:   "AppendMarshal(string) panicked: no room",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := tt.values
			if values == nil {
				values = []any{"hello", line{Item: "nut"}, []int{1, 2}}
			}
			problems := errors.Join(check(tt.codec(), values)...)
			if problems == nil || !strings.Contains(problems.Error(), tt.want) {
				t.Errorf("the problems do not contain %q:\n%v", tt.want, problems)
			}
		})
	}
}

// fakeAppender is a fake with AppendMarshal.
type fakeAppender struct {
	fake

	appendMarshal func(dst []byte, v any) ([]byte, error)
}

func (f fakeAppender) AppendMarshal(dst []byte, v any) ([]byte, error) {
	return f.appendMarshal(dst, v)
}

func appendingFunc(f func(dst []byte, v any) ([]byte, error)) Codec {
	return fakeAppender{appendMarshal: f}
}

// appending puts an encoding together with what it is to be appended to.
func appending(join func(dst, data []byte) []byte) Codec {
	return appendingFunc(func(dst []byte, v any) ([]byte, error) {
		data, err := json.Marshal(v)
		if err != nil {
			return dst, err
		}
		return join(dst, data), nil
	})
}

// keepsDestination writes to a slice that it was given earlier.
func keepsDestination() Codec {
	var mu sync.Mutex
	var last []byte
	return appending(func(dst, data []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		clear(last)
		dst = append(dst, data...)
		last = dst
		return dst
	})
}

func TestCheckFindsNothingWrongWithAppending(t *testing.T) {
	t.Parallel()
	c := appending(func(dst, data []byte) []byte { return append(dst, data...) })
	for _, err := range check(c, nil) {
		t.Error(err)
	}
}

func changingContentType() Codec {
	var calls atomic.Int64
	return fake{contentType: func() string { return fmt.Sprintf("application/v%d", calls.Add(1)) }}
}

// stateful sends a string once, and refers to it from then on.
func stateful() Codec {
	var sent sync.Map
	return fake{marshal: func(v any) ([]byte, error) {
		if text, ok := v.(*string); ok {
			if _, again := sent.LoadOrStore(*text, true); again {
				return []byte(`"#"`), nil
			}
		}
		return json.Marshal(v)
	}}
}

func sharedBuffer() Codec {
	var mu sync.Mutex
	var buf bytes.Buffer
	return fake{marshal: func(v any) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		buf.Reset()
		err := json.NewEncoder(&buf).Encode(v)
		return buf.Bytes(), err
	}}
}

// cached returns one result for the same string.
func cached() Codec {
	var cache sync.Map
	return fake{marshal: func(v any) ([]byte, error) {
		text, ok := v.(*string)
		if !ok {
			return json.Marshal(v)
		}
		if data, ok := cache.Load(*text); ok {
			return data.([]byte), nil
		}
		data, err := json.Marshal(v)
		cache.Store(*text, data)
		return data, err
	}}
}

// aliasing returns the bytes that it is given.
func aliasing() Codec {
	return fake{marshal: func(v any) ([]byte, error) {
		data, ok := v.(*[]byte)
		if !ok {
			return nil, errors.New("not bytes")
		}
		return *data, nil
	}, unmarshal: func(data []byte, v any) error {
		*v.(*[]byte) = bytes.Clone(data)
		return nil
	}}
}

// keeping returns a copy of the bytes, but decodes without one, and does not look at its target.
func keeping() Codec {
	return fake{marshal: func(v any) ([]byte, error) {
		data, ok := v.(*[]byte)
		if !ok {
			return nil, errors.New("not bytes")
		}
		return bytes.Clone(*data), nil
	}, unmarshal: func(data []byte, v any) error {
		*v.(*[]byte) = data
		return nil
	}}
}

// unmarshalCheckedArrays refuses the length of a container at the start of the data, but not one inside an extension.
func unmarshalCheckedArrays(data []byte, v any) error {
	if len(data) > 0 && data[0] >= 0xc6 && data[0] != 0xc7 {
		return errors.New("too long")
	}
	return msgpack.Unmarshal(data, v)
}

func readsAhead() Codec {
	return fake{unmarshal: func(data []byte, v any) error {
		err := json.Unmarshal(data, v)
		if err != nil && len(data) > 2 && data[0] == '"' && strings.Contains(err.Error(), "unexpected end") {
			return errors.New(string(data[len(data)])) //nolint:gocritic // reading too far is what this codec does
		}
		return err
	}}
}

func panicsOnGarbage() Codec {
	return fake{unmarshal: func(data []byte, v any) error {
		if len(data) > 0 && data[0] == 0xff {
			panic("garbage")
		}
		return json.Unmarshal(data, v)
	}}
}

func oneAtATime() Codec {
	var busy atomic.Bool
	return fake{marshal: func(v any) ([]byte, error) {
		if !busy.CompareAndSwap(false, true) {
			return nil, errors.New("busy")
		}
		defer busy.Store(false)
		// Lets another goroutine come in between.
		runtime.Gosched()
		return json.Marshal(v)
	}}
}
