package typednats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"github.com/typednats/typednats/internal/natstest"
)

func FuzzFactsOf(f *testing.F) {
	for _, seed := range []struct{ contentType, timeout, reply string }{
		{"", "", ""},
		{"application/msgpack", "1500", "_INBOX.x.abc"},
		{"", "", "_INBOX.x.~1500~msgpack~z"},
		{"text/plain", "-1", "_INBOX.x.~1500~msgpack~z"},
		{"x", "9223372036855", "~~~"},
		{"x", "0", ".~9223372036854~~zzzzzzzzzzzzz"},
		{"\xff", "１２", "~1~~1~~1"},
	} {
		f.Add(seed.contentType, seed.timeout, seed.reply)
	}
	f.Fuzz(func(t *testing.T, contentType, timeout, reply string) {
		inToken, isToken := parseReplyToken(reply)
		bare, fromClient := factsOf(nil, reply)
		if fromClient != isToken || bare != inToken {
			t.Errorf("without a header: %+v, %v, want what the reply subject says: %+v, %v", bare, fromClient, inToken, isToken)
		}
		header := nats.Header{ContentTypeHeader: {contentType, "second"}, TimeoutHeader: {timeout}}
		got, fromClient := factsOf(header, reply)
		if fromClient != isToken {
			t.Errorf("a header changes who made the reply subject: %v, want %v", fromClient, isToken)
		}
		want := inToken
		if contentType != "" {
			want.contentType = contentType
		}
		if d := parseTimeout(timeout); d > 0 {
			want.timeout = d
		}
		if got != want {
			t.Errorf("facts %+v, want %+v", got, want)
		}
		if got.timeout < 0 || got.timeout%time.Millisecond != 0 {
			t.Errorf("timeout %v, want a whole number of milliseconds", got.timeout)
		}
		if again, _ := factsOf(got.addTo(nil), ""); again != got {
			t.Errorf("after a way over the wire as headers: %+v, want %+v", again, got)
		}
		if fitsReplyToken(got.contentType) && !strings.Contains(got.contentType, ";") {
			if again, ok := parseReplyToken(replySubject("inbox", got, 7)); again != got || !ok {
				t.Errorf("after a way over the wire in the reply subject: %+v, %v, want %+v", again, ok, got)
			}
		}
		if empty, _ := factsOf(nats.Header{ContentTypeHeader: {}, TimeoutHeader: nil}, reply); empty != inToken {
			t.Errorf("headers without values: %+v, want %+v", empty, inToken)
		}
	})
}

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
		canonical := canonicalMediaType(contentType)
		if again := canonicalMediaType(canonical); again != canonical {
			t.Errorf("canonical form of %q is %q, whose own is %q", contentType, canonical, again)
		}
		for name, set := range sets {
			codec := set.forContentType(contentType)
			if codec == nil {
				continue
			}
			want := canonical
			if contentType == "" {
				want = jsonMediaType
			}
			if name != "raw" && codec.ContentType() != want {
				t.Errorf("%s: %q is read as %s, want %s", name, contentType, codec.ContentType(), want)
			}
		}
		description := failure(codeUnsupportedMedia, fmt.Sprintf("content type %q", contentType)).description
		fltCheckDescription(t, description)
	})
}

// fltCheckDescription checks what becomes the value of a header.
func fltCheckDescription(t *testing.T, s string) {
	t.Helper()
	if s == "" || len(s) > maxDescription || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("description %.80q of %d bytes is no fit value for a header", s, len(s))
	}
}

// The declared errors of FuzzErrorTree, and what is not declared. N is their place in the tree.
type fltValueError struct{ N int }

func (fltValueError) Error() string { return "value" }

type fltPointerError struct{ N int }

func (*fltPointerError) Error() string { return "pointer" }

type fltStrangeError struct{ N int }

func (fltStrangeError) Error() string { return "strange" }

// fltBranchesError is an error with causes that may be nil.
type fltBranchesError []error

func (fltBranchesError) Error() string { return "branches" }

func (b fltBranchesError) Unwrap() []error { return b }

// fltTreeBuilder grows an error from bytes and notes the leaves that count, from left to right.
type fltTreeBuilder struct {
	script []byte
	leaves []error
}

func (b *fltTreeBuilder) next() byte {
	if len(b.script) == 0 {
		return 0
	}
	first := b.script[0]
	b.script = b.script[1:]
	return first
}

// leaf notes err as what find finds when declared is what it is declared as.
func (b *fltTreeBuilder) leaf(err, declared error) error {
	b.leaves = append(b.leaves, declared)
	return err
}

