package explorer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/explorer"
)

// outcome is what the form gets.
type outcome struct {
	OK    bool   `json:"ok"`
	Reply string `json:"reply"`
	Error struct {
		Tag     string `json:"tag"`
		Code    int    `json:"code"`
		Message string `json:"message"`
		Refused string `json:"refused"`
		Value   string `json:"value"`
	} `json:"error"`
}

func asJSON() http.Header { return http.Header{"Content-Type": {"application/json"}} }

func allowAll(*http.Request) error { return nil }

func TestCall(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	a := newAnswerer(t, srv)
	info, _ := claims(t, micro.ServiceIdentity{Name: "other", ID: "O"}, "other", "other.>", nil, 0)
	a.answers("$SRV.INFO", info)
	a.answers("other.digits", []byte(`{"n":12345678901234567890}`))
	a.answers("other.text", []byte("no JSON"))
	a.answers("other.bytes", []byte{0xff, 0xfe})
	a.answers("other.large", []byte(`"`+strings.Repeat("x", 1<<20-100)+`"`))
	b := mount(t, srv.Connect(t), explorer.WithCalls(allowAll))
	s := b.watch()
	s.until("both services", func() bool { return s.service("stock").Description != "" && s.endpoint("other.>").Number > 0 })
	if !s.Status.Calls {
		t.Error("the page does not know that it may call")
	}
	for name, test := range map[string]struct {
		endpoint, subject, request string
		want                       outcome
	}{
		"reply": {"stock.reserve", "stock.reserve", `{"item":"nut","quantity":2}`, outcome{
			OK: true, Reply: "{\n  \"id\": \"t-2\",\n  \"until\": null\n}",
		}},
		"declared error": {"stock.reserve", "stock.reserve", `{"item":"pear"}`, failure("outOfStock", 409, "only 2 are left", "{\n  \"left\": 2\n}", "")},
		"another error":  {"stock.reserve", "stock.reserve", `{"item":"panic"}`, failure("", 500, "internal error", "", "")},
		"not decoded": {"stock.reserve", "stock.reserve", `{"item":5}`, failure("", 400,
			`request cannot be decoded: field "item": got number, want a string`, "", "decode")},
		"empty body, wildcard": {"stock.site.*", "stock.site.berlin", "", outcome{OK: true, Reply: `"stock.site.berlin"`}},
		"nobody":               {"other.>", "other.nobody", "1", failure("", 0, "nobody serves this subject", "", "")},
		"digits":               {"other.>", "other.digits", "1", outcome{OK: true, Reply: "{\n  \"n\": 12345678901234567890\n}"}},
		"text":                 {"other.>", "other.text", "1", outcome{OK: true, Reply: "no JSON"}},
		"bytes":                {"other.>", "other.bytes", "1", outcome{OK: true, Reply: "2 bytes that are not text"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := fmt.Sprintf(`{"endpoint":%d,"subject":%q`, s.endpoint(test.endpoint).Number, test.subject)
			if test.request != "" {
				order += `,"request":` + test.request
			}
			a := browser{t, b.base}.do(http.MethodPost, "call", order+"}", asJSON())
			var got outcome
			if err := json.Unmarshal([]byte(a.text), &got); err != nil || a.StatusCode != http.StatusOK {
				t.Fatalf("%s, %v: %s", a.Status, err, a.text)
			}
			if text, _, found := strings.Cut(got.Error.Message, ", id "); found { // another one each time
				got.Error.Message = text
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func failure(tag string, code int, message, value, refused string) (o outcome) {
	o.Error.Tag, o.Error.Code, o.Error.Message, o.Error.Value, o.Error.Refused = tag, code, message, value, refused
	return o
}

// TestCallsThatAreNotMade: nothing is sent.
func TestCallsThatAreNotMade(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	a := newAnswerer(t, srv)
	trap, _ := claims(t, micro.ServiceIdentity{Name: "trap", ID: "T"}, "purge", "$JS.API.STREAM.PURGE.ORDERS", nil, 0)
	all, _ := claims(t, micro.ServiceIdentity{Name: "all", ID: "A"}, "all", ">", nil, 0)
	a.answers("$SRV.INFO", trap, all)
	b := mount(t, srv.Connect(t), explorer.WithCalls(func(r *http.Request) error {
		if r.Header.Get("Authorization") != "please" {
			return errors.New("say please")
		}
		return nil
	}))
	s := b.watch()
	const purge = "$JS.API.STREAM.PURGE.ORDERS"
	s.until("all services", func() bool {
		return s.service("stock").Description != "" && s.endpoint(purge).Number > 0 && s.endpoint(">").Number > 0
	})
	sent := make(chan *nats.Msg, 10)
	spy := srv.Connect(t)
	for _, subject := range []string{"stock.>", "$JS.>", "elsewhere"} {
		if _, err := spy.ChanSubscribe(subject, sent); err != nil {
			t.Fatal(err)
		}
	}
	if err := spy.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	polite := func(more http.Header) http.Header {
		h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Authorization": {"please"}}
		maps.Copy(h, more)
		return h
	}
	order := func(endpoint, subject string) string {
		return fmt.Sprintf(`{"endpoint":%d,"subject":%q,"request":{}}`, s.endpoint(endpoint).Number, subject)
	}
	reserve := order("stock.reserve", "stock.reserve")
	for name, test := range map[string]struct {
		body   string
		header http.Header
		status int
		want   string
	}{
		"not allowed":       {reserve, asJSON(), http.StatusForbidden, "say please"},
		"a form":            {reserve, polite(http.Header{"Content-Type": {"text/plain"}}), http.StatusUnsupportedMediaType, "want application/json"},
		"no type":           {reserve, polite(http.Header{"Content-Type": {""}}), http.StatusUnsupportedMediaType, "want application/json"},
		"another site":      {reserve, polite(http.Header{"Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden, "cross-origin"},
		"another origin":    {reserve, polite(http.Header{"Origin": {"https://evil.example"}}), http.StatusForbidden, "cross-origin"},
		"not JSON":          {`{"endpoint":`, polite(nil), http.StatusBadRequest, "the request is not JSON"},
		"too large":         {`"` + strings.Repeat("x", 1<<20) + `"`, polite(nil), http.StatusRequestEntityTooLarge, "more than 1048576 bytes"},
		"unknown endpoint":  {`{"endpoint":999,"subject":"stock.reserve"}`, polite(nil), http.StatusNotFound, "no such endpoint"},
		"another subject":   {order("stock.reserve", "elsewhere"), polite(nil), http.StatusBadRequest, "does not listen on this subject"},
		"a wildcard":        {order("stock.site.*", "stock.site.*"), polite(nil), http.StatusBadRequest, "it holds a wildcard"},
		"a subject of NATS": {order(purge, purge), polite(nil), http.StatusBadRequest, "belongs to JetStream"},
		"behind >":          {order(">", "$JS.API.STREAM.PURGE.ORDERS"), polite(nil), http.StatusBadRequest, "belongs to JetStream"},
	} {
		got := b.do(http.MethodPost, "call", test.body, test.header)
		if got.StatusCode != test.status || !strings.Contains(got.text, test.want) {
			t.Errorf("%s: %s: %s; want %d, %q", name, got.Status, got.text, test.status, test.want)
		}
	}
	if err := spy.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	if len(sent) > 0 {
		t.Errorf("%d requests were sent, the first to %s", len(sent), (<-sent).Subject)
	}
}

// TestNoCallsUnlessAllowed: the route does not exist.
func TestNoCallsUnlessAllowed(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	b := mount(t, srv.Connect(t))
	s := b.watch()
	s.until("the service", func() bool { return s.service("stock").Description != "" })
	order := fmt.Sprintf(`{"endpoint":%d,"subject":"stock.reserve"}`, s.endpoint("stock.reserve").Number)
	if got := b.do(http.MethodPost, "call", order, asJSON()); got.StatusCode != http.StatusNotFound {
		t.Errorf("got %s, want 404", got.Status)
	}
	if s.Status.Calls {
		t.Error("the page believes that it may call")
	}
}
