package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// profile is all that can be seen of a descriptor from outside.
type profile struct {
	Name, Subject, Invalid, Unbindable string
	Served                             micro.EndpointInfo
	Accepts                            []string
	Replies                            map[string]nats.Header // by failure
}

func profileOf(t *testing.T, nc *nats.Conn, e stockEndpoint) profile {
	t.Helper()
	profile := profile{
		Name: e.Name(), Subject: e.Subject(), Invalid: fmt.Sprint(e.Validate()), Replies: map[string]nats.Header{},
	}
	s, err := typednats.NewService(nc, config(), bindStock(e, stockFailures))
	if err != nil {
		profile.Unbindable = err.Error()
		return profile
	}
	defer mustStop(t, s)
	profile.Served = s.Info().Endpoints[0]
	subject := strings.NewReplacer("*", "x", ">", "x").Replace(e.Subject())
	for contentType, body := range map[string]string{
		"application/json":         `{"fail":"missing"}`,
		"application/msgpack":      "\x81\xa4fail\xa6denied",
		"application/octet-stream": "anything",
	} {
		reply := exchange(t, nc, subject, nats.Header{"Content-Type": {contentType}}, body)
		if reply.Header.Get(micro.ErrorCodeHeader) == "415" {
			continue
		}
		profile.Accepts = append(profile.Accepts, contentType)
		profile.Replies[contentType] = headerWithoutID(reply.Header)
	}
	slices.Sort(profile.Accepts)
	return profile
}

// changes are the builder methods, each with an argument that makes a difference.
func changes() map[string]func(stockEndpoint) stockEndpoint {
	type endpoint = stockEndpoint
	return map[string]func(endpoint) endpoint{
		"InGroup":               func(e endpoint) endpoint { return e.InGroup(typednats.NewGroup("other").WithQueueGroup("g")) },
		"InSubject":             func(e endpoint) endpoint { return e.InSubject("stock.*") },
		"At":                    func(e endpoint) endpoint { return e.At(e.Subject()) },
		"WithQueueGroup":        func(e endpoint) endpoint { return e.WithQueueGroup("workers") },
		"WithoutQueueGroup":     func(e endpoint) endpoint { return e.WithoutQueueGroup() },
		"WithMetadata, new key": func(e endpoint) endpoint { return e.WithMetadata("owner", "bolts team") },
		"WithMetadata, again":   func(e endpoint) endpoint { return e.WithMetadata("format", "2") },
		"WithCodec": func(e endpoint) endpoint {
			return e.WithCodec(json.Codec, msgpack.Codec, jsonNamed("application/octet-stream"))
		},
		"FailsWith":    func(e endpoint) endpoint { return e.FailsWith(&denied{}) },
		"FailsWithTag": func(e endpoint) endpoint { return e.FailsWithTag("Absent", noItem{}) },
		"WithErrorMapper": func(e endpoint) endpoint {
			return e.WithErrorMapper(func(stockError) (string, int) { return "mapped", 418 })
		},
	}
}

func TestEndpointMethodsReturnCopies(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	base := stockCheck.InGroup(typednats.NewGroup("catalog")).
		WithMetadata("format", "1").WithCodec(json.Codec, msgpack.Codec)
	want := profileOf(t, nc, base)
	for name, change := range changes() {
		if diff := cmp.Diff(want, profileOf(t, nc, change(base))); diff == "" {
			t.Errorf("%s: the copy is not changed", name)
		}
		compare(t, "the receiver of "+name, want, profileOf(t, nc, base))
	}
	idempotent := profileOf(t, nc, base.Idempotent())
	for _, p := range []profile{want, idempotent} {
		delete(p.Served.Metadata, "typednats.contract")
	}
	compare(t, "what Idempotent serves, but for the contract", want, idempotent)
}

func TestEndpointMethodsTakeAnyOrder(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	changes := changes()
	for _, later := range []string{"At", "WithoutQueueGroup", "WithMetadata, again"} {
		delete(changes, later)
	}
	names := slices.Sorted(maps.Keys(changes))
	build := func() profile {
		e := stockCheck
		for _, name := range names {
			e = changes[name](e)
		}
		return profileOf(t, nc, e)
	}
	want := build()
	if want.Subject != "other.stock.*" || want.Unbindable != "" {
		t.Fatalf("unexpected endpoint: %+v", want)
	}
	for range 2 {
		for range names {
			names = append(names[1:len(names):len(names)], names[0])
			compare(t, fmt.Sprint(names), want, build())
		}
		slices.Reverse(names)
	}
}

func TestLastCallOfAnEndpointMethodCounts(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	base := stockCheck.WithCodec(json.Codec, msgpack.Codec)
	for name, change := range changes() {
		var detour stockEndpoint
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
			detour = base.WithCodec(jsonNamed("application/octet-stream"))
		case "WithErrorMapper":
			detour = base.WithErrorMapper(nil)
		default: // those that add
			continue
		}
		// At takes the subject as it is when it is called.
		if name == "At" {
			change = func(e stockEndpoint) stockEndpoint { return e.At("stock-check") }
		}
		compare(t, name+" called twice", profileOf(t, nc, change(base)), profileOf(t, nc, change(detour)))
	}
}

