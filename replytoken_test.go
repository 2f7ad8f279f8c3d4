package typednats_test

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// sentHeaders returns the names of the headers of the next message that was tapped.
func sentHeaders(tb testing.TB, tap *nats.Subscription) string {
	tb.Helper()
	m, err := tap.NextMsgWithContext(within(tb))
	if err != nil {
		tb.Fatalf("next message: %v", err)
	}
	return strings.Join(slices.Sorted(maps.Keys(m.Header)), " ")
}

// newClient returns a client that knows nothing of the subjects that it will call.
func newClient(tb testing.TB, nc *nats.Conn, opts ...typednats.ClientOption) *typednats.Client {
	tb.Helper()
	client := typednats.NewClient(nc, opts...)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Whatever the first reply says, it confirms the reply subject, which the caller does not see. Then the headers are left
// out. If a request is refused that names its codec in the reply subject alone, it is sent again with headers.
func TestFirstReplyConfirmsTheReplySubject(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, observer := srv.Connect(t), srv.Connect(t)
	g := newGate()
	full := echo.InSubject("full")
	start(t, srv.Connect(t), config(), echo.Handle(mixed),
		full.Handle(g.handle, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(0, 0)))
	t.Cleanup(g.open)
	if err := nc.Publish("full", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	await(t, g.entered, "the handler to run")
	requests, replies := tap(t, observer, "*"), tap(t, observer, "_INBOX.*.*")

	call := func(text string, opts ...typednats.CallOption) func(*typednats.Client) nats.Header {
		return func(c *typednats.Client) nats.Header {
			var header nats.Header
			_, _ = typednats.RequestService(within(t), c, echo, note{text},
				append(opts, typednats.WithReplyHeader(&header))...)
			return header
		}
	}
	for name, tt := range map[string]struct {
		call func(*typednats.Client) nats.Header
		sent []string // by three calls
	}{
		"success":    {call("fine"), []string{"Typednats-Timeout", "", ""}},
		"declared":   {call("declared"), []string{"Typednats-Timeout", "", ""}},
		"service":    {call("service"), []string{"Typednats-Timeout", "", ""}},
		"undeclared": {call("undeclared"), []string{"Typednats-Timeout", "", ""}},
		"panic":      {call("panic"), []string{"Typednats-Timeout", "", ""}},
		"goexit":     {call("goexit"), []string{"Typednats-Timeout", "", ""}},
		"overload": {func(c *typednats.Client) (header nats.Header) {
			_, _ = typednats.RequestService(within(t), c, full, note{}, typednats.WithReplyHeader(&header))
			return header
		}, []string{"Typednats-Timeout", "", ""}},
		"not decodable": {func(c *typednats.Client) (header nats.Header) {
			_, _ = typednats.Request[int, note](within(t), c, "echo", 1, typednats.WithReplyHeader(&header))
			return header
		}, []string{"Typednats-Timeout", "", ""}},
		"not accepted": {call("", typednats.WithCallCodec(msgpack.Codec)),
			[]string{"Content-Type Typednats-Timeout", "", "Content-Type Typednats-Timeout", "", "Content-Type Typednats-Timeout"}},
	} {
		client := newClient(t, nc)
		for range 3 {
			if _, ok := tt.call(client)[typednats.ReplyTokenHeader]; ok {
				t.Errorf("%s: the caller sees the confirmation", name)
			}
		}
		for i, want := range tt.sent {
			compare(t, name+": headers of a request", want, sentHeaders(t, requests))
			asked := strings.Contains(want, typednats.TimeoutHeader)
			if confirmed := strings.Contains(sentHeaders(t, replies), typednats.ReplyTokenHeader); confirmed != asked {
				t.Errorf("%s: reply %d confirms: %v, want %v", name, i, confirmed, asked)
			}
		}
	}
}

// Services of other makes, and clients that send headers alone, are not part of it.
func TestHeadersAreSentAlwaysToWhoDoesNotConfirm(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, requests := srv.Connect(t), tap(t, srv.Connect(t), "*")
	answer(t, nc, "foreign", func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: []byte{0x80}} })
	packed := echo.WithCodec(msgpack.Codec, json.Codec)
	start(t, srv.Connect(t), config(), packed.Handle(repeat))
	for name, tt := range map[string]struct {
		r       typednats.Requester
		subject string
	}{
		"service of another make": {newClient(t, nc), "foreign"},
		"client with headers":     {newClient(t, nc, typednats.WithoutReplyToken()), "echo"},
		"connection":              {nc, "echo"},
	} {
		for range 3 {
			if _, err := typednats.RequestService(within(t), tt.r, packed.InSubject(tt.subject), note{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			compare(t, name, "Content-Type Typednats-Timeout", sentHeaders(t, requests))
		}
	}
}

// One instance confirms, another one, which is reached another way, does not.
func TestOneReplyThatDoesNotConfirmKeepsTheHeaders(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, requests := srv.Connect(t), tap(t, srv.Connect(t), "echo")
	confirms := true
	answer(t, nc, "echo", func(m *nats.Msg) *nats.Msg {
		reply := func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: []byte(`{}`)} }
		if confirms {
			return confirming(reply)(m)
		}
		return reply(m)
	})
	client := newClient(t, nc)
	for _, confirms = range []bool{false, true, true} {
		warm(t, client)
		compare(t, "headers", "Typednats-Timeout", sentHeaders(t, requests))
	}
}

