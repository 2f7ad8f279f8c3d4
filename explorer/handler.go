package explorer

import (
	"embed"
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
)

// Bounds of one question to everybody: how long it may take, and how much may come.
const (
	maxWait  = 3 * time.Second
	maxBytes = 32 << 20
)

// policy lets the page have what comes with it, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

//go:embed page
var page embed.FS

// Handler returns the page, with all that belongs to it. It asks through nc, which stays the caller's, while somebody looks at
// it. To have it under a path, strip that:
//
//	http.Handle("/explore/", http.StripPrefix("/explore", explorer.Handler(nc)))
//
// A page that is open holds one request, and [http.Server.Shutdown] waits for requests. The handler is an [io.Closer]: Close
// ends them, and lets in no others. It may be called any number of times, such as by [http.Server.RegisterOnShutdown]. Nothing
// is left running when no page is open, so a program that does not need that need not call it.
//
// What is wrong with the options is reported by every request, all of it. Who may look is for a handler around this one to
// decide.
func Handler(nc *nats.Conn, opts ...Option) http.Handler {
	s := newSettings(opts)
	h := &handler{nc: nc, settings: s, wrong: s.validate(nc), closed: make(chan struct{})}
	if h.wrong != nil {
		return h
	}
	h.discovery = discovery.New(nc, discovery.WithMaxWait(maxWait), discovery.WithMaxBytes(maxBytes),
		discovery.WithReplyError(func(subject string, err error) { h.poller.tell(subject, err) }))
	h.poller = newPoller(h.discovery, nc.Status, s)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", serveFile("index.html", "text/html; charset=utf-8"))
	mux.HandleFunc("GET /explorer.css", serveFile("explorer.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /explorer.js", serveFile("explorer.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /stream", h.stream)
	mux.HandleFunc("GET /instances", h.instances)
	mux.HandleFunc("GET /endpoint", h.endpoint)
	mux.HandleFunc("POST /refresh", h.refresh)
	if s.calls {
		mux.HandleFunc("POST /call", h.call)
	}
	h.routes = http.NewCrossOriginProtection().Handler(mux)
	return h
}

// handler is the page.
type handler struct {
	nc        *nats.Conn
	settings  settings
	wrong     error // with the settings
	discovery *discovery.Client
	poller    *poller
	routes    http.Handler

	close  sync.Once
	closed chan struct{}
}

// Close implements [io.Closer]. It does not wait for the requests that it ends.
func (h *handler) Close() error {
	h.close.Do(func() {
		close(h.closed)
		if h.poller != nil {
			h.poller.close()
		}
	})
	return nil
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	switch {
	case h.wrong != nil:
		http.Error(w, h.wrong.Error(), http.StatusInternalServerError)
	case r.URL.Path == "":
		// The prefix that was stripped had no slash. The files of the page are beside it, not below it.
		asked, _, _ := strings.Cut(r.RequestURI, "?")
		header.Set("Location", "./"+path.Base(asked)+"/")
		w.WriteHeader(http.StatusMovedPermanently)
	default:
		h.routes.ServeHTTP(w, r)
	}
}

func serveFile(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := page.ReadFile("page/" + name)
		if err != nil { // it is embedded
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(data) // who does not read is gone
	}
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // who does not read is gone
}

// refuse answers with what is wrong.
func refuse(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

// refresh has everybody asked who they are, if somebody looks.
func (h *handler) refresh(w http.ResponseWriter, _ *http.Request) {
	select {
	case h.poller.refresh <- struct{}{}:
	default: // it is to be done already
	}
	w.WriteHeader(http.StatusNoContent)
}

// instances answers with the instances of a service, as they were when everybody was asked last.
func (h *handler) instances(w http.ResponseWriter, r *http.Request) {
	number, _ := strconv.Atoi(r.URL.Query().Get("service"))
	h.poller.mu.Lock()
	s := h.poller.fleet.numbered(number)
	var v instancesView
	if s != nil {
		v = s.instancesView(h.settings.maxInstances)
	}
	h.poller.mu.Unlock()
	if s == nil {
		refuse(w, http.StatusNotFound, "there is no such service any more")
		return
	}
	writeJSON(w, http.StatusOK, v)
}
