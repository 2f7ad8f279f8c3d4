package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	inventory "github.com/typednats/typednats/examples/inventory/server"
	"github.com/typednats/typednats/examples/inventory/stock"
	"github.com/typednats/typednats/typednatstest"
)

// patient bounds what should take no time at all, so that a failure is not a hang.
const patient = 30 * time.Second

// deadSocket is where no server is: nothing listens on a port that only the system may use.
const deadSocket = "nats://127.0.0.1:1"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestStory(t *testing.T) {
	t.Parallel()
	stdout, _ := runUntilEnd(t, 0, furniture())
	want := `2 instances of the service "inventory" are running.

1. A call that succeeds
   check chair: {SKU:chair Available:12}

2. Failures that the contract declares
   check sofa: NotFound, what item, id sofa
   reserve 5 desk: OutOfStock, available 3
   reserve 0 desk: InvalidRequest, quantity: want at least 1

3. A failure that it does not declare
   check lamp: code 500, internal error, id ID
   the service's error handler, and its log: look up item: corrupt record: "lamp" has -3 pieces

4. One endpoint, two codecs
   check chair in JSON:    {SKU:chair Available:12}
   check chair in msgpack: {SKU:chair Available:12}
   check sofa in msgpack:  NotFound, id sofa
   check v2, JSON only, in msgpack: code 415, content type "application/msgpack" is not accepted; accepted: application/json

5. Two versions side by side, in groups
   inventory.api.v1.check: {SKU:desk Available:3}
   inventory.api.v2.check: {SKU:desk Available:3 Reserved:0 Site:berlin}

6. A wildcard in the subject
   inventory.api.v2.warehouse.berlin: {Site:berlin Items:2 Pieces:15}
   inventory.api.v2.warehouse.atlantis: NotFound, what warehouse, id atlantis

7. Headers there and back
   reserve 2 chair for order-7: {SKU:chair Available:10} for order-7
   reserve 99 chair for order-8: OutOfStock, available 10, for order-8

8. A caller without the contract
   check sofa: code 404, type NotFound, data {"what":"item","id":"sofa"}

9. Who is there: discovery
   ping: found instance ID
   ping: found instance ID
   info: check     listens on inventory.api.v1.check
   info: check     listens on inventory.api.v2.check
   info: reserve   listens on inventory.api.v2.reserve
   info: warehouse listens on inventory.api.v2.warehouse.*
   stats: 16 requests so far, 9 of them failed

10. An instance stops under load
   50 calls during the stop: all answered
   ping of the stopped instance: nobody there
   10 calls more: the other instance answered 10

11. Statistics of both instances
   inventory.api.v1.check        68 requests, 4 failed
   inventory.api.v2.check         2 requests, 1 failed
   inventory.api.v2.reserve       4 requests, 3 failed
   inventory.api.v2.warehouse.*   2 requests, 1 failed
   together                      76 requests, 9 failed
   made by the client            76 requests, 9 failed

Every step did what it says.
`
	id := regexp.MustCompile(`(found instance|internal error, id) \S+`)
	if diff := cmp.Diff(want, id.ReplaceAllString(stdout, "$1 ID")); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestStoryFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		store *inventory.Store
		want  string
	}{
		"an item is missing": {
			store: inventory.NewStore(),
			want:  `step 1, "A call that succeeds": there is no item "chair"`,
		},
		"a reply is wrong": {
			store: inventory.NewStore(inventory.Item{SKU: "chair", Available: 11}),
			want:  `step 1, "A call that succeeds": got {SKU:chair Available:11}, want {SKU:chair Available:12}`,
		},
		"a failure is of another type": {
			store: inventory.NewStore(inventory.Item{SKU: "chair", Available: 12}),
			want:  `step 2, "Failures that the contract declares": got there is no item "desk", want 5 of "desk"`,
		},
		"a failure does not come": {
			store: inventory.NewStore(
				inventory.Item{SKU: "chair", Available: 12}, inventory.Item{SKU: "desk", Available: 3}, inventory.Item{SKU: "lamp"}),
			want: `step 3, "A failure that it does not declare": the call succeeded, want a *typednats.ServiceError`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := runUntilEnd(t, 1, tc.store)
			if !strings.Contains(stderr, "inventory: "+tc.want) {
				t.Errorf("stderr does not contain %q:\n%s", tc.want, stderr)
			}
			if strings.Contains(stdout, "Every step did what it says.") {
				t.Errorf("the story claims success:\n%s", stdout)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	stdout, _ := runUntilEnd(t, 0, furniture(), "-url", deadSocket+","+srv.ClientURL())
	if !strings.HasSuffix(stdout, "\nEvery step did what it says.\n") {
		t.Errorf("the story has no good end:\n%s", stdout)
	}
}

func TestOthersOnTheSameServers(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	other := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("check")
	nothing := func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }
	for _, name := range []string{"inventory", "prices"} {
		cfg := typednats.ServiceConfig{Name: name, Version: "1.0.0"}
		if _, err := typednats.NewService(srv.Connect(t), cfg, other.Handle(nothing)); err != nil {
			t.Fatal(err)
		}
	}
	runUntilEnd(t, 0, furniture(), "-url", srv.ClientURL())
}

func TestServe(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	// Two names of one server: a client that has lost it tries the other name at once.
	urls := srv.ClientURL() + "," + strings.Replace(srv.ClientURL(), "127.0.0.1", "localhost", 1)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	p := newProcess()
	p.start(ctx, furniture(), "-url", urls, "-serve")
	p.stdout.await(t, "\nServing until interrupted.\n")

	nc := srv.Connect(t)
	awaitService(t, nc)
	conns, err := srv.Connz(&server.ConnzOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range conns.Conns {
		if !strings.HasPrefix(conn.Name, "inventory ") {
			continue
		}
		if err := srv.DisconnectClientByID(conn.Cid); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"client", "instance 1", "instance 2"} {
		p.stderr.await(t, fmt.Sprintf("msg=disconnected connection=%q", "inventory "+name))
		p.stderr.await(t, fmt.Sprintf("msg=reconnected connection=%q", "inventory "+name))
	}
	awaitService(t, nc)

	interrupt()
	p.await(t, 0)
	want := "Serving until interrupted.\nInterrupted: both instances have answered what they had accepted.\n"
	if !strings.HasSuffix(p.stdout.String(), want) {
		t.Errorf("stdout does not end in %q:\n%s", want, &p.stdout)
	}
	_, err = typednats.RequestService(t.Context(), nc, stock.Check, stock.CheckRequest{SKU: "desk"})
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("call after the end: got error %v, want %v", err, nats.ErrNoResponders)
	}
}

// TestExplore: the page shows both services until the program is interrupted, and makes calls for its own address alone.
func TestExplore(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	p := newProcess()
	p.start(ctx, furniture(), "-explore")
	p.stdout.await(t, "/ shows what runs, until interrupted.\n")
	url, _, _ := strings.Cut(p.stdout.String(), " ")
	stream := get(t, url+"stream")
	events := bufio.NewReader(stream)
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends: %v", err)
		}
		if strings.Contains(line, `"name":"orders"`) && strings.Contains(line, `"subject":"inventory.api.v2.warehouse.*"`) {
			break
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"call", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Host = "evil.example"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusForbidden {
		t.Errorf("a call for another host: %s", response.Status)
	}
	interrupt()
	p.await(t, 0)
	if want := "\nInterrupted: both instances have answered what they had accepted.\n"; !strings.HasSuffix(p.stdout.String(), want) {
		t.Errorf("stdout does not end in %q:\n%s", want, &p.stdout)
	}
}

// get returns the body of an answer, which is closed when the test ends.
func get(t *testing.T, url string) io.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 11; step++ {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			p := newProcess()
			p.stdout.onText = func(text string) {
				if strings.Contains(text, fmt.Sprintf("\n%d. ", step)) {
					interrupt()
				}
			}
			p.start(ctx, furniture())
			p.await(t, 1)
			want := "\nInterrupted: both instances have answered what they had accepted.\n"
			if !strings.HasSuffix(p.stdout.String(), want) {
				t.Errorf("stdout does not end in %q:\n%s", want, &p.stdout)
			}
			want = fmt.Sprintf("inventory: interrupted at step %d of the story\n", step)
			if !strings.HasSuffix(p.stderr.String(), want) {
				t.Errorf("stderr does not end in %q:\n%s", want, &p.stderr)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		want string // in what is written to stderr
	}{
		"help":              {[]string{"-h"}, 0, "Usage: inventory "},
		"unknown flag":      {[]string{"-bogus"}, 2, "flag provided but not defined: -bogus\nUsage: inventory "},
		"argument":          {[]string{"now"}, 2, "unexpected argument \"now\"\nUsage: inventory "},
		"creds without url": {[]string{"-creds", "x"}, 2, "-creds needs -url\nUsage: inventory "},
		"explore and serve": {[]string{"-explore", "-serve", "-url", "x"}, 2, "-explore serves until it is interrupted"},
		"serve without url": {[]string{"-serve"}, 2, "-serve needs -url"},
		"no server":         {[]string{"-url", deadSocket}, 1, "inventory: connect to NATS: nats: no servers available"},
		"no credentials": {
			[]string{"-url", srv.ClientURL(), "-creds", filepath.Join(t.TempDir(), "absent.creds")}, 1, "absent.creds",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := runUntilEnd(t, tc.code, furniture(), tc.args...)
			if !strings.Contains(stderr, tc.want) {
				t.Errorf("stderr does not contain %q:\n%s", tc.want, stderr)
			}
			if diff := cmp.Diff("", stdout); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
		})
	}
}