func (b *fltTreeBuilder) grow(depth int) error {
	n := len(b.leaves)
	kind := b.next() % 12
	if depth == 0 && kind >= 8 {
		kind -= 8
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return b.leaf(fltValueError{n}, fltValueError{n})
	case 2:
		return b.leaf(&fltValueError{n}, fltValueError{n})
	case 3:
		p := &fltPointerError{n}
		return b.leaf(p, p)
	case 4:
		se := Errorf(n+1, "code")
		return b.leaf(se, se)
	case 5:
		return (*fltPointerError)(nil)
	case 6:
		return (*ServiceError)(nil)
	case 7:
		return fltStrangeError{n}
	case 8:
		return fmt.Errorf("wrapped: %w", b.grow(depth-1))
	case 9:
		return &CallError{Err: b.grow(depth - 1)}
	case 10:
		return errors.Join(b.grow(depth-1), b.grow(depth-1))
	default:
		return fltBranchesError{nil, b.grow(depth - 1), (*fltValueError)(nil), b.grow(depth - 1), b.grow(depth - 1)}
	}
}

func FuzzErrorTree(f *testing.F) {
	endpoint := NewEndpoint[struct{}, struct{}, error]("flt").FailsWith(fltValueError{}, &fltPointerError{})
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
		b := &fltTreeBuilder{script: script}
		tree := b.grow(20)
		found, member := c.errors.find(tree)
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
		description, code := c.errors.describe(found, member)
		fltCheckDescription(t, description)
		if code < 1 {
			t.Errorf("code %d", code)
		}
		body, err := json.Codec.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := c.errors.decode(member.tag, json.Codec, body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found, decoded); diff != "" {
			t.Errorf("after a way over the wire (-want +got):\n%s", diff)
		}
	})
}

// fltNode is a type with everything that hostile data could make grow.
type fltNode struct {
	Text     string
	Numbers  []int64
	Any      any
	ByName   map[string]any
	Children []*fltNode
	When     time.Time
}

// fltServed returns an endpoint as a service has it, without a connection.
func fltServed(tb testing.TB, b BoundEndpoint) *servedEndpoint {
	tb.Helper()
	if err := b.check(); err != nil {
		tb.Fatal(err)
	}
	s := &Service{cfg: ServiceConfig{Name: "flt", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler)}}
	return s.newServed(b)
}

func FuzzProcess(f *testing.F) {
	echo := func(_ context.Context, n fltNode) (fltNode, error) { return n, nil }
	bytes := func(_ context.Context, b []byte) ([]byte, error) { return b, nil }
	endpoints := []*servedEndpoint{
		fltServed(f, NewEndpoint[fltNode, fltNode, Never]("flt").Handle(echo)),
		fltServed(f, NewEndpoint[fltNode, fltNode, Never]("flt").WithCodec(msgpack.Codec, json.Codec).Handle(echo)),
		fltServed(f, NewEndpoint[[]byte, []byte, Never]("flt").WithCodec(raw.Codec, json.Codec, msgpack.Codec).Handle(bytes)),
		fltServed(f, NewEndpoint[struct{}, any, Never]("flt").WithCodec(json.Codec, msgpack.Codec).
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
		msg := &nats.Msg{Subject: "flt", Header: nats.Header{ContentTypeHeader: {contentType}}, Data: body}
		r := e.op.newRequest(t.Context(), msg)
		r.contentType = contentType
		out := e.process(r)
		switch out.code {
		case 0:
			if e.codecs.forContentType(contentType) == nil {
				t.Errorf("content type %q is accepted without a codec", contentType)
			}
		case codeBadRequest, codeUnsupportedMedia:
			fltCheckDescription(t, out.description)
			if len(out.body) > 0 || out.cause != nil {
				t.Errorf("refused with body %q and cause %v", out.body, out.cause)
			}
		default:
			t.Errorf("code %d (%s): %v", out.code, out.description, out.cause)
		}
	})
}

// A caller that was probed knows where the server's answers go. It must not be able to answer for other callers: with
// numbers for tokens it could make the service end their handlers.
func TestProbeCannotBeAnsweredForAnother(t *testing.T) {
	t.Parallel()
	s, err := NewService(natstest.Connect(t), ServiceConfig{Name: "flt", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	e := fltServed(t, NewEndpoint[struct{}, struct{}, Never]("flt").Handle(func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, nil
	}))
	for _, caller := range []string{"victim", "hostile"} {
		r := &request{msg: &nats.Msg{Reply: replySubject(caller, requestFacts{}, 1)}, tracked: true, started: -time.Hour}
		e.mu.Lock()
		e.trackLocked(r)
		e.mu.Unlock()
	}
	p := &prober{svc: s}
	seen := make(map[string]bool)
	for round := range 10 {
		if err := p.inspect([]*servedEndpoint{e}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		if len(p.asked) != 2 {
			t.Errorf("round %d: %d callers were asked, want 2", round, len(p.asked))
		}
		for token := range p.asked {
			if seen[token] || len(token) < 20 {
				t.Errorf("token %q can be guessed", token)
			}
			seen[token] = true
		}
		p.mu.Unlock()
	}
	p.close()
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
