package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// The endpoint reserve in three versions, and others on its subject.
type (
	requestV1 struct {
		Item string `json:"item"`
	}
	requestV2 struct {
		Item string `json:"item"`
		Note string `json:"note,omitempty"`
	}
	requestV3 struct {
		Item  string `json:"item"`
		Count int    `json:"count"`
	}
	reply struct {
		ID string `json:"id"`
	}
	never = typednats.Never
)

var (
	v1 = typednats.NewEndpoint[requestV1, reply, never]("reserve").InGroup(typednats.NewGroup("shop"))
	v2 = typednats.NewEndpoint[requestV2, reply, never]("reserve").InGroup(typednats.NewGroup("shop"))
	v3 = typednats.NewEndpoint[requestV3, reply, never]("reserve").InGroup(typednats.NewGroup("shop"))
)

// serve starts an instance and returns its id.
func serve(t *testing.T, nc *nats.Conn, name string, bound ...typednats.BoundEndpoint) string {
	t.Helper()
	return serveWith(t, nc, typednats.ServiceConfig{Name: name}, bound...)
}

func serveWith(t *testing.T, nc *nats.Conn, cfg typednats.ServiceConfig, bound ...typednats.BoundEndpoint) string {
	t.Helper()
	cfg.Version, cfg.Logger, cfg.AskNeighbours = "1.0.0", slog.New(slog.DiscardHandler), typednats.AskNever
	s, err := typednats.NewService(nc, cfg, bound...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s.ID()
}

func bind[In, Out any](e typednats.Endpoint[In, Out, never]) typednats.BoundEndpoint {
	return e.Handle(func(context.Context, In) (out Out, err error) { return out, nil })
}

func documentOf(t *testing.T, d typednats.Descriptor) contract.Document {
	t.Helper()
	doc, err := d.Contract()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// quick is a client that ends its questions soon.
func quick(nc *nats.Conn) *discovery.Client {
	return discovery.New(nc, discovery.WithStall(300*time.Millisecond))
}

// checked returns what Check finds, on one line each.
func checked(t *testing.T, c *discovery.Client, docs ...contract.Document) []string {
	t.Helper()
	var lines []string
	for f, err := range discovery.Check(patient(t), c, docs...) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, f.String())
	}
	return lines
}

// holdsAll reports lines that lack the parts that are wanted, one line for each.
func holdsAll(t *testing.T, lines []string, want ...[]string) {
	t.Helper()
	ok := len(lines) == len(want)
	for i, parts := range want {
		for _, part := range parts {
			ok = ok && i < len(lines) && strings.Contains(lines[i], part)
		}
	}
	if !ok {
		t.Errorf("found:\n%s\nwant:\n%q", strings.Join(lines, "\n"), want)
	}
}

func both(ids ...string) string { return strings.Join(slices.Sorted(slices.Values(ids)), ", ") }

func TestCheckFindsNothingInAFleetThatFits(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	serve(t, nc, "shop", bind(v1))
	serve(t, nc, "shop", bind(v1))
	holdsAll(t, checked(t, quick(nc), documentOf(t, v1.WithDescription("other words"))))
	holdsAll(t, checked(t, quick(nc)))
}

func TestCheckFindsOtherVersions(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	serve(t, nc, "shop", bind(v1))
	a, b := serve(t, nc, "shop", bind(v3)), serve(t, nc, "shop", bind(v3))
	lines := checked(t, quick(nc), documentOf(t, v1))
	if len(lines) == 0 || !strings.Contains(lines[0], "breaking: reserve request.count") || !strings.Contains(lines[0], "on "+both(a, b)) {
		t.Errorf("found %q", lines)
	}
	lines = checked(t, quick(nc), documentOf(t, v2)) // a client that may send more than the first of them knows
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "warning: reserve request.note") }) {
		t.Errorf("found %q", lines)
	}
}

func TestCheckFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	other := typednats.NewEndpoint[requestV1, reply, never]("release")
	serve(t, nc, "shop", bind(v1))
	without := serve(t, nc, "shop", bind(other))
	holdsAll(t, checked(t, quick(nc), documentOf(t, v1), documentOf(t, other.InSubject("gone"))),
		[]string{"info: reserve: instances of the service shop do not serve shop.reserve", "on " + without},
		[]string{"breaking: release: nobody serves the subject gone [subject]"})
}

func TestCheckFindsCompetitors(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	shop := serve(t, nc, "shop", bind(v1))
	thief := serve(t, nc, "thief", bind(v1))
	aside := serve(t, nc, "shop", bind(v1.WithQueueGroup("aside")))
	lines := checked(t, quick(nc), documentOf(t, v1))
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "breaking: reserve: the services shop, thief share the requests of shop.reserve") ||
		!strings.Contains(lines[0], both(shop, thief, aside)) ||
		!strings.HasPrefix(lines[1], `warning: reserve: requests run once in each of the queue groups "aside", "q"`) {
		t.Errorf("found:\n%s", strings.Join(lines, "\n"))
	}
	nc = typednatstest.Server(t)
	wide := typednats.NewEndpoint[requestV1, reply, never]("all").InSubject("shop.*")
	serve(t, nc, "shop", bind(v1))
	serve(t, nc, "wide", bind(wide))
	lines = checked(t, quick(nc), documentOf(t, v1))
	if len(lines) == 0 || !strings.Contains(lines[0], "the services shop, wide share the requests") {
		t.Errorf("a wildcard: %q", lines)
	}
}

func TestCheckFindsCodecs(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	serve(t, nc, "shop", bind(v1.WithCodec(msgpack.Codec)))
	lines := checked(t, quick(nc), documentOf(t, v1))
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "breaking: reserve") || !strings.Contains(lines[0], "[content-type]") {
		t.Errorf("found %q", lines)
	}
}

// TestCheckLeavesOtherServicesAlone: who announces no contract does not fail.
func TestCheckLeavesOtherServicesAlone(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	svc := addService(t, nc, "foreign")
	off := serveWith(t, nc, typednats.ServiceConfig{Name: "off", ContractsDisabled: true}, bind(v1))
	holdsAll(t, checked(t, quick(nc), documentOf(t, v1.InSubject("foreign.do").InGroup(typednats.NewGroup("x"))), documentOf(t, v1)),
		[]string{"breaking: reserve: nobody serves the subject x.foreign.do"},
		[]string{"info: reserve: no contract announced by the service off [opaque]; on " + off})
	foreign := typednats.NewEndpoint[requestV1, reply, never]("do").InSubject("foreign.do")
	holdsAll(t, checked(t, quick(nc), documentOf(t, foreign)),
		[]string{"info: do: no contract announced by the service foreign", svc.Info().ID})
}

