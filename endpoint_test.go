package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// contractIn asks a handler for N, or to fail with the error that the test keeps under Fail.
type contractIn struct {
	Fail string `json:"fail,omitempty"`
	N    int    `json:"n"`
}

type contractOut struct {
	N int `json:"n"`
}

// contractStock is the descriptor that most tests of the builder start from.
func contractStock() typednats.Endpoint[contractIn, contractOut, contractError] {
	return typednats.NewEndpoint[contractIn, contractOut, contractError]("stock-check").FailsWith(contractMissing{})
}

// contractBind binds a handler that answers with N or fails as the request asks.
func contractBind[E error](
	e typednats.Endpoint[contractIn, contractOut, E], failures map[string]error, opts ...typednats.HandlerOption,
) typednats.BoundEndpoint {
	return e.Handle(func(_ context.Context, in contractIn) (contractOut, error) {
		if in.Fail != "" {
			return contractOut{}, failures[in.Fail]
		}
		return contractOut{N: in.N}, nil
	}, opts...)
}

// contractServe runs a service until the test ends. It returns what the service reports to its owner, too.
func contractServe(
	t *testing.T, nc *nats.Conn, endpoints ...typednats.BoundEndpoint,
) (*typednats.Service, <-chan typednats.ErrorReport) {
	t.Helper()
	reports := make(chan typednats.ErrorReport, 256)
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name:         "inventory",
		Version:      "1.0.0",
		Logger:       slog.New(slog.DiscardHandler),
		ErrorHandler: func(r typednats.ErrorReport) { reports <- r },
	}, endpoints...)
	if err != nil {
		t.Fatalf("NewService: %v", err)
	}
	t.Cleanup(func() { contractStop(t, svc) })
	return svc, reports
}

