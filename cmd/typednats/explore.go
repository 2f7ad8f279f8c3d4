package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/typednats/typednats/explorer"
)

func newExploreCommand(t *tool) *cobra.Command {
	port, calls := 0, false
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "Show the services on a page in the browser",
		Long: `Show the services on a page in the browser: who is there, what they do, and what they speak.

The page is for this machine alone, and for who has the URL that is printed: its token can be used once,
and the browser that used it is let in until the command ends. With --calls the page has a form that
calls endpoints, with the permissions of this command.`,
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			nc, err := t.connect(cmd.Context(), nats.MaxReconnects(-1))
			if err != nil {
				return err
			}
			defer nc.Close()
			var opts []explorer.Option
			if calls {
				opts = append(opts, explorer.WithCalls(func(*http.Request) error { return nil })) // the door has let them in
			}
			page := explorer.Handler(nc, opts...)
			listener, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				return fail(exitUsage, fmt.Errorf("--port: %w", err))
			}
			d := newDoor(page, listener.Addr())
			t.printf("http://%s/?token=%s\n", listener.Addr(), d.token)
			server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
			server.RegisterOnShutdown(func() {
				if closer, ok := page.(io.Closer); ok {
					_ = closer.Close() // its pages end
				}
			})
			return serveUntil(cmd.Context(), server, listener)
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "the `port` on 127.0.0.1; 0 takes a free one")
	cmd.Flags().BoolVar(&calls, "calls", false, "let the page call endpoints")
	return cmd
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = server.Shutdown(stopping)
		if serveErr := <-ended; err == nil {
			err = serveErr
		}
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fail(exitBug, err)
	}
	return nil
}

// door lets into a page whoever has the token, once, and after that the browser that had it.
//
// Every program on this machine and every site that a browser has open can send requests here. A program does not know
// the token. A site does not, either, and its own name, if it has that resolved to 127.0.0.1, is not in the list of
// hosts.
type door struct {
	page    http.Handler
	hosts   []string
	cookie  string // its name, with the port: cookies are those of a host, whatever the port
	session string
	token   string

	mu   sync.Mutex
	used bool // the token was
}

func newDoor(page http.Handler, at net.Addr) *door {
	_, port, _ := net.SplitHostPort(at.String()) // a listener's address has a port
	return &door{
		page: page, hosts: []string{"127.0.0.1:" + port, "localhost:" + port}, cookie: "typednats-" + port,
		session: rand.Text(), token: rand.Text(),
	}
}

// ServeHTTP implements [http.Handler].
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != d.hosts[0] && r.Host != d.hosts[1] {
		http.Error(w, "this page is at "+d.hosts[0], http.StatusMisdirectedRequest)
		return
	}
	if token := r.URL.Query().Get("token"); token != "" && r.URL.Path == "/" && r.Method == http.MethodGet {
		if !d.use(token) {
			http.Error(w, "the token is wrong, or was used already: start the command again", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // it stays on this machine, where there is no TLS
			Name: d.cookie, Value: d.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	cookie, err := r.Cookie(d.cookie)
	if err != nil || subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(d.session)) != 1 {
		http.Error(w, "open the URL that the command has printed", http.StatusForbidden)
		return
	}
	d.page.ServeHTTP(w, r)
}

// use reports whether a token is the right one and was not used before.
func (d *door) use(token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.used || subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) != 1 {
		return false
	}
	d.used = true
	return true
}
