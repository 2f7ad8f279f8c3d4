package typednats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

func FuzzContentType(f *testing.F) {
	var m mistakes
	sets := map[string]codecSet{
		"json":         newCodecSet([]Codec{json.Codec}, &m),
		"json, others": newCodecSet([]Codec{msgpack.Codec, json.Codec, raw.Codec}, &m),
		"raw":          newCodecSet([]Codec{raw.Codec}, &m),
		"msgpack":      newCodecSet([]Codec{msgpack.Codec}, &m),
	}
	if len(m) > 0 {
		f.Fatal(m)
	}
	for _, seed := range []string{
		"", " ", ";", "application/json", "Application/JSON; charset=utf-8", " application/msgpack ;;", "application/octet-stream",
		"application/json,application/msgpack", "ＡPPLICATION/JSON", "application/\x00json", "İ", "K",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, contentType string) {
		canonical := wire.CanonicalMediaType(contentType)
		if again := wire.CanonicalMediaType(canonical); again != canonical {
			t.Errorf("canonical form of %q is %q, whose own is %q", contentType, canonical, again)
		}
		for name, set := range sets {
			codec := set.forContentType(contentType)
			if codec == nil {
				continue
			}
			want := canonical
			if contentType == "" {
				want = wire.JSONMediaType
			}
			if name != "raw" && codec.ContentType() != want {
				t.Errorf("%s: %q is read as %s, want %s", name, contentType, codec.ContentType(), want)
			}
		}
		description := server.Fail(wire.NotAccepted(contentType, sets["json"])).Description
		checkDescription(t, description)
	})
}

// checkDescription checks what becomes the value of a header.
func checkDescription(t *testing.T, s string) {
	t.Helper()
	if s == "" || len(s) > wire.MaxDescription || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("description %.80q of %d bytes is no fit value for a header", s, len(s))
	}
}

// The declared errors of FuzzErrorTree, and what is not declared. N is their place in the tree.
type valueError struct{ N int }

func (valueError) Error() string { return "value" }

type pointerError struct{ N int }

func (*pointerError) Error() string { return "pointer" }

type strangeError struct{ N int }

func (strangeError) Error() string { return "strange" }

// branchesError is an error with causes that may be nil.
type branchesError []error

func (branchesError) Error() string { return "branches" }

func (b branchesError) Unwrap() []error { return b }

// treeBuilder grows an error from bytes and notes the leaves that count, from left to right.
type treeBuilder struct {
	script []byte
	leaves []error
}

func (b *treeBuilder) next() byte {
	if len(b.script) == 0 {
		return 0
	}
	first := b.script[0]
	b.script = b.script[1:]
	return first
}

// leaf notes err as what find finds when declared is what it is declared as.
func (b *treeBuilder) leaf(err, declared error) error {
	b.leaves = append(b.leaves, declared)
	return err
}

func (b *treeBuilder) grow(depth int) error {
	n := len(b.leaves)
	kind := b.next() % 12
	if depth == 0 && kind >= 8 {
		kind -= 8
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return b.leaf(valueError{n}, valueError{n})
	case 2:
		return b.leaf(&valueError{n}, valueError{n})
	case 3:
		p := &pointerError{n}
		return b.leaf(p, p)
	case 4:
		se := Errorf(n+1, "code")
		return b.leaf(se, se)
	case 5:
		return (*pointerError)(nil)
	case 6:
		return (*ServiceError)(nil)
	case 7:
		return strangeError{n}
	case 8:
		return fmt.Errorf("wrapped: %w", b.grow(depth-1))
	case 9:
		failed := &CallError{Err: b.grow(depth - 1)}
		b.leaves = b.leaves[:n] // how another service failed is not this one's answer
		return failed
	case 10:
		return errors.Join(b.grow(depth-1), b.grow(depth-1))
	default:
		return branchesError{nil, b.grow(depth - 1), (*valueError)(nil), b.grow(depth - 1), b.grow(depth - 1)}
	}
}