// awaitService waits until an instance answers.
func awaitService(t *testing.T, nc *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for {
		_, err := typednats.RequestService(ctx, nc, stock.Check, stock.CheckRequest{SKU: "desk"})
		if err == nil {
			return
		}
		if !errors.Is(err, nats.ErrNoResponders) {
			t.Fatal(err)
		}
	}
}

// process is the program as its user sees it.
type process struct {
	stdout, stderr transcript
	code           chan int
}

func newProcess() *process {
	return &process{code: make(chan int, 1)}
}

func (p *process) start(ctx context.Context, items *inventory.Store, args ...string) {
	go func() { p.code <- run(ctx, args, items, &p.stdout, &p.stderr) }()
}

// await waits for the end of the program.
func (p *process) await(t *testing.T, code int) {
	t.Helper()
	select {
	case got := <-p.code:
		if got != code {
			t.Fatalf("got exit status %d, want %d\nstdout:\n%s\nstderr:\n%s", got, code, &p.stdout, &p.stderr)
		}
	case <-time.After(patient):
		t.Fatalf("the program does not end\nstdout:\n%s\nstderr:\n%s", &p.stdout, &p.stderr)
	}
}

// runUntilEnd runs the program and returns what it wrote.
func runUntilEnd(t *testing.T, code int, items *inventory.Store, args ...string) (stdout, stderr string) {
	t.Helper()
	p := newProcess()
	p.start(t.Context(), items, args...)
	p.await(t, code)
	return p.stdout.String(), p.stderr.String()
}

// transcript is what the program writes, for a test that reads along.
type transcript struct {
	onText func(text string) // called with each text before Write returns

	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed when there is more; nil while nobody waits
}

// Write implements [io.Writer].
func (tr *transcript) Write(text []byte) (int, error) {
	tr.mu.Lock()
	tr.text.Write(text)
	if tr.grown != nil {
		close(tr.grown)
		tr.grown = nil
	}
	tr.mu.Unlock()
	if tr.onText != nil {
		tr.onText(string(text))
	}
	return len(text), nil
}

// String returns what was written up to now.
func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// await waits until text was written.
func (tr *transcript) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patient)
	for {
		tr.mu.Lock()
		written := tr.text.String()
		if tr.grown == nil {
			tr.grown = make(chan struct{})
		}
		grown := tr.grown
		tr.mu.Unlock()
		if strings.Contains(written, text) {
			return
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("%q does not come:\n%s", text, written)
		}
	}
}