// bareCall calls an endpoint with a codec that is not JSON, twice: then the first reply has confirmed the reply subject.
func bareCall[In any](in In, c typednats.Codec) func(tb testing.TB, r typednats.Requester, nc *nats.Conn) {
	return func(tb testing.TB, r typednats.Requester, nc *nats.Conn) {
		tb.Helper()
		var other typednats.Codec = json.Codec
		if c == other {
			other = msgpack.Codec
		}
		e := typednats.NewEndpoint[In, In, typednats.Never]("bare").WithCodec(c, other)
		s := start(tb, nc, config(), e.Handle(func(_ context.Context, in In) (In, error) { return in, nil }))
		for range 2 {
			if _, err := typednats.RequestService(within(tb), r, e, in); err != nil {
				tb.Errorf("%T: %v", in, err)
			}
		}
		mustStop(tb, s)
	}
}

// celsius is encoded as a number.
type celsius float64

// Bytes that could be JSON name their codec, whatever is known of the way.
func TestRequestsThatCouldBeMisreadKeepTheirContentType(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, requests := srv.Connect(t), tap(t, srv.Connect(t), "bare")
	number := 53
	for name, tt := range map[string]struct {
		call func(testing.TB, typednats.Requester, *nats.Conn)
		sent string
	}{
		"number":             {bareCall(53, msgpack.Codec), "Content-Type"},
		"number, not JSON":   {bareCall(300, msgpack.Codec), "Content-Type"},
		"pointer to number":  {bareCall(&number, msgpack.Codec), "Content-Type"},
		"named number":       {bareCall(celsius(5), msgpack.Codec), "Content-Type"},
		"string":             {bareCall("5", msgpack.Codec), "Content-Type"},
		"bool":               {bareCall(true, msgpack.Codec), "Content-Type"},
		"bytes":              {bareCall([]byte("5"), msgpack.Codec), "Content-Type"},
		"no fields":          {bareCall(struct{}{}, msgpack.Codec), "Content-Type"},
		"raw string":         {bareCall("5", raw.Codec), "Content-Type"},
		"raw bytes":          {bareCall([]byte("{}"), raw.Codec), "Content-Type"},
		"struct":             {bareCall(note{"x"}, msgpack.Codec), ""},
		"map":                {bareCall(map[string]int{"a": 1}, msgpack.Codec), ""},
		"list":               {bareCall([]int{5}, msgpack.Codec), ""},
		"JSON of a kind":     {bareCall(note{"x"}, &namedJSON{"application/x-json"}), "Content-Type"},
		"JSON":               {bareCall(53, json.Codec), ""},
		"struct, own codec":  {bareCall(note{"x"}, signedJSON{"x-signed/json"}), ""},
		"pointer to struct":  {bareCall(&note{"x"}, msgpack.Codec), ""},
		"list of raw values": {bareCall([]string{"5"}, msgpack.Codec), ""},
	} {
		tt.call(t, newClient(t, nc), nc)
		_ = sentHeaders(t, requests)
		compare(t, name, tt.sent, sentHeaders(t, requests))
	}
	// An endpoint that takes raw bytes alone takes them under any name.
	e := typednats.NewEndpoint[[]byte, []byte, typednats.Never]("bare").WithCodec(raw.Codec)
	start(t, nc, config(), e.Handle(func(_ context.Context, in []byte) ([]byte, error) { return in, nil }))
	client := newClient(t, nc)
	for _, want := range []string{"Content-Type Typednats-Timeout", ""} {
		if _, err := typednats.RequestService(within(t), client, e, []byte("5")); err != nil {
			t.Error(err)
		}
		compare(t, "raw alone", want, sentHeaders(t, requests))
	}
}

