package explorer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/explorer"
	"github.com/typednats/typednats/typednatstest"
)

// foreign is what comes from elsewhere, paths that begin at the root of the site, and what the page's own policy forbids.
var foreign = regexp.MustCompile(`https?://|(href|src|action)="/[^/]|url\(|innerHTML|insertAdjacentHTML|\beval\b| style="|<script>| on[a-z]+="`)

func TestFiles(t *testing.T) {
	t.Parallel()
	b := mount(t, typednatstest.Server(t))
	for path, contentType := range map[string]string{
		"":             "text/html; charset=utf-8",
		"explorer.css": "text/css; charset=utf-8",
		"explorer.js":  "text/javascript; charset=utf-8",
	} {
		got := b.do(http.MethodGet, path, "", nil)
		if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != contentType || len(got.text) < 1000 {
			t.Errorf("%q: %s, %q, %d bytes", path, got.Status, got.Header.Get("Content-Type"), len(got.text))
		}
		if found := foreign.FindString(strings.ReplaceAll(got.text, "xmlns='http://www.w3.org/2000/svg'", "")); found != "" {
			t.Errorf("%q has %s", path, found)
		}
		want := http.Header{
			"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"},
			"X-Content-Type-Options": {"nosniff"},
			"Referrer-Policy":        {"no-referrer"},
		}
		for key, values := range want {
			if diff := cmp.Diff(values, got.Header[key]); diff != "" {
				t.Errorf("%q: %s (-want +got):\n%s", path, key, diff)
			}
		}
	}
	for path, want := range map[string]int{
		"page/index.html": http.StatusNotFound, "handler.go": http.StatusNotFound, "call": http.StatusNotFound,
		"refresh": http.StatusMethodNotAllowed,
	} {
		if got := b.do(http.MethodGet, path, "", nil); got.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, got.Status, want)
		}
	}
}

// TestWithoutSlash: whoever strips a prefix without a slash gets the page, and with it what is beside it.
func TestWithoutSlash(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.StripPrefix("/tools/explore", explorer.Handler(typednatstest.Server(t))))
	t.Cleanup(srv.Close)
	got := browser{t, srv.URL}.do(http.MethodGet, "/tools/explore?x=1", "", nil)
	if path := got.Request.URL.Path; path != "/tools/explore/" || !strings.Contains(got.text, "<!doctype html>") {
		t.Errorf("got %s with %d bytes", path, len(got.text))
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	h := explorer.Handler(nil, explorer.WithMaxInstances(0), nil, explorer.WithMaxEndpoints(-1), explorer.WithCalls(nil))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	want := `explorer: no connection: nats: invalid connection
explorer: option 2 is nil
explorer: WithMaxInstances(0): must be more than zero
explorer: WithMaxEndpoints(-1): must be more than zero
explorer: WithCalls(nil): want a function that allows calls
`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != http.StatusInternalServerError {
		t.Errorf("code %d (-want +got):\n%s", w.Code, diff)
	}
	if err := h.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
}

