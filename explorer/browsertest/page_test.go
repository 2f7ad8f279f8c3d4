package browsertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/explorer"
	"github.com/typednats/typednats/typednatstest"
)

type reservation struct {
	Item     string `json:"item" doc:"what is taken" example:"nut"`
	Quantity int32  `json:"quantity" example:"3"`
}

type ticket struct {
	ID string `json:"id"`
}

type outOfStock struct {
	Left int `json:"left"`
}

func (outOfStock) Error() string { return "too few are left" }

func (outOfStock) ErrorCode() int { return 409 }

var reserve = typednats.NewEndpoint[reservation, ticket, outOfStock]("reserve").InSubject("stock.reserve").
	WithDescription("Takes pieces of an item.")

// stock starts an instance that ends with the test, if it is not stopped before.
func stock(t *testing.T, nc *nats.Conn, version string) *typednats.Service {
	t.Helper()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "stock", Version: version, Description: "What there is.", Logger: slog.New(slog.DiscardHandler),
	}, reserve.Handle(func(_ context.Context, r reservation) (ticket, error) {
		if r.Item != "nut" {
			return ticket{}, outOfStock{Left: 2}
		}
		return ticket{ID: "t-1"}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, svc) })
	return svc
}

func stop(t *testing.T, svc *typednats.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := svc.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// answer has a question answered by others.
func answer(t *testing.T, nc *nats.Conn, subject string, answers ...any) {
	t.Helper()
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) {
		for _, a := range answers {
			data, err := json.Marshal(a)
			if err = errors.Join(err, m.Respond(data)); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
				t.Error(err)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

// open opens the page for a connection in a browser. What the page logs as an error fails the test.
func open(t *testing.T, nc *nats.Conn, opts ...explorer.Option) tab {
	t.Helper()
	tb := newTab(t)
	mux := http.NewServeMux()
	mux.Handle("/explore/", http.StripPrefix("/explore", explorer.Handler(nc, opts...)))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections) // the stream of the page
	tb.navigate(srv.URL + "/explore/")
	return tb
}

// text is what the page says, as somebody sees it.
func (tb tab) text() string { return eval[string](tb, "document.body.innerText") }

func TestInstancesComeAndGo(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	tb := open(t, srv.Connect(t))
	tb.until("the page to say that there is nothing", `/No service answers/.test(document.body.innerText)`)
	first := stock(t, srv.Connect(t), "1.0.0")
	tb.until("the first instance", `/1 service · 1 endpoint · 1 instance$/m.test(document.body.innerText)`)
	tb.do(chromedp.Click(chromedp.CSS(".count")))
	tb.until("its row", `document.querySelectorAll("tbody tr").length === 1`)
	if got := eval[string](tb, `document.querySelector("tbody td").textContent`); got != first.ID() {
		t.Errorf("the row is about %q, want %q", got, first.ID())
	}
	second := stock(t, srv.Connect(t), "1.1.0")
	tb.until("the second", `document.querySelectorAll("tbody tr").length === 2 && /versions differ/.test(document.body.innerText)`)
	stop(t, first)
	tb.until("the second alone", `document.querySelectorAll("tbody tr").length === 1 && /1 instance$/m.test(document.body.innerText)`)
	stop(t, second)
	tb.until("nobody", `/no instance/.test(document.querySelector(".service.gone")?.innerText)`)
	tb.picture("gone")
}

// TestNamesOfStrangers: whatever a service is called, nothing of it runs or becomes an element, and the page stays as wide as
// the window.
func TestNamesOfStrangers(t *testing.T) {
	t.Parallel()
	const script = `<script>alert(1)</script><img src=x onerror="window.hurt=1">`
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	long := strings.Repeat("wide", 50)
	answer(t, nc, "$SRV.INFO",
		micro.Info{
			ServiceIdentity: micro.ServiceIdentity{Name: script, ID: script, Version: script, Metadata: map[string]string{script: script}},
			Type:            micro.InfoResponseType, Description: script,
			Endpoints: []micro.EndpointInfo{{
				Name: script, Subject: script, QueueGroup: script,
				Metadata: map[string]string{"typednats.contract": script, "typednats.accepts": script},
			}},
		},
		micro.Info{
			ServiceIdentity: micro.ServiceIdentity{Name: long, ID: long, Version: long},
			Type:            micro.InfoResponseType, Description: long,
			Endpoints: []micro.EndpointInfo{{Name: long, Subject: long, QueueGroup: long}},
		})
	answer(t, nc, "$SRV.STATS", micro.Stats{
		ServiceIdentity: micro.ServiceIdentity{Name: script, ID: script, Version: script},
		Type:            micro.StatsResponseType,
		Endpoints:       []*micro.EndpointStats{{Name: script, Subject: script, LastError: script, NumErrors: 7}},
	})
	tb := open(t, srv.Connect(t))
	tb.device(390, 844, true)
	tb.until("both services", `document.querySelectorAll(".service").length === 2`)
	for _, selector := range []string{".service:first-child .row", ".service:first-child .count"} {
		tb.do(chromedp.Click(chromedp.CSS(selector)))
	}
	tb.until("all of it", `document.querySelector("tbody td") && document.querySelector(".about .facts")`)
	if got := eval[string](tb, `document.querySelector("h2").textContent`); got != script {
		t.Errorf("the service is called %q", got)
	}
	if n := eval[int](tb, `document.querySelectorAll("main script, main img").length + (window.hurt ?? 0)`); n != 0 {
		t.Errorf("%d elements are from a stranger", n)
	}
	tb.fits()
	tb.picture("strangers")
}

// fits checks that nothing has to be scrolled sideways.
func (tb tab) fits() {
	tb.t.Helper()
	if wide := eval[int](tb, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		tb.t.Errorf("the page is %d pixels wider than the window", wide)
	}
	// What is cut off cannot be scrolled to.
	for _, cut := range eval[[]string](tb, `[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
		!e.closest(".instances, .unseen, .skip, svg, pre") && e.getBoundingClientRect().right > innerWidth + 1)
		.map((e) => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40))`) {
		tb.t.Errorf("beyond the edge: %s", cut)
	}
}

func TestKeyboard(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	other := stock(t, srv.Connect(t), "1.0.0")
	if err := other.AddEndpoints(reserve.InSubject("stock.other").Handle(
		func(context.Context, reservation) (ticket, error) { return ticket{}, nil })); err != nil {
		t.Fatal(err)
	}
	tb := open(t, srv.Connect(t))
	tb.until("both endpoints", `document.querySelectorAll(".endpoint").length === 2`)
	focus := func() string {
		return eval[string](tb, `document.activeElement.className || document.activeElement.id`)
	}
	tb.press("/")
	if got := focus(); got != "search" {
		t.Errorf("/ goes to %q", got)
	}
	tb.do(chromedp.KeyEvent("other"))
	tb.until("what matches", `document.querySelectorAll(".endpoint").length === 1`)
	tb.press("/") // which is text there
	tb.do(chromedp.KeyEvent("nothing"))
	tb.until("nothing that matches", `/Nothing matches “other.nothing”/.test(document.body.innerText)`)
	tb.do(chromedp.KeyEvent(kb.Escape))
	tb.until("everything again", `document.querySelectorAll(".endpoint").length === 2`)
	var order []string
	for range 3 {
		tb.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, focus())
	}
	if got := strings.Join(order, ", "); got != "refresh, count, row" {
		t.Errorf("Tab goes to %s", got)
	}
	if outline := eval[string](tb, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("the focus is not visible: %q", outline)
	}
	tb.do(chromedp.KeyEvent(kb.Enter))
	tb.until("the details", `document.querySelector(".snippets") && document.activeElement.getAttribute("aria-expanded") === "true"`)
	tb.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\t"))
	if got := eval[bool](tb, `!!document.activeElement.closest(".detail")`); !got {
		t.Errorf("behind the row comes %q, not its details", focus())
	}
	// Answers do not take the focus away, not even one that changes the list.
	before := eval[string](tb, `document.activeElement.textContent`)
	stock(t, srv.Connect(t), "1.0.0")
	tb.until("another instance", `/3 instances$/m.test(document.body.innerText)`)
	if after := eval[string](tb, `document.activeElement.textContent`); after != before {
		t.Errorf("the focus went from %q to %q", before, after)
	}
	for _, rule := range []string{
		`[...document.querySelectorAll("button, input, textarea")].filter((e) => !(e.textContent.trim() || e.labels?.length))`,
		`[...document.querySelectorAll("[aria-expanded]")].filter((e) => e.tagName !== "BUTTON")`,
		`[...document.querySelectorAll("[id]")].filter((e, i, all) => all.some((f, j) => i !== j && e.id === f.id))`,
	} {
		if n := eval[int](tb, rule+".length"); n > 0 {
			t.Errorf("%d elements are found by %s", n, rule)
		}
	}
}

// TestColours: the page is dark where that is preferred, and text stands out from what is behind it.
func TestColours(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	stock(t, srv.Connect(t), "1.1.0")
	tb := open(t, srv.Connect(t), explorer.WithCalls(func(*http.Request) error { return nil }))
	tb.until("the endpoint", `document.querySelector(".endpoint")`)
	tb.do(chromedp.Click(chromedp.CSS(".row")))
	tb.until("the details", `document.querySelector(".try")`)
	behind := map[string]float64{}
	for _, scheme := range []string{"light", "dark"} {
		tb.scheme(scheme)
		behind[scheme] = eval[float64](tb, luminance+`; light(getComputedStyle(document.body).backgroundColor)`)
		for _, dim := range eval[[]string](tb, luminance+contrast) {
			t.Errorf("%s: hard to read: %s", scheme, dim)
		}
		tb.picture(scheme)
	}
	if behind["light"] < 0.8 || behind["dark"] > 0.1 {
		t.Errorf("the page has the luminance %v", behind)
	}
}

// luminance and contrast are those of WCAG 2, of whatever has text of its own and is to be read.
const (
	luminance = `var light = (color) => {
	const [r, g, b] = color.match(/[\d.]+/g).map(Number).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}`
	contrast = `; [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".quiet, .unseen, .skip, svg") &&
	[...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).flatMap((e) => {
	let back = e;
	while (back.parentElement && /, 0\)$/.test(getComputedStyle(back).backgroundColor)) back = back.parentElement;
	const [a, b] = [light(getComputedStyle(e).color), light(getComputedStyle(back).backgroundColor)].sort((x, y) => y - x);
	const ratio = (a + 0.05) / (b + 0.05);
	return ratio < 4.5 ? [ratio.toFixed(2) + " " + e.className + " " + e.textContent.slice(0, 40)] : [];
})`
)

// TestPhone: all of the page fits into a narrow window, details, form and outcome included.
func TestPhone(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	tb := open(t, srv.Connect(t), explorer.WithCalls(func(*http.Request) error { return nil }))
	tb.device(390, 844, true)
	tb.until("the endpoint", `document.querySelector(".endpoint")`)
	tb.fits()
	tb.do(chromedp.Click(chromedp.CSS(".count")))
	tb.until("the instances", `document.querySelector("tbody td")`) // which move the row: a click may miss it before
	tb.do(chromedp.Click(chromedp.CSS(".row")))
	tb.until("the details", `document.querySelector(".try") && document.querySelector("tbody td")`)
	for i := range 3 {
		eval[any](tb, "document.querySelectorAll('.snippets .choice button')["+string(rune('0'+i))+"].click()")
		tb.fits()
	}
	eval[any](tb, `document.querySelectorAll("details").forEach((d) => { d.open = true; })`)
	tb.do(chromedp.Click(chromedp.CSS(".try > button")))
	tb.until("the reply", `/t-1/.test(document.querySelector("output").textContent)`)
	tb.fits()
	tb.picture("phone")
}

func TestForm(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	refuse := make(chan error, 1)
	tb := open(t, srv.Connect(t), explorer.WithCalls(func(*http.Request) error {
		select {
		case err := <-refuse:
			return err
		default:
			return nil
		}
	}))
	tb.until("the endpoint", `document.querySelector(".endpoint")`)
	tb.do(chromedp.Click(chromedp.CSS(".row")))
	tb.until("the form", `document.querySelector(".try")`)
	send := func(request, want string) {
		t.Helper()
		if request != "" {
			eval[any](tb, `(() => { const r = document.querySelector("textarea"); r.value = "`+strings.ReplaceAll(request, `"`, `\"`)+
				`"; r.dispatchEvent(new Event("input")); })()`)
		}
		eval[any](tb, `document.querySelector("output").replaceChildren()`)
		tb.do(chromedp.Click(chromedp.CSS(".try > button")))
		tb.until(want, `document.querySelector("output").textContent !== ""`)
		if got := eval[string](tb, `document.querySelector("output").textContent`); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
	send("", `"id": "t-1"`) // the request that the page makes up
	send(`{"item":"pear"}`, "outOfStock (409): too few are left")
	send(`{"item":"pear"}`, `"left": 2`)
	send(`{"item":5}`, "Code 400: request cannot be decoded")
	send(`{"item"`, "This is not JSON")
	refuse <- errors.New("ask somebody else")
	send(`{"item":"nut"}`, "ask somebody else")
	// Another instance with another contract changes the details, and not what was typed.
	next := typednats.NewEndpoint[ticket, ticket, outOfStock]("reserve").InSubject("stock.reserve")
	svc, err := typednats.NewService(srv.Connect(t), typednats.ServiceConfig{Name: "stock", Version: "2.0.0"},
		next.Handle(func(_ context.Context, in ticket) (ticket, error) { return in, nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, svc) })
	tb.until("what has changed", `/Contracts differ/.test(document.querySelector(".about").textContent) && document.querySelector(".level.breaking")`)
	if got := eval[string](tb, `document.querySelector("textarea").value`); got != `{"item":"nut"}` {
		t.Errorf("what was typed is now %q", got)
	}
	tb.picture("differ")
}

// TestLongDay: after hours the page holds no more than after five minutes.
func TestLongDay(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	tb := open(t, srv.Connect(t))
	tb.until("samples", `series.size === 1`)
	tb.do(chromedp.Click(chromedp.CSS(".row")))
	tb.until("the details", `document.querySelector(".snippets")`)
	size := func() string {
		return eval[string](tb, `JSON.stringify([document.querySelectorAll("*").length, series.size, [...series.values()].flat(2).length, inView.size])`)
	}
	before := size()
	eval[any](tb, `for (let i = 0; i < 10000; i++) {
		take({ whole: false, status, samples: { [[...series.keys()][0]]: [i, 1, 0.5] }, services: structuredClone(services), from: newest + 1, to: newest + 1 });
	}`)
	if after := size(); after != before {
		t.Errorf("elements, plots, samples, plots in view: %s, before that %s", after, before)
	}
}

// TestNoForm: without the program's leave there is none.
func TestNoForm(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	stock(t, srv.Connect(t), "1.0.0")
	tb := open(t, srv.Connect(t))
	tb.until("the endpoint", `document.querySelector(".endpoint")`)
	tb.do(chromedp.Click(chromedp.CSS(".row")))
	tb.until("the details", `document.querySelector(".snippets")`)
	if eval[bool](tb, `!!document.querySelector("form")`) {
		t.Error("there is a form")
	}
	tb.do(chromedp.Click(chromedp.CSS(".snippets h3 > button")))
	tb.until("the text to be copied", `/Copied/.test(document.querySelector(".snippets h3").textContent)`)
}

// TestLostConnection: the page says so, of both connections, and goes on when they are back.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	stock(t, srv.Connect(t), "1.0.0")
	nc := srv.Connect(t)
	tb := newTab(t)
	page := httptest.NewServer(explorer.Handler(nc))
	t.Cleanup(page.Close)
	tb.navigate(page.URL)
	tb.until("the endpoint", `document.querySelector(".endpoint") && /live/.test(document.querySelector("#link").textContent)`)
	page.CloseClientConnections()
	tb.until("the loss", `/has lost its program/.test(document.querySelector("#notices").textContent)`)
	tb.until("the next connection", `document.querySelector("#notices").textContent === "" && /live/.test(document.querySelector("#link").textContent)`)
	nc.Close()
	tb.until("the end", `/The connection to NATS is closed. What is shown is as it was at/.test(document.querySelector("#notices").textContent)`)
	if !strings.Contains(tb.text(), "stock.reserve") {
		t.Error("what was known is not shown any more")
	}
	page.CloseClientConnections()
}
