package typednats

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/internal/natstest"
)

var update = flag.Bool("update", false, "write the golden files")

type goldenRequest struct {
	Item string `json:"item"`
	Fail string `json:"fail,omitempty"`
}

type goldenReply struct {
	InStock int `json:"in_stock"`
}

type goldenMissing struct {
	Item string `json:"item"`
}

func (e goldenMissing) Error() string { return "no item " + e.Item }
func (goldenMissing) ErrorCode() int  { return 404 }

type goldenClosed struct{}

func (*goldenClosed) Error() string { return "" }

func goldenHandler(_ context.Context, in goldenRequest) (goldenReply, error) {
	switch in.Fail {
	case "missing":
		return goldenReply{}, goldenMissing{Item: in.Item}
	case "closed":
		return goldenReply{}, fmt.Errorf("look up: %w", &goldenClosed{})
	case "forbidden":
		return goldenReply{}, Errorf(403, "not %s", "you")
	case "unknown":
		return goldenReply{}, os.ErrPermission
	case "panic":
		panic("secret")
	default:
		return goldenReply{InStock: 42}, nil
	}
}

// TestGoldenWire pins what crosses the wire, as another connection to the server sees it. Run the test with -update
// to accept a change, which every deployed peer must understand.
func TestGoldenWire(t *testing.T) {
	t.Parallel()
	endpoint := NewEndpoint[goldenRequest, goldenReply, error]("stock-check").
		InGroup(NewGroup("catalog")).
		FailsWith(goldenMissing{}).
		FailsWithTag("com.example.Closed", &goldenClosed{})
	text := NewEndpoint[string, []byte, Never]("text").WithCodec(raw.Codec)
	empty := NewEndpoint[struct{}, struct{}, Never]("empty")
	packed := endpoint.WithCodec(msgpack.Codec, json.Codec)
	for name, r := range map[string]func(nc *nats.Conn) Requester{
		"conn":           func(nc *nats.Conn) Requester { return nc },
		"client":         func(nc *nats.Conn) Requester { return NewClient(nc) },
		"client_headers": func(nc *nats.Conn) Requester { return NewClient(nc, WithoutReplyToken()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Run(t)
			nc, observer := srv.Connect(t), srv.Connect(t)
			svc, err := NewService(nc, ServiceConfig{Name: "golden", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler)},
				packed.Handle(goldenHandler),
				text.Handle(func(_ context.Context, in string) ([]byte, error) { return []byte(strings.ToUpper(in)), nil }),
				empty.HandleWith(func(_ context.Context, r *ServiceRequest[struct{}]) (struct{}, error) {
					r.ReplyHeader().Set("X-Trace", r.Header.Get("X-Trace"))
					return struct{}{}, nil
				}))
			if err != nil {
				t.Fatal(err)
			}
			requester := r(nc)
			t.Cleanup(func() {
				if c, ok := requester.(*Client); ok {
					_ = c.Close()
				}
				_ = svc.Stop(context.Background())
			})
			g := goldenTap{tap: observe(t, observer)}
			ctx := context.Background()
			for _, fail := range []string{"", "missing", "closed", "forbidden", "unknown", "panic"} {
				_, _ = RequestService(ctx, requester, endpoint, goldenRequest{"bolt", fail})
				g.record(t, "JSON, fails: "+strconv.Quote(fail))
			}
			for _, fail := range []string{"", "missing", "closed", "forbidden"} {
				_, _ = RequestService(ctx, requester, packed, goldenRequest{"bolt", fail})
				g.record(t, "msgpack, fails: "+strconv.Quote(fail))
			}
			_, _ = RequestService(ctx, requester, endpoint, goldenRequest{"bolt", ""}, WithCallCodec(raw.Codec))
			g.record(t, "a request that the codec cannot encode")
			_, _ = RequestService(ctx, requester, endpoint, goldenRequest{"bolt", ""}, WithCallCodec(goldenCodec{}))
			g.record(t, "a codec that is not accepted")
			_, _ = Request[int, int](ctx, requester, "catalog.stock-check", 1)
			g.record(t, "a request that cannot be decoded")
			_, _ = RequestService(ctx, requester, text, "bolt é")
			g.record(t, "raw")
			_, _ = RequestService(ctx, requester, empty, struct{}{}, WithHeader("X-Trace", "abc"))
			g.record(t, "no fields, headers of the caller and of the handler")
			g.compare(t, name+".golden")
		})
	}
}

// goldenCodec has a name that does not fit into a reply subject.
type goldenCodec struct{}

func (goldenCodec) ContentType() string               { return "application/vnd.acme.v1" }
func (goldenCodec) Marshal(any) ([]byte, error)       { return []byte{0, 1, 0xff}, nil }
func (goldenCodec) Unmarshal(_ []byte, out any) error { return fmt.Errorf("decode %T", out) }