// TestStream follows a service from before it is there until it has gone, beyond the server's WriteTimeout.
func TestStream(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	s := mount(t, srv.Connect(t)).watch()
	s.until("an answer", func() bool { return s.Status.Asked })
	if len(s.Services) != 0 || s.Status.Link != "up" || s.Status.Calls {
		t.Errorf("nobody is there: %+v", s.frame)
	}
	began := time.Now()
	first := stock(t, srv.Connect(t), "1.0.0")
	stock(t, srv.Connect(t), "1.1.0")
	s.until("two instances", func() bool { return s.service("stock").Instances == 2 && s.service("stock").Description != "" })
	got := s.service("stock")
	if diff := cmp.Diff([]tally{{"1.0.0", 1}, {"1.1.0", 1}}, got.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if e := s.endpoint("stock.reserve"); e.Instances != 2 || len(e.Contracts) != 1 || e.Contracts[0].Value == "" {
		t.Errorf("endpoint: %+v", e)
	}
	client := srv.Connect(t)
	for range 4 {
		if _, err := client.Request("stock.reserve", []byte(`{"item":"pear"}`), patience); err != nil {
			t.Fatal(err)
		}
	}
	s.until("requests", func() bool {
		x := s.Samples[fmt.Sprint(s.endpoint("stock.reserve").Number)]
		return len(x) >= 3 && x[0] != nil && *x[0] > 0 && *x[1] == *x[0] && *x[2] > 0
	})
	stop(t, first)
	s.until("one instance", func() bool { return s.service("stock").Instances == 1 })
	if took := time.Since(began); took < 2*writeTimeout {
		t.Errorf("all of that took %v, so nothing is known about the server's WriteTimeout", took)
	}
}

// TestConnectionIsLost: the page says so, and shows what was known.
func TestConnectionIsLost(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	stock(t, srv.Connect(t), "1.0.0")
	nc := srv.Connect(t, nats.MaxReconnects(-1))
	s := mount(t, nc).watch()
	s.until("the service", func() bool { return s.service("stock").Instances == 1 })
	srv.Shutdown()
	s.until("the loss of the connection", func() bool { return s.Status.Link == "down" })
	nc.Close()
	s.until("its end", func() bool { return s.Status.Link == "closed" })
	if s.service("stock").Instances != 1 {
		t.Error("what was known is not shown any more")
	}
}

func TestNoPermission(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, withoutDiscovery)
	s := mount(t, srv.Connect(t, nats.UserInfo("web", "web"))).watch()
	s.until("the reason", func() bool { return len(s.Status.Problems) > 0 })
	if want := "the user of this connection may not ask who is there"; !strings.HasPrefix(s.Status.Problems[0], want) {
		t.Errorf("got %q, want %q", s.Status.Problems, want)
	}
}

// TestPermissionsAreEnough: the page needs what docs/guides/permissions.md gives to a tool.
func TestPermissionsAreEnough(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "service", Password: "service"}, {
			Username: "tools", Password: "tools", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{"$SRV.>", "_TYPEDNATS.CONTRACT.>"}},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			},
		}}
	})
	svc, err := typednats.NewService(srv.Connect(t, nats.UserInfo("service", "service")),
		typednats.ServiceConfig{Name: "stock", Version: "1.0.0", ContractsAlways: true},
		reserve.Handle(func(context.Context, reservation) (ticket, error) { return ticket{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, svc) })
	refused := make(chan error, 10)
	b := mount(t, srv.Connect(t, nats.UserInfo("tools", "tools"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })))
	s := b.watch()
	s.until("the endpoint", func() bool { return len(s.endpoint("stock.reserve").Contracts) == 1 })
	var d details
	b.get(fmt.Sprintf("endpoint?endpoint=%d&digest=%s", s.endpoint("stock.reserve").Number, s.endpoint("stock.reserve").Contracts[0].Value), &d)
	if d.Contract == nil || len(s.Status.Problems) > 0 || len(refused) > 0 {
		t.Errorf("contract: %q, problems: %q, refusals: %d", d.Problem, s.Status.Problems, len(refused))
	}
}

