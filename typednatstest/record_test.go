package typednatstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

type person struct {
	Name string `json:"name"`
}

type greeting struct {
	Text string `json:"text"`
}

// unknown is a declared error.
type unknown struct {
	Name string `json:"name"`
}

func (e unknown) Error() string { return "who is " + e.Name + "?" }
func (unknown) ErrorCode() int  { return 404 }

var (
	greet  = typednats.NewEndpoint[person, greeting, unknown]("greet")
	packed = typednats.NewEndpoint[person, greeting, unknown]("packed").WithCodec(msgpack.Codec, json.Codec)
	byTown = typednats.NewEndpoint[person, greeting, unknown]("by-town").InSubject("town.*.greet")
	blob   = typednats.NewEndpoint[[]byte, []byte, typednats.Never]("blob").WithCodec(raw.Codec)
	ping   = typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("ping")
)

// hello is the handler of greet and its like.
func hello(_ context.Context, p person) (greeting, error) {
	switch p.Name {
	case "nobody":
		return greeting{}, unknown(p)
	case "busy":
		return greeting{}, typednats.Errorf(503, "not now")
	default:
		return greeting{"hello " + p.Name}, nil
	}
}

// everybody answers to each endpoint.
func everybody() typednats.Requester {
	return typednats.Local(greet.Handle(hello), packed.Handle(hello), byTown.Handle(hello),
		blob.Handle(func(_ context.Context, b []byte) ([]byte, error) { return append([]byte("got "), b...), nil }),
		ping.Handle(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
}

// stub is a Requester that is a function.
type stub func(ctx context.Context, msg *nats.Msg) (*nats.Msg, error)

func (s stub) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	return s(ctx, msg)
}

// brief is a call without its headers, with the text of its error.
type brief[In, Out any] struct {
	Subject string
	Request In
	Reply   Out
	Err     string
}

func briefs[In, Out any](calls []typednatstest.Call[In, Out]) (list []brief[In, Out]) {
	for _, c := range calls {
		b := brief[In, Out]{Subject: c.Subject, Request: c.Request, Reply: c.Reply}
		if c.Err != nil {
			b.Err = c.Err.Error()
		}
		list = append(list, b)
	}
	return list
}

func TestRecorderPassesCallsOn(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	reply, err := typednats.RequestService(t.Context(), rec, greet, person{"Ada"})
	if diff := cmp.Diff(greeting{"hello Ada"}, reply); diff != "" || err != nil {
		t.Errorf("error %v, reply (-want +got):\n%s", err, diff)
	}
	_, err = typednats.RequestService(t.Context(), rec, greet, person{"nobody"})
	if !errors.Is(err, unknown{"nobody"}) {
		t.Errorf("error %v, want %v", err, unknown{"nobody"})
	}
}

// TestCallsTo: each endpoint has its own calls, in their order, as their callers made them and saw them end.
func TestCallsTo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rec := typednatstest.Record(everybody())
	for _, name := range []string{"Ada", "nobody", "busy"} {
		_, _ = typednats.RequestService(ctx, rec, greet, person{name})
		_, _ = typednats.RequestService(ctx, rec, byTown.At("town."+name+".greet"), person{name})
	}
	_, _ = typednats.RequestService(ctx, rec, blob, []byte{0, 1})
	_, _ = typednats.RequestService(ctx, rec, ping, struct{}{})
	_, _ = typednats.Request[person, greeting](ctx, rec, "greet", person{"untyped"})
	_, _ = typednats.Request[person, greeting](ctx, rec, "elsewhere", person{"Ada"})

	want := []brief[person, greeting]{
		{"greet", person{"Ada"}, greeting{"hello Ada"}, ""},
		{"greet", person{"nobody"}, greeting{}, "who is nobody?"},
		{"greet", person{"busy"}, greeting{}, `call "greet" at "greet": service error 503: not now`},
		{"greet", person{"untyped"}, greeting{"hello untyped"}, ""},
	}
	calls := typednatstest.CallsTo(rec, greet)
	if diff := cmp.Diff(want, briefs(calls)); diff != "" {
		t.Fatalf("calls to greet (-want +got):\n%s", diff)
	}
	if calls[1].Err != error(unknown{"nobody"}) { //nolint:errorlint // it is the declared error, not one that wraps it
		t.Errorf("error %#v, want the declared one", calls[1].Err)
	}
	for i := range want[:3] {
		want[i].Subject = "town." + want[i].Request.Name + ".greet"
	}
	want[2].Err = `call "by-town" at "town.busy.greet": service error 503: not now`
	if diff := cmp.Diff(want[:3], briefs(typednatstest.CallsTo(rec, byTown))); diff != "" {
		t.Errorf("calls to by-town (-want +got):\n%s", diff)
	}
	bytes := []brief[[]byte, []byte]{{"blob", []byte{0, 1}, []byte("got \x00\x01"), ""}}
	if diff := cmp.Diff(bytes, briefs(typednatstest.CallsTo(rec, blob))); diff != "" {
		t.Errorf("calls to blob (-want +got):\n%s", diff)
	}
	empty := []brief[struct{}, struct{}]{{Subject: "ping"}}
	if diff := cmp.Diff(empty, briefs(typednatstest.CallsTo(rec, ping))); diff != "" {
		t.Errorf("calls to ping (-want +got):\n%s", diff)
	}
	if calls := typednatstest.CallsTo(rec, packed); len(calls) != 0 {
		t.Errorf("calls to packed: %v, want none", calls)
	}
}