// goldenTap writes down the messages that pass.
type goldenTap struct {
	tap *nats.Subscription
	out strings.Builder
}

func observe(t *testing.T, nc *nats.Conn) *nats.Subscription {
	t.Helper()
	tap, err := nc.SubscribeSync(">")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return tap
}

// record writes down the request and the reply of one call; one that was not sent leaves none.
func (g *goldenTap) record(t *testing.T, title string) {
	t.Helper()
	fmt.Fprintf(&g.out, "# %s\n", title)
	if strings.Contains(title, "cannot encode") {
		g.out.WriteString("\n")
		return
	}
	for _, kind := range []string{"request", "reply"} {
		m, err := g.tap.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatalf("%s: %s: %v", title, kind, err)
		}
		fmt.Fprintf(&g.out, "%s to %s\n", kind, goldenSubject(m.Subject))
		if m.Reply != "" {
			fmt.Fprintf(&g.out, "  reply to %s\n", goldenSubject(m.Reply))
		}
		for _, key := range slices.Sorted(maps.Keys(m.Header)) {
			for _, value := range m.Header[key] {
				if ms, err := strconv.Atoi(value); key == TimeoutHeader && err == nil && ms > 1000 && ms <= 5000 {
					value = "<ms>"
				}
				if text, _, found := strings.Cut(value, "decoded: "); found { // Go's text, which changes with its version
					value = text + "decoded: <cause>"
				}
				fmt.Fprintf(&g.out, "  header %s: %s\n", key, value)
			}
		}
		fmt.Fprintf(&g.out, "  body %+q\n", m.Data)
	}
	g.out.WriteString("\n")
}

var (
	goldenInbox  = regexp.MustCompile(`^_INBOX\.[A-Za-z0-9]{22}\.`)
	goldenToken  = regexp.MustCompile(`^(<inbox>\.~)[1-5]\d{3}~`)
	goldenNumber = regexp.MustCompile(`^(<inbox>\.~.*~)[0-9a-z]{1,13}$`)
	goldenOther  = regexp.MustCompile(`^<inbox>\.[A-Za-z0-9]+$`)
)

// goldenSubject replaces what differs between two runs.
func goldenSubject(subject string) string {
	subject = goldenInbox.ReplaceAllString(subject, "<inbox>.")
	subject = goldenToken.ReplaceAllString(subject, "${1}<ms>~")
	subject = goldenNumber.ReplaceAllString(subject, "${1}<number>")
	return goldenOther.ReplaceAllString(subject, "<inbox>.<random>")
}