func TestBranchesOfAnEndpointShareNothing(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	// With three members a slice that grows by doubling has room for one more, which two branches could share.
	base := stockCheck.FailsWith(busy{}, reason(""))
	a, b := base.FailsWith(&denied{}), base.FailsWith(problems{})
	c, d := base.FailsWithTag("first", busy{}), base.FailsWithTag("second", busy{})
	var tag, body string
	answer(t, nc, "stock-check", func(*nats.Msg) *nats.Msg {
		return &nats.Msg{Data: []byte(body), Header: headerOf(
			micro.ErrorHeader, "x", micro.ErrorCodeHeader, "500", typednats.ErrorTypeHeader, tag)}
	})
	for _, tt := range []struct {
		name string
		e    stockEndpoint
		want string
	}{
		{"base", base, "noItem busy reason"},
		{"a", a, "noItem busy reason denied"},
		{"b", b, "noItem busy reason problems"},
		{"c", c, "noItem reason first"},
		{"d", d, "noItem reason second"},
	} {
		var got []string
		for _, known := range [][2]string{
			{"noItem", "{}"}, {"busy", "{}"}, {"reason", `""`}, {"denied", "{}"},
			{"problems", "[]"}, {"first", "{}"}, {"second", "{}"},
		} {
			tag, body = known[0], known[1]
			_, err := typednats.RequestService(within(t), nc, tt.e, stockIn{})
			if _, ok := errors.AsType[stockError](err); ok {
				got = append(got, tag)
			}
		}
		compare(t, "tags of "+tt.name, tt.want, strings.Join(got, " "))
	}
}

func TestEndpointKeepsNothingOfItsCallers(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	also := []typednats.Codec{msgpack.Codec}
	members := []stockError{&denied{}}
	e := stockCheck.WithCodec(json.Codec, also...).FailsWith(members...).WithMetadata("format", "1")
	also[0], members[0] = jsonNamed("application/octet-stream"), busy{}
	got := profileOf(t, nc, e)
	compare(t, "codecs", []string{"application/json", "application/msgpack"}, got.Accepts)
	compare(t, "tag", "denied", got.Replies["application/msgpack"].Get(typednats.ErrorTypeHeader))
}

func TestSubjectOfAnEndpoint(t *testing.T) {
	t.Parallel()
	e, g := stockCheck, typednats.NewGroup("catalog")
	for _, tt := range []struct {
		e    stockEndpoint
		want string
	}{
		{e, "stock-check"},
		{e.InSubject("stock.check"), "stock.check"},
		{e.InGroup(g), "catalog.stock-check"},
		{e.InGroup(g).InSubject("stock.*"), "catalog.stock.*"},
		{e.InSubject(">").InGroup(g), "catalog.>"},
		{e.InGroup(g).InSubject("stock.*").At("catalog.stock.bolt"), "catalog.stock.bolt"},
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

func TestWildcardEndpointIsCalledWithAt(t *testing.T) {
	t.Parallel()
	e := stockCheck.InGroup(typednats.NewGroup("catalog")).InSubject("stock.*")
	subjects := make(chan string, 1)
	bound := e.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[stockIn]) (stockOut, error) {
		subjects <- r.Subject
		return stockOut{N: r.Value.N}, nil
	})
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		out, err := typednats.RequestService(within(t), t.r, e.At("catalog.stock.bolt"), stockIn{N: 7})
		if err != nil || out.N != 7 {
			t.Fatalf("call = %+v, %v, want 7", out, err)
		}
		compare(t, "subject that the handler sees", "catalog.stock.bolt", await(t, subjects, "the handler"))
		_, err = typednats.RequestService(within(t), t.r, e, stockIn{})
		if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(fmt.Sprint(err), `"catalog.stock.*"`) {
			t.Errorf("without At: %v, want an ErrInvalidEndpoint with the subject", err)
		}
	})
}

// The nats command sends to whatever subject it is given, and NATS delivers that to a subscription with wildcards.
func TestPatternAsItIsWrittenIsNoSubject(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var ran atomic.Int64
	handle := func(_ context.Context, in stockIn) (stockOut, error) {
		ran.Add(1)
		return stockOut{N: in.N}, nil
	}
	count, rest := stockCheck.InSubject("warehouse.*.count"), stockCheck.InSubject("rest.>")
	s := start(t, nc, config(), count.Handle(handle), rest.Handle(handle))
	for subject, refused := range map[string]bool{
		"warehouse.*.count": true, "warehouse.>.count": true, "rest.>": true, "rest.*": true, "rest.a.*.b": true, "rest.a.>": true,
		"warehouse.7.count": false, "warehouse.a*.count": false, "warehouse.**.count": false, "rest.a.b>": false, "rest.>>": false,
	} {
		before := ran.Load()
		got := failureOf(exchange(t, nc, subject, nil, `{"n":7}`))
		want, runs := "", int64(1)
		if refused {
			want, runs = fmt.Sprintf("400:the request was sent to %q, which holds a wildcard: put a value in place of each * and >", subject), 0
		}
		compare(t, subject+": failure", want, got)
		compare(t, subject+": runs", runs, ran.Load()-before)
	}
	for name, want := range map[string][2]int{"warehouse.*.count": {5, 2}, "rest.>": {6, 4}} {
		stats, _ := s.EndpointStats(name)
		compare(t, name+": requests and errors", want, [2]int{stats.NumRequests, stats.NumErrors})
	}
}

// It means most with -race.
func TestEndpointIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	base := stockCheck.WithMetadata("format", "1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for name, change := range changes() {
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