// TestCallsToWithEachCodec: the service answers in the request's codec and does not name it.
func TestCallsToWithEachCodec(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	for _, opts := range [][]typednats.CallOption{nil, {typednats.WithCallCodec(json.Codec)}} {
		for _, name := range []string{"Ada", "nobody"} {
			_, _ = typednats.RequestService(t.Context(), rec, packed, person{name}, opts...)
		}
	}
	ada := brief[person, greeting]{"packed", person{"Ada"}, greeting{"hello Ada"}, ""}
	nobody := brief[person, greeting]{"packed", person{"nobody"}, greeting{}, "who is nobody?"}
	want := []brief[person, greeting]{ada, nobody, ada, nobody}
	if diff := cmp.Diff(want, briefs(typednatstest.CallsTo(rec, packed))); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestCallHeader(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	_, err := typednats.RequestService(t.Context(), rec, packed, person{"Ada"}, typednats.WithHeader("Trace", "a"))
	if err != nil {
		t.Fatal(err)
	}
	header := typednatstest.CallsTo(rec, packed)[0].Header
	want := nats.Header{
		"Trace":                     {"a"},
		typednats.ContentTypeHeader: {"application/msgpack"},
		typednats.TimeoutHeader:     header[typednats.TimeoutHeader],
	}
	if diff := cmp.Diff(want, header); diff != "" || header.Get(typednats.TimeoutHeader) == "" {
		t.Errorf("header %v (-want +got):\n%s", header, diff)
	}
}

// TestCallsAreCopies: neither the caller, nor the service, nor who reads the calls can change what was recorded.
func TestCallsAreCopies(t *testing.T) {
	t.Parallel()
	reply := &nats.Msg{Header: nats.Header{"A": {"a"}}, Data: []byte("reply")}
	rec := typednatstest.Record(stub(func(context.Context, *nats.Msg) (*nats.Msg, error) { return reply, nil }))
	request := &nats.Msg{
		Subject: "blob", Data: []byte("request"),
		Header: nats.Header{"B": {"b"}, typednats.ContentTypeHeader: {raw.Codec.ContentType()}},
	}
	if got, err := rec.RequestMsgWithContext(t.Context(), request); got != reply || err != nil {
		t.Fatalf("reply %v and error %v, want what the Requester returned", got, err)
	}
	copy(request.Data, "XXXXXXX")
	copy(reply.Data, "XXXXX")
	request.Header["B"][0], request.Subject = "X", "X"
	delete(reply.Header, "A")
	for range 2 {
		calls := typednatstest.CallsTo(rec, blob)
		want := []brief[[]byte, []byte]{{"blob", []byte("request"), []byte("reply"), ""}}
		if diff := cmp.Diff(want, briefs(calls)); diff != "" || calls[0].Header.Get("B") != "b" {
			t.Errorf("header %v, calls (-want +got):\n%s", calls[0].Header, diff)
		}
		calls[0].Request[0], calls[0].Reply[0], calls[0].Header["B"][0] = 'X', 'X', "X"
	}
}

// TestCallsInFlightAreNotListed: they are once they return, at the place where they began.
func TestCallsInFlightAreNotListed(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	service := everybody()
	rec := typednatstest.Record(stub(func(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
		if strings.Contains(string(msg.Data), "slow") {
			close(entered)
			<-leave
		}
		return service.RequestMsgWithContext(ctx, msg)
	}))
	names := func() (list []string) {
		for _, c := range typednatstest.CallsTo(rec, greet) {
			list = append(list, c.Request.Name)
		}
		return list
	}
	var slow sync.WaitGroup
	slow.Go(func() { _, _ = typednats.RequestService(t.Context(), rec, greet, person{"slow"}) })
	<-entered
	_, _ = typednats.RequestService(t.Context(), rec, greet, person{"fast"})
	if diff := cmp.Diff([]string{"fast"}, names()); diff != "" {
		t.Errorf("while one is in flight (-want +got):\n%s", diff)
	}
	close(leave)
	slow.Wait()
	if diff := cmp.Diff([]string{"slow", "fast"}, names()); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

// TestCallErrIsTheCallersError: whatever the Requester returned.
func TestCallErrIsTheCallersError(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]stub{
		"no responders": func(context.Context, *nats.Msg) (*nats.Msg, error) { return nil, nats.ErrNoResponders },
		"status 503": func(context.Context, *nats.Msg) (*nats.Msg, error) {
			return &nats.Msg{Header: nats.Header{"Status": {"503"}}}, nil
		},
		"deadline": func(context.Context, *nats.Msg) (*nats.Msg, error) { return nil, context.DeadlineExceeded },
		"nothing":  func(context.Context, *nats.Msg) (*nats.Msg, error) { return nil, nil }, //nolint:nilnil // a mistake
		"not JSON": func(context.Context, *nats.Msg) (*nats.Msg, error) { return &nats.Msg{Data: []byte("{")}, nil },
		"unknown codec": func(context.Context, *nats.Msg) (*nats.Msg, error) {
			return &nats.Msg{Header: nats.Header{typednats.ContentTypeHeader: {"text/plain"}}}, nil
		},
		"unknown tag": func(context.Context, *nats.Msg) (*nats.Msg, error) {
			return &nats.Msg{Header: nats.Header{
				micro.ErrorHeader: {"gone"}, micro.ErrorCodeHeader: {"410"}, typednats.ErrorTypeHeader: {"Gone"},
			}}, nil
		},
	} {
		rec := typednatstest.Record(s)
		_, want := typednats.RequestService(t.Context(), rec, greet, person{"Ada"})
		calls := typednatstest.CallsTo(rec, greet)
		if want == nil || len(calls) != 1 {
			t.Fatalf("%s: error %v, calls %v", name, want, calls)
		}
		if calls[0].Err == nil || calls[0].Err.Error() != want.Error() {
			t.Errorf("%s: error %v, want %v", name, calls[0].Err, want)
		}
		if calls[0].Request.Name != "Ada" {
			t.Errorf("%s: request %v", name, calls[0].Request)
		}
		for _, sentinel := range []error{nats.ErrNoResponders, context.DeadlineExceeded, typednats.ErrDecodeReply} {
			if errors.Is(want, sentinel) != errors.Is(calls[0].Err, sentinel) {
				t.Errorf("%s: error %v, want one that is %v", name, calls[0].Err, sentinel)
			}
		}
	}
}

// TestUndecodedRequestIsTheCallsError: what cannot be decoded does not vanish.
func TestUndecodedRequestIsTheCallsError(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	for _, request := range []*nats.Msg{
		{Subject: "greet", Data: []byte("{")},
		{Subject: "greet", Header: nats.Header{typednats.ContentTypeHeader: {"text/plain"}}, Data: []byte("Ada")},
	} {
		if _, err := rec.RequestMsgWithContext(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	calls := typednatstest.CallsTo(rec, greet)
	if len(calls) != 2 {
		t.Fatalf("%d calls, want 2", len(calls))
	}
	for i, code := range []int{400, 415} {
		want := fmt.Sprintf("typednatstest: decode request into typednatstest_test.person: service error %d: ", code)
		if err := calls[i].Err; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
		se, ok := errors.AsType[*typednats.ServiceError](calls[i].Err)
		if !ok || se.Code != code || calls[i].Request != (person{}) || calls[i].Reply != (greeting{}) {
			t.Errorf("error %v, request %v, reply %v", calls[i].Err, calls[i].Request, calls[i].Reply)
		}
	}
}

// TestOldDeadlineDoesNotMatter: a request is decoded long after its caller has stopped waiting.
func TestOldDeadlineDoesNotMatter(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	_, err := rec.RequestMsgWithContext(t.Context(), &nats.Msg{
		Subject: "greet", Data: []byte(`{"name":"Ada"}`), Header: nats.Header{typednats.TimeoutHeader: {"1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if c := typednatstest.CallsTo(rec, greet)[0]; c.Err != nil || c.Request.Name != "Ada" {
			t.Fatalf("request %v, error %v", c.Request, c.Err)
		}
	}
}

// TestCallsToAnEndpointWithAt: no handler can be bound to one, so it decodes no request.
func TestCallsToAnEndpointWithAt(t *testing.T) {
	t.Parallel()
	rec := typednatstest.Record(everybody())
	for _, town := range []string{"rome", "oslo"} {
		_, _ = typednats.RequestService(t.Context(), rec, byTown.At("town."+town+".greet"), person{"Ada"})
	}
	calls := typednatstest.CallsTo(rec, byTown.At("town.oslo.greet"))
	if len(calls) != 1 || calls[0].Subject != "town.oslo.greet" {
		t.Fatalf("calls %v, want the one to Oslo", calls)
	}
	if err := calls[0].Err; !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), "At") {
		t.Errorf("error %v, want %v about At", err, typednats.ErrInvalidEndpoint)
	}
}

func TestCallsToAnInvalidEndpoint(t *testing.T) {
	t.Parallel()
	calls := typednatstest.CallsTo(typednatstest.Record(everybody()), greet.InSubject("a..b"))
	if len(calls) != 1 || !errors.Is(calls[0].Err, typednats.ErrInvalidEndpoint) || calls[0].Subject != "a..b" {
		t.Errorf("calls %v, want one with %v", calls, typednats.ErrInvalidEndpoint)
	}
}

func TestRecorderMistakes(t *testing.T) {
	t.Parallel()
	var none *typednatstest.Recorder
	var client *typednats.Client
	for name, rec := range map[string]*typednatstest.Recorder{
		"nil": none, "zero": {}, "of nil": typednatstest.Record(nil), "of a nil client": typednatstest.Record(client),
	} {
		if _, err := rec.RequestMsgWithContext(t.Context(), nats.NewMsg("greet")); !errors.Is(err, typednats.ErrInvalidConfig) {
			t.Errorf("%s: error %v, want %v", name, err, typednats.ErrInvalidConfig)
		}
		if calls := typednatstest.CallsTo(rec, greet); len(calls) != 0 {
			t.Errorf("%s: calls %v, want none", name, calls)
		}
	}
	if _, err := typednatstest.Record(everybody()).RequestMsgWithContext(t.Context(), nil); !errors.Is(err, nats.ErrInvalidMsg) {
		t.Errorf("error %v, want %v", err, nats.ErrInvalidMsg)
	}
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 25
	rec := typednatstest.Record(everybody())
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range each {
				_, _ = typednats.RequestService(t.Context(), rec, greet, person{fmt.Sprint(i)})
				typednatstest.CallsTo(rec, greet)
			}
		})
	}
	all.Wait()
	if n := len(typednatstest.CallsTo(rec, greet)); n != callers*each {
		t.Errorf("%d calls, want %d", n, callers*each)
	}
}