// TestClose ends the streams, as a server that shuts down wants it.
func TestClose(t *testing.T) {
	t.Parallel()
	h := explorer.Handler(typednatstest.Server(t))
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	srv.Config.RegisterOnShutdown(func() { _ = h.(io.Closer).Close() })
	s := browser{t, srv.URL + "/"}.watch()
	s.next()
	if err := srv.Config.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(s.lines); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ends with %v", err)
	}
	if err := h.(io.Closer).Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestInstances(t *testing.T) {
	t.Parallel()
	srv, svc := run(t)
	b := mount(t, srv.Connect(t))
	s := b.watch()
	s.until("the service", func() bool { return s.service("stock").Instances == 1 })
	var got struct {
		Service   string `json:"service"`
		Instances int    `json:"instances"`
		Listed    []struct {
			ID        string    `json:"id"`
			Version   string    `json:"version"`
			Started   time.Time `json:"started"`
			Requests  int       `json:"requests"`
			Errors    int       `json:"errors"`
			LastError string    `json:"last_error"`
		} `json:"listed"`
	}
	client := srv.Connect(t)
	for _, item := range []string{"nut", "pear"} {
		if _, err := client.Request("stock.reserve", []byte(`{"item":"`+item+`"}`), patience); err != nil {
			t.Fatal(err)
		}
	}
	s.until("both requests", func() bool {
		b.get("instances?service="+fmt.Sprint(s.service("stock").Number), &got)
		return got.Listed[0].Requests == 2
	})
	one := got.Listed[0]
	if got.Service != "stock" || got.Instances != 1 || len(got.Listed) != 1 || one.ID != svc.ID() || one.Version != "1.0.0" ||
		one.Errors != 1 || one.LastError != "409:only 2 are left" || one.Started.IsZero() {
		t.Errorf("got %+v", got)
	}
	for _, query := range []string{"", "?service=x", "?service=999"} {
		if got := b.do(http.MethodGet, "instances"+query, "", nil); got.StatusCode != http.StatusNotFound ||
			got.text != `{"error":"there is no such service any more"}` {
			t.Errorf("%q: %s: %s", query, got.Status, got.text)
		}
	}
}

// TestGetAsksOnly: whatever is asked with GET, nothing but questions about services is sent.
func TestGetAsksOnly(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	b := mount(t, srv.Connect(t), explorer.WithCalls(func(*http.Request) error { return nil }))
	s := b.watch()
	s.until("the service", func() bool { return s.service("stock").Description != "" })
	spy := srv.Connect(t)
	sent := make(chan string, 1000)
	if _, err := spy.Subscribe(">", func(m *nats.Msg) {
		if !strings.HasPrefix(m.Subject, "_INBOX.") {
			sent <- m.Subject
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := spy.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	e := s.endpoint("stock.reserve")
	digest := e.Contracts[0].Value
	for _, path := range []string{
		"", "stream2", "instances?service=" + fmt.Sprint(s.service("stock").Number),
		"endpoint?endpoint=" + fmt.Sprint(e.Number) + "&digest=" + digest,
		"endpoint?endpoint=" + fmt.Sprint(e.Number) + "&digest=" + url.QueryEscape("x.y.>"),
		"call?endpoint=" + fmt.Sprint(e.Number),
	} {
		b.do(http.MethodGet, path, "", nil)
	}
	s.next()
	s.next()
	if err := spy.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	contracts := 0
	for len(sent) > 0 {
		subject := <-sent
		if strings.HasPrefix(subject, "_TYPEDNATS.CONTRACT.stock.") && strings.HasSuffix(subject, "."+digest) {
			contracts++
		} else if subject != "$SRV.INFO" && subject != "$SRV.STATS" {
			t.Errorf("something was sent to %s", subject)
		}
	}
	if contracts != 1 {
		t.Errorf("the contract was asked for %d times, want once", contracts)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	b := mount(t, srv.Connect(t))
	s := b.watch()
	s.until("the service", func() bool { return s.service("stock").Description != "" })
	asked := make(chan *nats.Msg, 10)
	spy := srv.Connect(t)
	if _, err := spy.ChanSubscribe("$SRV.INFO", asked); err != nil {
		t.Fatal(err)
	}
	if err := spy.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	for range 3 { // more do not help
		if got := b.do(http.MethodPost, "refresh", "", nil); got.StatusCode != http.StatusNoContent {
			t.Fatalf("%s: %s", got.Status, got.text)
		}
	}
	select {
	case <-asked:
	case <-time.After(5 * time.Second):
		t.Error("nobody was asked")
	}
	got := b.do(http.MethodPost, "refresh", "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
	if got.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s", got.Status)
	}
}
