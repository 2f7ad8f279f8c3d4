package explorer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/explorer"
	"github.com/typednats/typednats/typednatstest"
)

// patience bounds what should take no time at all, so that a failure is not a hang.
const patience = 30 * time.Second

// writeTimeout is that of the server of the page. A stream must survive it.
const writeTimeout = 3 * time.Second

type reservation struct {
	Item     string `json:"item" doc:"what is taken" example:"nut"`
	Quantity int32  `json:"quantity" example:"3"`
	Note     string `json:"note,omitempty"`
}

type ticket struct {
	ID    string     `json:"id"`
	Until *time.Time `json:"until"`
}

type outOfStock struct {
	Left int `json:"left"`
}

func (e outOfStock) Error() string { return fmt.Sprintf("only %d are left", e.Left) }
func (outOfStock) ErrorCode() int  { return 409 }

var (
	reserve = typednats.NewEndpoint[reservation, ticket, outOfStock]("reserve").
		InGroup(typednats.NewGroup("stock")).
		WithDescription("Takes pieces of an item.").
		WithExample(reservation{Item: "nut", Quantity: 3}, ticket{ID: "t-1"})

	site = typednats.NewEndpoint[struct{}, string, typednats.Never]("site").InSubject("stock.site.*")
)

// stock serves both endpoints.
func stock(t *testing.T, nc *nats.Conn, version string) *typednats.Service {
	t.Helper()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "stock", Version: version, Description: "What there is.", Logger: slog.New(slog.DiscardHandler),
	},
		reserve.Handle(func(_ context.Context, r reservation) (ticket, error) {
			switch r.Item {
			case "nut":
				return ticket{ID: fmt.Sprint("t-", r.Quantity)}, nil
			case "panic":
				return ticket{}, errors.New("secret")
			default:
				return ticket{}, outOfStock{Left: 2}
			}
		}),
		site.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[struct{}]) (string, error) {
			return r.Subject, nil
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

// browser asks the page as a browser does.
type browser struct {
	t    *testing.T
	base string // of the page, with a slash at the end
}

// mount serves the page under a path.
func mount(t *testing.T, nc *nats.Conn, opts ...explorer.Option) browser {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/explore/", http.StripPrefix("/explore", explorer.Handler(nc, opts...)))
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.WriteTimeout = writeTimeout
	srv.Start()
	t.Cleanup(srv.Close)
	return browser{t, srv.URL + "/explore/"}
}

// answer is what comes, body and all.
type answer struct {
	*http.Response

	text string
}

func (b browser) do(method, path, body string, header http.Header) answer {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		b.t.Fatal(err)
	}
	return answer{response, string(data)}
}

// get decodes what a path answers with.
func (b browser) get(path string, into any) {
	b.t.Helper()
	got := b.do(http.MethodGet, path, "", nil)
	if got.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s: %s", path, got.Status, got.text)
	}
	if err := json.Unmarshal([]byte(got.text), into); err != nil {
		b.t.Fatalf("GET %s: %v: %s", path, err, got.text)
	}
}

// frame is a message of the stream.
type frame struct {
	Whole  bool `json:"whole"`
	Status struct {
		Link     string   `json:"link"`
		Asked    bool     `json:"asked"`
		Problems []string `json:"problems"`
		Calls    bool     `json:"calls"`
	} `json:"status"`
	Services []service             `json:"services"`
	Samples  map[string][]*float64 `json:"samples"`
}

type service struct {
	Number      int        `json:"number"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Versions    []tally    `json:"versions"`
	Instances   int        `json:"instances"`
	Endpoints   []endpoint `json:"endpoints"`
}

type endpoint struct {
	Number    int     `json:"number"`
	Name      string  `json:"name"`
	Subject   string  `json:"subject"`
	Instances int     `json:"instances"`
	Contracts []tally `json:"contracts"`
}

type tally struct {
	Value     string `json:"value"`
	Instances int    `json:"instances"`
}

// stream is a page that is open.
type stream struct {
	t      *testing.T
	lines  *bufio.Reader
	cancel context.CancelFunc
	size   int // of the last frame

	frame
}

// watch opens the stream. The viewer goes with the test, or before.
func (b browser) watch() *stream {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"stream", http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		b.t.Fatalf("the stream is %q", got)
	}
	return &stream{t: b.t, lines: bufio.NewReader(response.Body), cancel: cancel}
}

// next reads the next frame. What it does not say stays as it was.
func (s *stream) next() {
	s.t.Helper()
	for {
		line, err := s.lines.ReadBytes('\n')
		if err != nil {
			s.t.Fatalf("the stream ends: %v", err)
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		s.size = len(data)
		s.Samples = nil
		if err := json.Unmarshal(data, &s.frame); err != nil {
			s.t.Fatalf("%v: %.500s", err, data)
		}
		return
	}
}

// until reads frames until one is as it should be.
func (s *stream) until(what string, is func() bool) {
	s.t.Helper()
	for s.next(); !is(); s.next() {
		if s.t.Context().Err() != nil {
			s.t.Fatalf("%s: the time is up", what)
		}
	}
}

// service returns a service of the last frame; a zero one if it is not there.
func (s *stream) service(name string) service {
	for _, svc := range s.Services {
		if svc.Name == name {
			return svc
		}
	}
	return service{}
}

// endpoint returns an endpoint of the last frame.
func (s *stream) endpoint(subject string) endpoint {
	for _, svc := range s.Services {
		for _, e := range svc.Endpoints {
			if e.Subject == subject {
				return e
			}
		}
	}
	return endpoint{}
}

// run starts a server and a service on it.
func run(t *testing.T) (*typednatstest.NATS, *typednats.Service) {
	t.Helper()
	srv := typednatstest.Run(t)
	return srv, stock(t, srv.Connect(t), "1.0.0")
}
