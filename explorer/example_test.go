package explorer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/explorer"
	"github.com/typednats/typednats/internal/natsserver"
)

// exampleConnection starts a server and connects to it.
func exampleConnection() (nc *nats.Conn, end func()) {
	srv, err := natsserver.Start(natsserver.InProcess())
	if err != nil {
		log.Fatal(err)
	}
	nc, err = srv.Connect()
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() {
		nc.Close()
		srv.Stop()
	}
}

// exampleGet returns the status of an answer.
func exampleGet(url string, header http.Header) string {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	r.Header = header
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Status
}

func ExampleHandler() {
	nc, end := exampleConnection()
	defer end()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	page := explorer.Handler(nc)
	mux.Handle("/explore/", http.StripPrefix("/explore", page))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	// A page that is open would hold up Shutdown.
	if closer, ok := page.(io.Closer); ok {
		srv.RegisterOnShutdown(func() { _ = closer.Close() })
	}

	go func() { _ = srv.Serve(listener) }()
	fmt.Println(exampleGet("http://"+listener.Addr().String()+"/explore/", nil))
	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 200 OK
}

func ExampleWithCalls() {
	nc, end := exampleConnection()
	defer end()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	page := explorer.Handler(nc, explorer.WithCalls(func(r *http.Request) error {
		if user, _, _ := r.BasicAuth(); user != "operator" {
			return errors.New("calls are for operators")
		}
		return nil
	}))
	// Who may look is decided before.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isKnown(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="explorer"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		page.ServeHTTP(w, r)
	})

	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(listener) }()
	fmt.Println(exampleGet("http://"+listener.Addr().String(), nil))
	fmt.Println(exampleGet("http://"+listener.Addr().String(), http.Header{"Authorization": {"Basic Z3Vlc3Q6Z3Vlc3Q="}}))
	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 401 Unauthorized
	// 200 OK
}

// isKnown is about users of the example.
func isKnown(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == password
}