// announce starts an instance that announces a digest, and answers as f does.
func announce(t *testing.T, nc *nats.Conn, digest string, f micro.HandlerFunc) string {
	t.Helper()
	svc, err := micro.AddService(nc, micro.Config{Name: "other", Version: "1.0.0", Endpoint: &micro.EndpointConfig{
		Subject: "shop.reserve", Handler: f,
		Metadata: map[string]string{"typednats.contract": digest, "typednats.accepts": "application/msgpack"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	flush(t, nc)
	return svc.Info().ID
}

func echoBack(r micro.Request) { _ = r.Respond(r.Data()) }

func TestCheckSaysWhatItCannotFetch(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	id := announce(t, nc, documentOf(t, v3).Digest(), echoBack)
	holdsAll(t, checked(t, quick(nc), documentOf(t, v1)),
		[]string{"breaking: reserve: application/json is not accepted, only application/msgpack", id},
		[]string{"warning: reserve: the contract that the service other announces cannot be fetched", id})
}

func TestCheckEndsInTime(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	serve(t, nc, "shop", bind(v1))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var last error
	for f, err := range discovery.Check(ctx, discovery.New(nc, discovery.WithStall(0)), documentOf(t, v3), documentOf(t, v1.InSubject("x"))) {
		if last = err; err == nil && f.Rule == contract.RuleSubject {
			t.Errorf("it is not known who is there: %v", f)
		}
	}
	if !errors.Is(last, context.DeadlineExceeded) {
		t.Errorf("ended with %v", last)
	}
	for _, err := range discovery.Check(patient(t), quick(nc), documentOf(t, v3)) {
		if err != nil {
			t.Error(err)
		}
		break // it can be left at any finding
	}
}

// Many who announce contracts, and are mute when they are asked for them, do not make it wait for each.
func TestCheckWaitsOnceForTheMute(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	const mute = 40
	for i := range mute {
		announce(t, nc, fmt.Sprintf("digest-%02d", i), echoBack)
	}
	if _, err := nc.SubscribeSync("_TYPEDNATS.CONTRACT.>"); err != nil {
		t.Fatal(err)
	}
	client := discovery.New(nc, discovery.WithMaxWait(2*time.Second), discovery.WithMaxResults(mute))
	ctx, cancel := context.WithTimeout(t.Context(), mute*time.Second)
	defer cancel()
	found := 0
	for f, err := range discovery.Check(ctx, client, documentOf(t, v1)) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Rule == contract.RuleOpaque {
			found++
		}
	}
	if found != mute {
		t.Errorf("%d contracts that cannot be fetched, want %d", found, mute)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	id := serve(t, nc, "shop", bind(v1))
	c, want := discovery.New(nc), documentOf(t, v1)
	for range 2 {
		got, err := c.Contract(patient(t), "shop", id, want.Digest())
		if diff := cmp.Diff(string(want.Bytes()), string(got.Bytes())); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		got.Defs["requestV1"].Description = "changed" // what is kept is not changed
	}
	if _, err := c.Contract(patient(t), "shop", "gone", want.Digest()); err != nil {
		t.Errorf("it is known already, whoever has it: %v", err)
	}
	for _, tt := range []struct {
		service, id, digest string
		want                error
	}{
		{"shop", id, "x", discovery.ErrNoContract}, {"shop", "gone", "x", discovery.ErrNotFound},
		{"a.b", id, "x", discovery.ErrInvalidArgument}, {"shop", "*", "x", discovery.ErrInvalidArgument},
		{"shop", id, "a.b", discovery.ErrInvalidArgument}, {"shop", id, "", discovery.ErrInvalidArgument},
	} {
		if _, err := c.Contract(patient(t), tt.service, tt.id, tt.digest); !errors.Is(err, tt.want) {
			t.Errorf("%v: %v, want %v", tt, err, tt.want)
		}
	}
	if _, err := discovery.New(nil).Contract(patient(t), "shop", id, "x"); !errors.Is(err, discovery.ErrInvalidArgument) {
		t.Errorf("no connection: %v", err)
	}
}

// TestContractFromALiar: what has not the digest that was asked for is refused, and not kept.
func TestContractFromALiar(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	want, lies := documentOf(t, v1), documentOf(t, v3)
	for i, body := range []string{string(lies.Bytes()), "", "null", "{", strings.Repeat("[", 1000)} {
		id := fmt.Sprint("liar", i)
		answer(t, nc, "_TYPEDNATS.CONTRACT.shop."+id+".*", func(m *nats.Msg) { respond(t, m, []byte(body)) })
		c := discovery.New(nc)
		if _, err := c.Contract(patient(t), "shop", id, want.Digest()); !errors.Is(err, discovery.ErrNoContract) {
			t.Errorf("%.20q: %v", body, err)
		}
		honest := serve(t, nc, "shop", bind(v1.WithoutQueueGroup().WithQueueGroup("q")), bind(v1.WithQueueGroup(id)))
		if _, err := c.Contract(patient(t), "shop", honest, want.Digest()); !errors.Is(err, discovery.ErrNoContract) {
			t.Errorf("an instance without it: %v", err)
		}
	}
}
