package wire

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/natsserver"
	"github.com/typednats/typednats/internal/subject"
)

// connect returns a connection to a server, both of which end with the test.
func connect(t *testing.T) *nats.Conn {
	t.Helper()
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	nc, err := srv.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestReplySubject(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Facts{
		"_INBOX.x.~0~~z":                {},
		"_INBOX.x.~1500~~z":             {Timeout: 1500 * time.Millisecond},
		"_INBOX.x.~1~~z":                {Timeout: 1},
		"_INBOX.x.~5000~msgpack~z":      {Timeout: 5 * time.Second, ContentType: "application/msgpack"},
		"_INBOX.x.~0~octet-stream~z":    {ContentType: "application/octet-stream"},
		"_INBOX.x.~0~x-gob;v=1~z":       {ContentType: "application/x-gob;v=1"},
		"_INBOX.x.~0~text/plain~z":      {ContentType: "text/plain"},
		"_INBOX.x.~0~a/b/c~z":           {ContentType: "a/b/c"},
		"_INBOX.x.~0~application/~z":    {ContentType: "application/"},
		"_INBOX.x.~0~application/a/b~z": {ContentType: "application/a/b"},
	} {
		if got := ReplySubject("_INBOX.x", f, 35); got != want {
			t.Errorf("replySubject(%+v) = %q, want %q", f, got, want)
		}
		f.Timeout = parseTimeout(strconv.FormatInt(milliseconds(f.Timeout), 10))
		if got, ok := ParseReplyToken(want); got != f || !ok {
			t.Errorf("parseReplyToken(%q) = %+v, %v, want %+v", want, got, ok, f)
		}
	}
	for _, reply := range []string{"x.~5000~~-1", "x.~5000~~zzzzzzzzzzzzzz", "x.~5000~~", "x.~1", "x.1", ""} {
		if number, ok := ParseReplyNumber(reply); ok {
			t.Errorf("parseReplyNumber(%q) = %d, want nothing", reply, number)
		}
	}
	if f, _ := ParseReplyToken("x.~0~application/msgpack~1"); f.ContentType != "application/msgpack" {
		t.Errorf("the long form of a media type is read as %q", f.ContentType)
	}
	// Extensions are for later; a service of today ignores them.
	for _, extensions := range []string{"h", "h1", "Z00-4bf9", "h1~x", "a~b~c"} {
		reply := "_INBOX.x.~5000~msgpack~" + extensions + "~z"
		want := Facts{ContentType: "application/msgpack", Timeout: 5 * time.Second}
		number, found := ParseReplyNumber(reply)
		if got, ok := ParseReplyToken(reply); got != want || !ok || number != 35 || !found {
			t.Errorf("parseReplyToken(%q) = %+v, %v, number %d, want %+v and 35", reply, got, ok, number, want)
		}
	}
	// Reply subjects of other clients carry nothing.
	for _, reply := range []string{
		"", "_INBOX.x", "_INBOX.x.y", "_INBOX.abc.1", "_INBOX.x.5000", "_INBOX.x.~", "_INBOX.x.~5000",
		"_INBOX.x.~5000~", "_INBOX.x.~5000~~", "_INBOX.x.~5000~~1~b", "_INBOX.x.~5000~~~b", "_INBOX.x.~5000~~a~~b",
		"_INBOX.x.~5000~~a~é~b", "_INBOX.x.~5000~~a~", "_INBOX.~5000~~1.x",
		"_INBOX.x.1~5000~~1", "_INBOX.x.x~5000~~1", "$JS.ACK.tn.c.1.2.3.4.5",
	} {
		if f, ok := ParseReplyToken(reply); ok || f != (Facts{}) {
			t.Errorf("parseReplyToken(%q) = %+v, %v, want nothing", reply, f, ok)
		}
	}
}

func TestFactsOf(t *testing.T) {
	t.Parallel()
	const reply = "_INBOX.x.~1500~msgpack~1"
	said := func(contentType, timeout string) nats.Header {
		return nats.Header{"Content-Type": {contentType}, "Typednats-Timeout": {timeout}}
	}
	for _, tt := range []struct {
		header nats.Header
		reply  string
		want   Facts
		asked  bool
	}{
		{nil, "", Facts{}, false},
		{nil, "_INBOX.x.abc", Facts{}, false},
		{nil, reply, Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{nats.Header{"X-Other": {"1"}}, reply, Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{nats.Header{"Content-Type": {"text/x"}}, reply, Facts{"text/x", 1500 * time.Millisecond}, false},
		{nats.Header{"Typednats-Timeout": {"7"}}, reply, Facts{"application/msgpack", 7 * time.Millisecond}, false},
		{nats.Header{"Typednats-Timeout": {"-7"}, "Content-Type": nil}, reply, Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{nats.Header{"Typednats-Timeout": {"7", "8"}, "Content-Type": {"a/b", "c/d"}}, "", Facts{"a/b", 7 * time.Millisecond}, false},
		{said("application/msgpack", "1500"), reply, Facts{"application/msgpack", 1500 * time.Millisecond}, true},
		{said("", "1500"), "_INBOX.x.~1500~~1", Facts{"", 1500 * time.Millisecond}, true},
		{said("application/msgpack", "1500"), "_INBOX.x.1", Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{said("application/msgpack", "1500"), "_INBOX.x.~0~~1", Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{said("", "1500"), reply, Facts{"application/msgpack", 1500 * time.Millisecond}, false},
		{said("application/msgpack", "1501"), reply, Facts{"application/msgpack", 1501 * time.Millisecond}, false},
		{nats.Header{"X-Other": {"1"}}, "_INBOX.x.~0~~1", Facts{}, false},
	} {
		if got, token := FactsOf(tt.header, tt.reply); got != tt.want || token.Asked != tt.asked {
			t.Errorf("factsOf(%v, %q) = %+v, asked %v, want %+v, %v", tt.header, tt.reply, got, token.Asked, tt.want, tt.asked)
		}
	}
}

// TestIsHeaderKey asks nats.go, which refuses to publish what is not a key.
func TestIsHeaderKey(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	keys := []string{"", "Nats-Service-Error", "a b", "日本", "X\xff"}
	for r := range rune(0x180) {
		keys = append(keys, string(r), "X"+string(r)+"y")
	}
	for _, key := range keys {
		err := nc.PublishMsg(&nats.Msg{Subject: "x", Header: nats.Header{key: {"v"}}})
		if got := IsHeaderKey(key); got != (err == nil) {
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
	for _, reply := range []string{
		"", "_INBOX.x.y", "_INBOX.x.~5000~msgpack~1z", "~~~0", "x.~1~~", "x.~1~a~b~c", "~1~~00", "x.~1~~h1~x~z",
	} {
		f.Add(reply, "application/msgpack", int64(time.Second), uint64(1))
	}
	f.Add("", "application/vnd.acme", int64(-1), uint64(math.MaxUint64))
	f.Add("", "a/b; c=d", int64(math.MaxInt64), uint64(0))
	f.Fuzz(func(t *testing.T, foreign, contentType string, timeout int64, number uint64) {
		facts, ok := ParseReplyToken(foreign)
		if marked := strings.HasPrefix(foreign[strings.LastIndexByte(foreign, '.')+1:], "~"); ok && !marked || facts.Timeout < 0 {
			t.Errorf("ParseReplyToken(%q) = %+v, %v", foreign, facts, ok)
		}
		if !ok && (facts != Facts{}) {
			t.Errorf("ParseReplyToken(%q) reads %+v out of something else", foreign, facts)
		}
		written := Facts{ContentType: contentType, Timeout: time.Duration(timeout)}
		if !FitsReplyToken(contentType) {
			return
		}
		reply := ReplySubject("_INBOX.x", written, number)
		if err := subject.CheckConcrete(reply); err != nil {
			t.Fatalf("replySubject(%+v) = %q: %v", written, reply, err)
		}
		want := Facts{ContentType: contentType, Timeout: parseTimeout(strconv.FormatInt(milliseconds(written.Timeout), 10))}
		if read, ok := ParseReplyToken(reply); !ok || read != want {
			t.Errorf("ParseReplyToken(%q) = %+v, %v, want %+v", reply, read, ok, want)
		}
		if call, ok := ParseReplyNumber(reply); !ok || call != number {
			t.Errorf("parseReplyNumber(%q) = %d, %v, want %d", reply, call, ok, number)
		}
		if waits := want.Timeout; timeout > 0 && timeout < math.MaxInt64-int64(time.Millisecond) &&
			(waits < written.Timeout || waits-written.Timeout >= time.Millisecond) {
			t.Errorf("%v is read as %v", written.Timeout, waits)
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

func FuzzParseErrorReply(f *testing.F) {
	for _, block := range []string{
		"NATS/1.0\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error: no item\r\nNats-Service-Error-Code: 404\r\nNats-Service-Error-Type: NotFound\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error-Code: -1\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error:\r\n\r\n",
		"NATS/1.0\r\nNats-Service-Error-Type: NotFound\r\n\r\n",
		"NATS/1.0 503 No Responders\r\n\r\n",
		"",
	} {
		f.Add([]byte(block), "no item", 404, "NotFound")
		f.Add([]byte(strings.ToLower(block)), "kein Stück 😀 \\u00fc 100%", 404, "NotFound")
	}
	f.Fuzz(func(t *testing.T, block []byte, description string, code int, tag string) {
		if h, err := nats.DecodeHeadersMsg(block); err == nil {
			got, failed := ParseErrorReply(h)
			described, coded := false, false
			for key := range h {
				described = described || strings.EqualFold(key, micro.ErrorHeader)
				coded = coded || strings.EqualFold(key, micro.ErrorCodeHeader)
			}
			switch {
			case failed != (described || coded):
				t.Errorf("ParseErrorReply(%v) = %v, %v", h, got, failed)
			case failed && got.Code < 1:
				t.Errorf("ParseErrorReply(%v) = %+v", h, got)
			}
		}
		if CheckTag(tag) != nil {
			return
		}
		want := ErrorReply{Code: CleanCode(code), Description: CleanDescription(description, tag), Type: tag}
		written := want.Header()
		for key, values := range written {
			if strings.ContainsFunc(strings.Join(values, ""), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %q is not ASCII", key, values)
			}
		}
		if n := len(written[micro.ErrorHeader][0]); n == 0 || n > MaxDescription {
			t.Errorf("the description has %d bytes", n)
		}
		got, _ := ParseErrorReply(overTheWire(t, written))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseErrorReply(%v) (-want +got):\n%s", written, diff)
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
		got := CleanDescription(s, "Tag")
		switch {
		case got == "" || len(got) > MaxDescription || !utf8.ValidString(got):
			t.Errorf("cleanDescription(%q) = %q", s, got)
		case strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
			t.Errorf("cleanDescription(%q) = %q, which has a control character", s, got)
		case strings.TrimSpace(got) != got || CleanDescription(got, "Tag") != got:
			t.Errorf("cleanDescription(%q) = %q, which is not clean", s, got)
		case utf8.ValidString(s) && strings.ContainsRune(got, utf8.RuneError) && !strings.ContainsRune(s, utf8.RuneError):
			t.Errorf("cleanDescription(%q) = %q, which splits a character", s, got)
		}
	})
}

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
		inToken, isToken := ParseReplyToken(reply)
		bare, token := FactsOf(nil, reply)
		if (token != Token{Arrived: isToken}) || bare != inToken {
			t.Errorf("without a header: %+v, %v, want what the reply subject says: %+v, %v", bare, token, inToken, isToken)
		}
		header := nats.Header{ContentTypeHeader: {contentType, "second"}, TimeoutHeader: {timeout}}
		got, token := FactsOf(header, reply)
		if token.Arrived != isToken {
			t.Errorf("a header changes who made the reply subject: %v, want %v", token, isToken)
		}
		if inHeader := (Facts{contentType, parseTimeout(timeout)}); token.Asked != (isToken && inHeader == inToken && inHeader.Timeout > 0) {
			t.Errorf("asked %v, though headers say %+v and the reply subject %+v", token.Asked, inHeader, inToken)
		}
		want := inToken
		if contentType != "" {
			want.ContentType = contentType
		}
		if d := parseTimeout(timeout); d > 0 {
			want.Timeout = d
		}
		if got != want {
			t.Errorf("facts %+v, want %+v", got, want)
		}
		if got.Timeout < 0 || got.Timeout%time.Millisecond != 0 {
			t.Errorf("timeout %v, want a whole number of milliseconds", got.Timeout)
		}
		if again, _ := FactsOf(got.AddTo(nil), ""); again != got {
			t.Errorf("after a way over the wire as headers: %+v, want %+v", again, got)
		}
		if FitsReplyToken(got.ContentType) && !strings.Contains(got.ContentType, ";") {
			if again, ok := ParseReplyToken(ReplySubject("inbox", got, 7)); again != got || !ok {
				t.Errorf("after a way over the wire in the reply subject: %+v, %v, want %+v", again, ok, got)
			}
		}
		if empty, _ := FactsOf(nats.Header{ContentTypeHeader: {}, TimeoutHeader: nil}, reply); empty != inToken {
			t.Errorf("headers without values: %+v, want %+v", empty, inToken)
		}
	})
}