func FuzzErrorTree(f *testing.F) {
	endpoint := NewEndpoint[struct{}, struct{}, error]("test").FailsWith(valueError{}, &pointerError{})
	c, err := endpoint.d.compile()
	if err != nil {
		f.Fatal(err)
	}
	for kind := range byte(12) {
		f.Add([]byte{kind})
		f.Add([]byte{8, 9, 10, kind, 1})
		f.Add([]byte{11, 5, kind, 3})
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		b := &treeBuilder{script: script}
		tree := b.grow(20)
		f := c.errors.find(tree)
		found, member := f.declared, f.member
		if f.service != nil {
			found = f.service
		}
		if len(b.leaves) == 0 {
			if found != nil || member != nil {
				t.Fatalf("found %v (%v) in a tree without it: %#v", found, member, tree)
			}
			return
		}
		if want := b.leaves[0]; any(found) != any(want) { // the very one, not one that it wraps
			t.Fatalf("found %#v, want the first, %#v", found, want)
		}
		_, undeclared := errors.AsType[*ServiceError](found)
		if undeclared != (member == nil) {
			t.Fatalf("member %v of %T", member, found)
		}
		if member == nil {
			return
		}
		description, code, err := c.errors.describe(found, member)
		if err != nil {
			t.Fatal(err)
		}
		checkDescription(t, description)
		if code < 1 {
			t.Errorf("code %d", code)
		}
		body, err := member.encode(&c.codecs[0], found)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := c.errors.decode(member.tag, &c.codecs[0], body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found, decoded); diff != "" {
			t.Errorf("after a way over the wire (-want +got):\n%s", diff)
		}
	})
}

// node is a type with everything that hostile data could make grow.
type node struct {
	Text     string
	Numbers  []int64
	Any      any
	ByName   map[string]any
	Children []*node
	When     time.Time
}

// operation returns what a service runs for an endpoint.
func operation(tb testing.TB, b BoundEndpoint) *pipeline {
	tb.Helper()
	if err := b.check(); err != nil {
		tb.Fatal(err)
	}
	p, _ := newPipeline(b.endpoint, b.handler, handlerOptions{})
	return p
}

func FuzzServe(f *testing.F) {
	echo := func(_ context.Context, n node) (node, error) { return n, nil }
	bytes := func(_ context.Context, b []byte) ([]byte, error) { return b, nil }
	endpoints := []*pipeline{
		operation(f, NewEndpoint[node, node, Never]("test").Handle(echo)),
		operation(f, NewEndpoint[node, node, Never]("test").WithCodec(msgpack.Codec, json.Codec).Handle(echo)),
		operation(f, NewEndpoint[[]byte, []byte, Never]("test").WithCodec(raw.Codec, json.Codec, msgpack.Codec).Handle(bytes)),
		operation(f, NewEndpoint[struct{}, any, Never]("test").WithCodec(json.Codec, msgpack.Codec).
			Handle(func(context.Context, struct{}) (any, error) { return 1, nil })),
	}
	for which := range endpoints {
		for _, contentType := range []string{"", "application/json", "application/msgpack", "application/octet-stream", "x/y"} {
			for _, body := range []string{
				"", "null", "{}", `{"Text":"a","Any":[1,{"a":null}],"Children":[{},null]}`, "\x80", "\xdd\xff\xff\xff\xff\x01",
				"\x81\xa3Any\xdf\xff\xff\xff\xff\x01", strings.Repeat("[", 100), strings.Repeat("\x91", 100),
			} {
				f.Add(which, contentType, []byte(body))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which int, contentType string, body []byte) {
		e := endpoints[uint(which)%uint(len(endpoints))]
		msg := &nats.Msg{Subject: "test", Header: nats.Header{ContentTypeHeader: {contentType}}, Data: body}
		var out server.Outcome
		local := server.NewLocal([]server.Endpoint{{Name: "test", Subject: "test", MaxConcurrent: 1, Operation: tapped{e, &out}}}, func(server.Report) {})
		if _, err := local.Request(t.Context(), msg); err != nil {
			if !errors.Is(err, nats.ErrMaxPayload) { // a body that no server would take
				t.Fatal(err)
			}
			return
		}
		switch out.Code {
		case 0:
			if e.codecs.forContentType(contentType) == nil {
				t.Errorf("content type %q is accepted without a codec", contentType)
			}
		case 400, 415:
			checkDescription(t, out.Description)
			if len(out.Body) > 0 || out.Cause != nil {
				t.Errorf("refused with body %q and cause %v", out.Body, out.Cause)
			}
		default:
			t.Errorf("code %d (%s): %v", out.Code, out.Description, out.Cause)
		}
	})
}

// tapped is an operation whose outcome is kept.
type tapped struct {
	*pipeline

	out *server.Outcome
}

func (o tapped) Serve(r *server.Request) server.Outcome {
	*o.out = o.pipeline.Serve(r)
	return *o.out
}
