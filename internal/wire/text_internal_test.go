package wire

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/micro"
)

func TestDescriptionsAreASCII(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		`no "item" at C:\\x, 100%`:      {`no "item" at C:\\x, 100%`, ""},
		"kein Stück":                    {`kein St\u00fcck`, "kein%20St%C3%BCck"},
		"😀":                             {`\U0001f600`, "%F0%9F%98%80"},
		"caf\ufffd":                     {`caf\ufffd`, "caf%EF%BF%BD"},
		strings.Repeat("é", 1000):       {strings.Repeat(`\u00e9`, 682), strings.Repeat("%C3%A9", 1000)},
		strings.Repeat("x", 4094) + "é": {strings.Repeat("x", 4094), strings.Repeat("x", 4094) + "%C3%A9"},
	} {
		h := ErrorReply{Code: 404, Description: text}.Header()
		got := [2]string{h.Get(micro.ErrorHeader), h.Get(ErrorTextHeader)}
		if got != want {
			t.Errorf("%.40q: %.200q, want %.200q", text, got, want)
		}
		if read, _ := ParseErrorReply(h); read.Description != text {
			t.Errorf("%.40q is read as %.40q", text, read.Description)
		}
	}
}

func TestErrorTextOfAStranger(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "%", "%zz", "a%0Ab", "%FF", "%20", strings.Repeat("x", MaxDescription+1)} {
		e := ErrorReply{Code: 404, Description: "plain"}
		h := e.Header()
		h.Set(ErrorTextHeader, text)
		if read, _ := ParseErrorReply(h); read.Description != "plain" {
			t.Errorf("%.40q is read as %.40q", text, read.Description)
		}
	}
}

func TestHeaderNamesHaveNoCase(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]map[string][]string{
		"":  {"X-Tracer": {"other"}, "X-Trace": {}},
		"a": {"X-TRACE": {"b"}, "X-Trace": {"a", "c"}, "x-trace": {"d"}},
		"b": {"X-TRACE": {"b"}, "X-Trace": nil, "x-trace": {"d"}},
		"d": {"x-trace": {"d"}},
	} {
		if got := HeaderValue(h, "X-Trace"); got != want {
			t.Errorf("%v: %q, want %q", h, got, want)
		}
	}
	h := map[string][]string{"nats-service-error": {"x"}, "NATS-SERVICE-ERROR-CODE": {"404"}, "nats-service-error-TYPE": {"T"}, "typednats-refused": {"codec"}}
	if got, failed := ParseErrorReply(h); !failed || got != (ErrorReply{404, "x", "T", RefusedCodec, ""}) {
		t.Errorf("%v is read as %+v, %v", h, got, failed)
	}
}