// Behind another server the way may be another one.
func TestHeadersAreSentAgainAfterAReconnect(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	requests := tap(t, srv.Connect(t), "echo")
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	back, isBack := signal()
	nc := srv.Connect(t, reconnecting(nats.ReconnectHandler(back))...)
	client := newClient(t, nc)
	for range 3 {
		for _, want := range []string{"Typednats-Timeout", "", ""} {
			warm(t, client)
			compare(t, "headers", want, sentHeaders(t, requests))
		}
		disconnect(t, srv, nc)
		await(t, isBack, "the client to be back")
	}
}

// A reply that is as large as the server allows has no room for one header more.
func TestConfirmationDoesNotMakeAReplyTooLarge(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := typednats.NewEndpoint[struct{}, []byte, typednats.Never]("large").WithCodec(raw.Codec)
	s := start(t, nc, config(), e.Handle(func(context.Context, struct{}) ([]byte, error) {
		return make([]byte, nc.MaxPayload()), nil
	}))
	client := newClient(t, nc)
	for range 2 {
		out, err := typednats.RequestService(within(t), client, e, struct{}{})
		if err != nil || int64(len(out)) != nc.MaxPayload() {
			t.Errorf("reply of %d bytes, %v", len(out), err)
		}
	}
	stats, _ := s.EndpointStats("large")
	compare(t, "errors", 0, stats.NumErrors)
}

func TestProgramsMayNotSetTheConfirmation(t *testing.T) {
	t.Parallel()
	eachWay(t, []typednats.BoundEndpoint{echo.HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
			r.ReplyHeader().Set(typednats.ReplyTokenHeader, "read")
			return r.Value, nil
		})}, func(t way) {
		_, err := typednats.RequestService(within(t), t.r, echo, note{})
		compare(t, "failure", "500:internal error", codeOf(err))
	})
}

// The second sending of a request waited for as long as the first, so the call for twice its time.
func TestRequestThatIsSentAgainHasWhatIsLeftOfItsTime(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	const spent = 5 * time.Millisecond
	limits := make(chan string, 3)
	answer(t, srv.Connect(t), "packed", func(request *nats.Msg) *nats.Msg {
		limits <- request.Header.Get(typednats.TimeoutHeader)
		if request.Header.Get(typednats.ContentTypeHeader) == "" {
			for began := time.Now(); time.Since(began) < spent; {
				runtime.Gosched()
			}
			return &nats.Msg{Header: headerOf("Nats-Service-Error", "no", "Nats-Service-Error-Code", "415",
				typednats.RefusedHeader, "codec")}
		}
		return &nats.Msg{Data: []byte{0x80}, Header: headerOf(typednats.ReplyTokenHeader, "read")}
	})
	client := newClient(t, srv.Connect(t))
	packed := echo.InSubject("packed").WithCodec(msgpack.Codec)
	for range 2 {
		if _, err := typednats.RequestService(context.Background(), client, packed, note{}); err != nil {
			t.Fatal(err)
		}
	}
	mustLeave := func(what, limit string, most time.Duration) {
		left, err := strconv.Atoi(limit)
		if err != nil || left <= 0 || time.Duration(left)*time.Millisecond > most {
			t.Errorf("%s has %q ms (%v), want at most %v", what, limit, err, most)
		}
	}
	mustLeave("the first call", <-limits, typednats.DefaultTimeout)
	compare(t, "limit of the second call, in its reply subject alone", "", <-limits)
	mustLeave("the second sending", <-limits, typednats.DefaultTimeout-spent)
}