func (g *goldenTap) compare(t *testing.T, file string) {
	t.Helper()
	got := g.out.String()
	dir := filepath.Join("testdata", "wire")
	if *update {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := fs.ReadFile(os.DirFS(dir), file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestReplySubject(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]requestFacts{
		"_INBOX.x.~0~~z":                {},
		"_INBOX.x.~1500~~z":             {timeout: 1500 * time.Millisecond},
		"_INBOX.x.~1~~z":                {timeout: 1},
		"_INBOX.x.~5000~msgpack~z":      {timeout: 5 * time.Second, contentType: "application/msgpack"},
		"_INBOX.x.~0~octet-stream~z":    {contentType: "application/octet-stream"},
		"_INBOX.x.~0~x-gob;v=1~z":       {contentType: "application/x-gob;v=1"},
		"_INBOX.x.~0~text/plain~z":      {contentType: "text/plain"},
		"_INBOX.x.~0~a/b/c~z":           {contentType: "a/b/c"},
		"_INBOX.x.~0~application/~z":    {contentType: "application/"},
		"_INBOX.x.~0~application/a/b~z": {contentType: "application/a/b"},
	} {
		if got := replySubject("_INBOX.x", f, 35); got != want {
			t.Errorf("replySubject(%+v) = %q, want %q", f, got, want)
		}
		f.timeout = parseTimeout(strconv.FormatInt(milliseconds(f.timeout), 10))
		if got, ok := parseReplyToken(want); got != f || !ok {
			t.Errorf("parseReplyToken(%q) = %+v, %v, want %+v", want, got, ok, f)
		}
	}
	for _, subject := range []string{"x.~5000~~-1", "x.~5000~~zzzzzzzzzzzzzz", "x.~5000~~", "x.~1", "x.1", ""} {
		if number, ok := parseReplyNumber(subject); ok {
			t.Errorf("parseReplyNumber(%q) = %d, want nothing", subject, number)
		}
	}
	if f, _ := parseReplyToken("x.~0~application/msgpack~1"); f.contentType != "application/msgpack" {
		t.Errorf("the long form of a media type is read as %q", f.contentType)
	}
	// Reply subjects of other clients carry nothing.
	for _, subject := range []string{
		"", "_INBOX.x", "_INBOX.x.y", "_INBOX.abc.1", "_INBOX.x.5000", "_INBOX.x.~", "_INBOX.x.~5000",
		"_INBOX.x.~5000~", "_INBOX.x.~5000~~", "_INBOX.x.~5000~~a~b", "_INBOX.~5000~~1.x",
		"_INBOX.x.1~5000~~1", "_INBOX.x.x~5000~~1", "$JS.ACK.tn.c.1.2.3.4.5",
	} {
		if f, ok := parseReplyToken(subject); ok || f != (requestFacts{}) {
			t.Errorf("parseReplyToken(%q) = %+v, %v, want nothing", subject, f, ok)
		}
	}
}

func TestFactsOf(t *testing.T) {
	t.Parallel()
	const reply = "_INBOX.x.~1500~msgpack~1"
	for _, tt := range []struct {
		header nats.Header
		reply  string
		want   requestFacts
	}{
		{nil, "", requestFacts{}},
		{nil, "_INBOX.x.abc", requestFacts{}},
		{nil, reply, requestFacts{"application/msgpack", 1500 * time.Millisecond}},
		{nats.Header{"X-Other": {"1"}}, reply, requestFacts{"application/msgpack", 1500 * time.Millisecond}},
		{nats.Header{"Content-Type": {"text/x"}}, reply, requestFacts{"text/x", 1500 * time.Millisecond}},
		{nats.Header{"Typednats-Timeout": {"7"}}, reply, requestFacts{"application/msgpack", 7 * time.Millisecond}},
		{nats.Header{"Typednats-Timeout": {"-7"}, "Content-Type": nil}, reply, requestFacts{"application/msgpack", 1500 * time.Millisecond}},
		{nats.Header{"Typednats-Timeout": {"7", "8"}, "Content-Type": {"a/b", "c/d"}}, "", requestFacts{"a/b", 7 * time.Millisecond}},
	} {
		if got, _ := factsOf(tt.header, tt.reply); got != tt.want {
			t.Errorf("factsOf(%v, %q) = %+v, want %+v", tt.header, tt.reply, got, tt.want)
		}
	}
}

// TestIsHeaderKey asks nats.go, which refuses to publish what is not a key.
func TestIsHeaderKey(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	keys := []string{"", "Nats-Service-Error", "a b", "日本", "X\xff"}
	for r := range rune(0x180) {
		keys = append(keys, string(r), "X"+string(r)+"y")
	}
	for _, key := range keys {
		err := nc.PublishMsg(&nats.Msg{Subject: "x", Header: nats.Header{key: {"v"}}})
		if got := isHeaderKey(key); got != (err == nil) {
			t.Errorf("isHeaderKey(%q) = %v, nats.go says %v", key, got, err)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{
		-time.Second: 0, 0: 0, 1: 1, time.Microsecond: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000,
		math.MaxInt64: math.MaxInt64/int64(time.Millisecond) + 1,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%v) = %d, want %d", d, got, want)
		}
	}
}

func FuzzParseReplyToken(f *testing.F) {
	for _, subject := range []string{
		"", "_INBOX.x.y", "_INBOX.x.~5000~msgpack~1z", "~~~0", "x.~1~~", "x.~1~a~b~c", "~1~~00",
	} {
		f.Add(subject, "application/msgpack", int64(time.Second), uint64(1))
	}
	f.Add("", "application/vnd.acme", int64(-1), uint64(math.MaxUint64))
	f.Add("", "a/b; c=d", int64(math.MaxInt64), uint64(0))
	f.Fuzz(func(t *testing.T, subject, contentType string, timeout int64, number uint64) {
		facts, ok := parseReplyToken(subject)
		if marked := strings.HasPrefix(subject[strings.LastIndexByte(subject, '.')+1:], "~"); ok && !marked || facts.timeout < 0 {
			t.Errorf("parseReplyToken(%q) = %+v, %v", subject, facts, ok)
		}
		if !ok && (facts != requestFacts{}) {
			t.Errorf("parseReplyToken(%q) reads %+v out of something else", subject, facts)
		}
		written := requestFacts{contentType: contentType, timeout: time.Duration(timeout)}
		if !fitsReplyToken(contentType) {
			return
		}
		reply := replySubject("_INBOX.x", written, number)
		if err := checkConcrete(reply); err != nil {
			t.Fatalf("replySubject(%+v) = %q: %v", written, reply, err)
		}
		want := requestFacts{contentType: contentType, timeout: parseTimeout(strconv.FormatInt(milliseconds(written.timeout), 10))}
		if read, ok := parseReplyToken(reply); !ok || read != want {
			t.Errorf("parseReplyToken(%q) = %+v, %v, want %+v", reply, read, ok, want)
		}
		if call, ok := parseReplyNumber(reply); !ok || call != number {
			t.Errorf("parseReplyNumber(%q) = %d, %v, want %d", reply, call, ok, number)
		}
		if waits := want.timeout; timeout > 0 && timeout < math.MaxInt64-int64(time.Millisecond) &&
			(waits < written.timeout || waits-written.timeout >= time.Millisecond) {
			t.Errorf("%v is read as %v", written.timeout, waits)
		}
	})
}

func FuzzParseTimeout(f *testing.F) {
	for _, s := range []string{
		"", "0", "1", "5000", "007", "-1", "+1", " 1", "1.5", "1_000", "0x10", "٣", "9223372036854", "9223372036855", "99999999999999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := parseTimeout(s)
		digits := s != "" && strings.Trim(s, "0123456789") == ""
		value := strings.TrimLeft(s, "0")
		fits := len(value) < 13 || len(value) == 13 && value <= "9223372036854"
		if !digits || value == "" || !fits {
			if got != 0 {
				t.Errorf("parseTimeout(%q) = %v, want 0", s, got)
			}
			return
		}
		if strconv.FormatInt(milliseconds(got), 10) != value || got%time.Millisecond != 0 {
			t.Errorf("parseTimeout(%q) = %v", s, got)
		}
	})
}

func FuzzParseError(f *testing.F) {
	for _, block := range []string{
		"NATS/1.0\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error: no item\r\nNats-Service-Error-Code: 404\r\nNats-Service-Error-Type: NotFound\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error-Code: -1\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error:\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error-Type: NotFound\r\n\r\n",
		"NATS/1.0 503 No Responders\r\n\r\n",
		"",
	} {
		f.Add([]byte(block), []byte(`{"item":"bolt"}`), "no item", 404, "NotFound")
	}
	f.Fuzz(func(t *testing.T, block, body []byte, description string, code int, tag string) {
		if h, err := nats.DecodeHeadersMsg(block); err == nil {
			got := parseError(h, body)
			_, described := h[micro.ErrorHeader]
			_, coded := h[micro.ErrorCodeHeader]
			switch {
			case (got != nil) != (described || coded):
				t.Errorf("parseError(%v) = %v", h, got)
			case got != nil && (got.Code < 1 || !bytes.Equal(got.Data, body) || got.Error() == ""):
				t.Errorf("parseError(%v) = %+v", h, got)
			}
		}
		if checkTag(tag) != nil {
			return
		}
		want := ServiceError{Code: cleanCode(code), Description: cleanDescription(description, tag), Type: tag, Data: body}
		written := errorHeader(want.Description, want.Code, tag)
		if diff := cmp.Diff(want, *parseError(overTheWire(t, written), body)); diff != "" {
			t.Errorf("parseError(%v) (-want +got):\n%s", written, diff)
		}
	})
}

// overTheWire returns the header as it arrives.
func overTheWire(t *testing.T, h nats.Header) nats.Header {
	t.Helper()
	var block strings.Builder
	block.WriteString("NATS/1.0\r\n")
	for key, values := range h {
		for _, value := range values {
			block.WriteString(key + ": " + value + "\r\n")
		}
	}
	block.WriteString("\r\n")
	read, err := nats.DecodeHeadersMsg([]byte(block.String()))
	if err != nil {
		t.Fatalf("header %v: %v", h, err)
	}
	return read
}

func FuzzCleanDescription(f *testing.F) {
	for _, s := range []string{
		"", " ", "no item", "a\r\nb", "\x00", "caf\xe9", "\u2028", "日本", strings.Repeat("é", 3000), strings.Repeat(" ", 5000) + "é",
		strings.Repeat("\xff", 9000), strings.Repeat("\x80", 9000), "x" + strings.Repeat("日", 3000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanDescription(s, "Tag")
		switch {
		case got == "" || len(got) > maxDescription || !utf8.ValidString(got):
			t.Errorf("cleanDescription(%q) = %q", s, got)
		case strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
			t.Errorf("cleanDescription(%q) = %q, which has a control character", s, got)
		case strings.TrimSpace(got) != got || cleanDescription(got, "Tag") != got:
			t.Errorf("cleanDescription(%q) = %q, which is not clean", s, got)
		case utf8.ValidString(s) && strings.ContainsRune(got, utf8.RuneError) && !strings.ContainsRune(s, utf8.RuneError):
			t.Errorf("cleanDescription(%q) = %q, which splits a character", s, got)
		}
	})
}