func contractStop(t *testing.T, svc *typednats.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := svc.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func contractContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// contractAsk sends a message that no client of ours made and returns the reply.
func contractAsk(t *testing.T, nc *nats.Conn, subject string, header nats.Header, body string) *nats.Msg {
	t.Helper()
	reply, err := nc.RequestMsgWithContext(contractContext(t),
		&nats.Msg{Subject: subject, Header: header, Data: []byte(body)})
	if err != nil {
		t.Fatalf("request on %q: %v", subject, err)
	}
	return reply
}

// contractRequesters are the ways to call a service.
func contractRequesters(t *testing.T, nc *nats.Conn) map[string]typednats.Requester {
	t.Helper()
	token, headers := typednats.NewClient(nc), typednats.NewClient(nc, typednats.WithoutReplyToken())
	t.Cleanup(func() {
		if err := errors.Join(token.Close(), headers.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return map[string]typednats.Requester{"conn": nc, "client": token, "client with headers": headers}
}

// contractFailures are what the services that observe starts fail with.
func contractFailures() map[string]error {
	return map[string]error{"missing": contractMissing{Item: "bolt"}, "denied": &contractDenied{User: "ann"}}
}

// contractProfile is all that can be seen of a descriptor from outside.
type contractProfile struct {
	Name, Subject, Invalid, Unbindable string
	Served                             micro.EndpointInfo
	Accepts                            []string
	Replies                            map[string]nats.Header // by failure
}

func contractObserve(
	t *testing.T, nc *nats.Conn, e typednats.Endpoint[contractIn, contractOut, contractError],
) contractProfile {
	t.Helper()
	profile := contractProfile{
		Name: e.Name(), Subject: e.Subject(), Invalid: fmt.Sprint(e.Validate()), Replies: map[string]nats.Header{},
	}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "inventory", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler),
	}, contractBind(e, contractFailures()))
	if err != nil {
		profile.Unbindable = err.Error()
		return profile
	}
	defer contractStop(t, svc)
	profile.Served = svc.Info().Endpoints[0]
	subject := strings.NewReplacer("*", "x", ">", "x").Replace(e.Subject())
	for contentType, body := range map[string]string{
		"application/json":         `{"fail":"missing"}`,
		"application/msgpack":      "\x81\xa4fail\xa6denied",
		"application/octet-stream": "anything",
	} {
		reply := contractAsk(t, nc, subject, nats.Header{"Content-Type": {contentType}}, body)
		if reply.Header.Get(micro.ErrorCodeHeader) == "415" {
			continue
		}
		profile.Accepts = append(profile.Accepts, contentType)
		profile.Replies[contentType] = reply.Header
	}
	slices.Sort(profile.Accepts)
	return profile
}

// contractChanges are the builder methods, each with an argument that makes a difference.
func contractChanges() map[string]func(
	typednats.Endpoint[contractIn, contractOut, contractError],
) typednats.Endpoint[contractIn, contractOut, contractError] {
	type endpoint = typednats.Endpoint[contractIn, contractOut, contractError]
	return map[string]func(endpoint) endpoint{
		"InGroup":               func(e endpoint) endpoint { return e.InGroup(typednats.NewGroup("other").WithQueueGroup("g")) },
		"InSubject":             func(e endpoint) endpoint { return e.InSubject("stock.*") },
		"At":                    func(e endpoint) endpoint { return e.At(e.Subject()) },
		"WithQueueGroup":        func(e endpoint) endpoint { return e.WithQueueGroup("workers") },
		"WithoutQueueGroup":     func(e endpoint) endpoint { return e.WithoutQueueGroup() },
		"WithMetadata, new key": func(e endpoint) endpoint { return e.WithMetadata("owner", "bolts team") },
		"WithMetadata, again":   func(e endpoint) endpoint { return e.WithMetadata("format", "2") },
		"WithCodec":             func(e endpoint) endpoint { return e.WithCodec(json.Codec, msgpack.Codec, raw.Codec) },
		"FailsWith":             func(e endpoint) endpoint { return e.FailsWith(&contractDenied{}) },
		"FailsWithTag":          func(e endpoint) endpoint { return e.FailsWithTag("Absent", contractMissing{}) },
		"WithErrorMapper": func(e endpoint) endpoint {
			return e.WithErrorMapper(func(contractError) (string, int) { return "mapped", 418 })
		},
	}
}

func TestEndpointMethodsReturnCopies(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	base := contractStock().InGroup(typednats.NewGroup("catalog")).
		WithMetadata("format", "1").WithCodec(json.Codec, msgpack.Codec)
	want := contractObserve(t, nc, base)
	for name, change := range contractChanges() {
		if diff := cmp.Diff(want, contractObserve(t, nc, change(base))); diff == "" {
			t.Errorf("%s: the copy is not changed", name)
		}
		if diff := cmp.Diff(want, contractObserve(t, nc, base)); diff != "" {
			t.Errorf("%s changes the receiver (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, contractObserve(t, nc, base.Idempotent())); diff != "" {
			t.Errorf("Idempotent changes what is served (-want +got):\n%s", diff)
		}
	}
}

func TestEndpointMethodsInAnyOrder(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	changes := contractChanges()
	for _, later := range []string{"At", "WithoutQueueGroup", "WithMetadata, again"} {
		delete(changes, later)
	}
	names := slices.Sorted(maps.Keys(changes))
	build := func() contractProfile {
		e := contractStock()
		for _, name := range names {
			e = changes[name](e)
		}
		return contractObserve(t, nc, e)
	}
	want := build()
	if want.Subject != "other.stock.*" || want.Unbindable != "" {
		t.Fatalf("unexpected endpoint: %+v", want)
	}
	for range 2 {
		for range names {
			names = append(names[1:len(names):len(names)], names[0])
			if diff := cmp.Diff(want, build()); diff != "" {
				t.Errorf("%v (-want +got):\n%s", names, diff)
			}
		}
		slices.Reverse(names)
	}
}

func TestEndpointLastCallCounts(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	base := contractStock().WithCodec(json.Codec, msgpack.Codec)
	for name, change := range contractChanges() {
		var detour typednats.Endpoint[contractIn, contractOut, contractError]
		switch name {
		case "InGroup":
			detour = base.InGroup(typednats.NewGroup("first").WithoutQueueGroup())
		case "InSubject":
			detour = base.InSubject("first")
		case "At":
			detour = base.At("elsewhere")
		case "WithQueueGroup":
			detour = base.WithoutQueueGroup().WithQueueGroup("first")
		case "WithoutQueueGroup":
			detour = base.WithQueueGroup("first")
		case "WithMetadata, again":
			detour = base.WithMetadata("format", "first")
		case "WithCodec":
			detour = base.WithCodec(raw.Codec)
		case "WithErrorMapper":
			detour = base.WithErrorMapper(nil)
		default: // those that add
			continue
		}
		// At takes the subject as it is when it is called.
		if name == "At" {
			change = func(e typednats.Endpoint[contractIn, contractOut, contractError],
			) typednats.Endpoint[contractIn, contractOut, contractError] {
				return e.At("stock-check")
			}
		}
		want, got := contractObserve(t, nc, change(base)), contractObserve(t, nc, change(detour))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s called twice (-want +got):\n%s", name, diff)
		}
	}
}

func TestEndpointBranches(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	// With three members a slice that grows by doubling has room for one more, which two branches could share.
	base := contractStock().FailsWith(contractBusy{}, contractReason(""))
	a, b := base.FailsWith(&contractDenied{}), base.FailsWith(contractProblems{})
	c, d := base.FailsWithTag("first", contractBusy{}), base.FailsWithTag("second", contractBusy{})
	type endpoint = typednats.Endpoint[contractIn, contractOut, contractError]
	understands := func(e endpoint, tag, body string) bool {
		sub, err := nc.Subscribe("stock-check", func(m *nats.Msg) {
			_ = m.RespondMsg(&nats.Msg{Data: []byte(body), Header: nats.Header{
				micro.ErrorHeader: {"x"}, micro.ErrorCodeHeader: {"500"}, typednats.ErrorTypeHeader: {tag},
			}})
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		_, err = typednats.RequestService(contractContext(t), nc, e, contractIn{})
		_, ok := errors.AsType[contractError](err)
		return ok
	}
	for _, tt := range []struct {
		name string
		e    endpoint
		want string
	}{
		{"base", base, "contractMissing contractBusy contractReason"},
		{"a", a, "contractMissing contractBusy contractReason contractDenied"},
		{"b", b, "contractMissing contractBusy contractReason contractProblems"},
		{"c", c, "contractMissing contractReason first"},
		{"d", d, "contractMissing contractReason second"},
	} {
		var got []string
		for _, known := range [][2]string{
			{"contractMissing", "{}"}, {"contractBusy", "{}"}, {"contractReason", `""`}, {"contractDenied", "{}"},
			{"contractProblems", "[]"}, {"first", "{}"}, {"second", "{}"},
		} {
			if understands(tt.e, known[0], known[1]) {
				got = append(got, known[0])
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestEndpointKeepsNothingOfItsCallers(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	also := []typednats.Codec{msgpack.Codec}
	members := []contractError{&contractDenied{}}
	e := contractStock().WithCodec(json.Codec, also...).FailsWith(members...).WithMetadata("format", "1")
	also[0], members[0] = raw.Codec, contractBusy{}
	got := contractObserve(t, nc, e)
	if diff := cmp.Diff([]string{"application/json", "application/msgpack"}, got.Accepts); diff != "" {
		t.Errorf("codecs (-want +got):\n%s", diff)
	}
	if tag := got.Replies["application/msgpack"].Get(typednats.ErrorTypeHeader); tag != "contractDenied" {
		t.Errorf("tag = %q, want contractDenied", tag)
	}
	svc, _ := contractServe(t, nc, contractBind(e, nil))
	svc.Info().Endpoints[0].Metadata["format"] = "changed"
	if diff := cmp.Diff(map[string]string{"format": "1"}, svc.Info().Endpoints[0].Metadata); diff != "" {
		t.Errorf("metadata after writing to a copy (-want +got):\n%s", diff)
	}
}

func TestEndpointSubject(t *testing.T) {
	t.Parallel()
	e := contractStock()
	g := typednats.NewGroup("catalog")
	for _, tt := range []struct {
		e    typednats.Endpoint[contractIn, contractOut, contractError]
		want string
	}{
		{e, "stock-check"},
		{e.InSubject("stock.check"), "stock.check"},
		{e.InGroup(g), "catalog.stock-check"},
		{e.InGroup(g).InSubject("stock.*"), "catalog.stock.*"},
		{e.InSubject(">").InGroup(g), "catalog.>"},
		{e.InGroup(g).InSubject("stock.*").At("catalog.stock.bolt"), "catalog.stock.bolt"},
		{e.InGroup(g.Group("v2")), "catalog.v2.stock-check"},
		{e.InGroup(typednats.NewGroup("api.v1").Group("eu.west")), "api.v1.eu.west.stock-check"},
	} {
		if err := tt.e.Validate(); err != nil {
			t.Errorf("Validate of %q: %v", tt.want, err)
		}
		if got := tt.e.Subject(); got != tt.want {
			t.Errorf("Subject() = %q, want %q", got, tt.want)
		}
		if got := tt.e.Name(); got != "stock-check" {
			t.Errorf("Name() = %q, want stock-check", got)
		}
	}
}

func TestEndpointWildcard(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := contractStock().InGroup(typednats.NewGroup("catalog")).InSubject("stock.*")
	subjects := make(chan string, 1)
	contractServe(t, nc, e.HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[contractIn]) (contractOut, error) {
			subjects <- r.Subject
			return contractOut{N: r.Value.N}, nil
		}))
	for name, r := range contractRequesters(t, nc) {
		out, err := typednats.RequestService(contractContext(t), r, e.At("catalog.stock.bolt"), contractIn{N: 7})
		if err != nil || out.N != 7 {
			t.Fatalf("%s: %+v, %v, want 7", name, out, err)
		}
		if got := <-subjects; got != "catalog.stock.bolt" {
			t.Errorf("%s: the handler sees %q, want catalog.stock.bolt", name, got)
		}
		_, err = typednats.RequestService(contractContext(t), r, e, contractIn{})
		if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(fmt.Sprint(err), `"catalog.stock.*"`) {
			t.Errorf("%s: without At: %v, want an ErrInvalidEndpoint with the subject", name, err)
		}
	}
	_, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "s", Version: "1.0.0"},
		contractBind(e.At("catalog.stock.bolt"), nil))
	if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(fmt.Sprint(err), `At "catalog.stock.bolt"`) {
		t.Errorf("NewService with At: %v, want an ErrInvalidEndpoint with the value", err)
	}
}

// TestEndpointConcurrentUse means most with -race.
func TestEndpointConcurrentUse(t *testing.T) {
	t.Parallel()
	base := contractStock().WithMetadata("format", "1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for name, change := range contractChanges() {
				if err := change(base).Validate(); err != nil {
					t.Errorf("%d: %s: %v", i, name, err)
				}
			}
			if err := base.Validate(); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
