package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// canned is a Requester with a fixed answer.
type canned struct {
	reply *nats.Msg
	err   error
}

func (r canned) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return r.reply, r.err
}

// function is a Requester that can be nil without being a pointer.
type function func() (*nats.Msg, error)

func (f function) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) { return f() }

func TestEveryCallFailureIsDistinct(t *testing.T) {
	t.Parallel()
	type endpoint = typednats.Endpoint[opaque, note, missing]
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	peer := srv.Connect(t)
	answer(t, peer, "mute", silence)
	answer(t, peer, "garbage", func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: []byte("{")} })
	answer(t, peer, "foreign", func(*nats.Msg) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Content-Type": {"text/xml"}}, Data: []byte("{}")}
	})
	start(t, peer, config(), echo.InSubject("fails").Handle(mixed))
	errOwn := errors.New("own")

	for name, test := range map[string]struct {
		requester func(nc *nats.Conn) typednats.Requester // nil means each of requesters
		ctx       func(ctx context.Context) context.Context
		subject   string
		endpoint  func(e endpoint) endpoint
		in        any
		want      error
		text      string
	}{
		"no responders":    {subject: "nobody", want: nats.ErrNoResponders},
		"deadline":         {subject: "mute", ctx: soon, want: context.DeadlineExceeded},
		"deadline passed":  {subject: "fails", ctx: past, want: context.DeadlineExceeded},
		"cancelled":        {subject: "mute", ctx: cancelled, want: context.Canceled},
		"nil context":      {subject: "fails", ctx: func(context.Context) context.Context { return nil }, want: typednats.ErrInvalidConfig, text: "context"},
		"too large":        {subject: "mute", in: strings.Repeat("x", 5000), want: nats.ErrMaxPayload},
		"not encodable":    {subject: "mute", in: make(chan int), want: typednats.ErrEncodeRequest, text: "typednats_test.opaque"},
		"not decodable":    {subject: "garbage", want: typednats.ErrDecodeReply, text: "typednats_test.note"},
		"other codec":      {subject: "foreign", want: typednats.ErrDecodeReply, text: `"text/xml"`},
		"wildcard":         {subject: "a.*", want: typednats.ErrInvalidEndpoint, text: "At"},
		"invalid endpoint": {subject: "a..b", want: typednats.ErrInvalidEndpoint, text: `"a..b"`},
		"bad At":           {subject: "a.*", endpoint: func(e endpoint) endpoint { return e.At("b.c") }, want: typednats.ErrInvalidEndpoint, text: "At"},
		"no subject":       {subject: "", want: typednats.ErrInvalidEndpoint, text: "empty"},
		"endpoint's codec": {endpoint: func(e endpoint) endpoint { return e.WithCodec(nil) }, subject: "a", want: typednats.ErrInvalidEndpoint, text: "codec"},
		"nil error mapper": {endpoint: func(e endpoint) endpoint { return e.WithErrorMapper(nil) }, subject: "a", want: typednats.ErrInvalidEndpoint, text: "mapper"},
		"zero endpoint":    {endpoint: func(endpoint) endpoint { return endpoint{} }, want: typednats.ErrInvalidEndpoint, text: "NewEndpoint"},
		"nil requester":    {requester: func(*nats.Conn) typednats.Requester { return nil }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"nil connection":   {requester: func(*nats.Conn) typednats.Requester { return (*nats.Conn)(nil) }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"nil client":       {requester: func(*nats.Conn) typednats.Requester { return (*typednats.Client)(nil) }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"nil function":     {requester: func(*nats.Conn) typednats.Requester { return function(nil) }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"client on nil":    {requester: func(*nats.Conn) typednats.Requester { return typednats.NewClient(nil) }, subject: "fails", want: nats.ErrInvalidConnection},
		"own error":        {requester: func(*nats.Conn) typednats.Requester { return canned{err: errOwn} }, subject: "fails", want: errOwn},
		"neither":          {requester: func(*nats.Conn) typednats.Requester { return canned{} }, subject: "fails", text: "neither"},
		"own no responders": {requester: func(*nats.Conn) typednats.Requester {
			return canned{reply: &nats.Msg{Header: nats.Header{"Status": {"503"}}}}
		}, subject: "fails", want: nats.ErrNoResponders},
		"connection closed": {requester: func(nc *nats.Conn) typednats.Requester {
			nc.Close()
			return nc
		}, subject: "fails", want: nats.ErrConnectionClosed},
		"client's connection closed": {requester: func(nc *nats.Conn) typednats.Requester {
			nc.Close()
			return typednats.NewClient(nc)
		}, subject: "fails", want: nats.ErrConnectionClosed},
		"client closed": {requester: func(nc *nats.Conn) typednats.Requester {
			c := typednats.NewClient(nc)
			_ = c.Close()
			return c
		}, subject: "fails", want: typednats.ErrClientClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := srv.Connect(t)
			ways := requesters(t, nc)
			if test.requester != nil {
				ways = map[string]typednats.Requester{"requester": test.requester(nc)}
			}
			e := typednats.NewEndpoint[opaque, note, missing]("any").InSubject(test.subject)
			if test.endpoint != nil {
				e = test.endpoint(e)
			}
			for kind, r := range ways {
				ctx := within(t)
				if test.ctx != nil {
					ctx = test.ctx(ctx)
				}
				out, err := typednats.RequestService(ctx, r, e, opaque{test.in})
				ce, ok := err.(*typednats.CallError) //nolint:errorlint // it is not wrapped
				if !ok || out != (note{}) {
					t.Fatalf("%s: %v, %T %v, want a CallError", kind, out, err, err)
				}
				if ce.Endpoint != e.Name() || ce.Subject != e.Subject() {
					t.Errorf("%s: about %q at %q, want %q at %q", kind, ce.Endpoint, ce.Subject, e.Name(), e.Subject())
				}
				if test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("%s: %v, want %v about %s", kind, err, test.want, test.text)
				}
			}
		})
	}
}

func soon(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func past(ctx context.Context) context.Context {
	ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	cancel()
	return ctx
}

func cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func TestCallFailsWhileTheConnectionIsDraining(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer, ctx := srv.Connect(t), within(t)
	answer(t, peer, "mute", silence)
	start(t, peer, config(), echo.Handle(repeat))
	for name, options := range map[string][]typednats.ClientOption{"used": {}, "unused": {}} {
		nc := srv.Connect(t)
		client := typednats.NewClient(nc, options...)
		t.Cleanup(func() { _ = client.Close() })
		if name == "used" {
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err != nil {
				t.Fatal(err)
			}
		}
		release := keepDraining(t, nc)
		_, err := typednats.RequestService(ctx, client, echo.InSubject("mute"), note{})
		if !errors.Is(err, nats.ErrConnectionDraining) {
			t.Errorf("%s client: %v, want ErrConnectionDraining", name, err)
		}
		release()
	}
}

func TestServiceAndDeclaredErrorsReachTheCaller(t *testing.T) {
	t.Parallel()
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(mixed)}, func(t way) {
		_, err := typednats.RequestService(within(t), t.r, echo, note{"declared"})
		compare(t, "declared error", error(missing{"nut"}), err)
		_, err = typednats.RequestService(within(t), t.r, echo, note{"service"})
		ce, ok := errors.AsType[*typednats.CallError](err)
		if compare(t, "service error", "403:no", codeOf(err)); !ok || ce.Endpoint != "echo" || ce.Subject != "echo" {
			t.Errorf("%v, want a CallError that names the endpoint", err)
		}
		_, err = typednats.RequestService(within(t), t.r, echo, note{}, typednats.WithCallCodec(msgpack.Codec))
		compare(t, "other codec", `415:content type "application/msgpack" is not accepted; accepted: application/json`, codeOf(err))
	})
}

// sentFacts are what a request says about itself, in headers or, if it has none of them, in the reply subject.
func sentFacts(m *nats.Msg) (timeout, contentType string) {
	token := strings.Split(m.Reply[strings.LastIndex(m.Reply, ".")+1:], "~")
	if len(token) == 4 && len(m.Header) == 0 {
		return token[1], token[2]
	}
	return m.Header.Get(typednats.TimeoutHeader), m.Header.Get(typednats.ContentTypeHeader)
}

func TestCallSendsHowMuchTimeIsLeft(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	requests := make(chan *nats.Msg, 10)
	answer(t, nc, "echo", confirming(func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Data: []byte(`{}`)}
	}))
	minute := typednats.NewClient(nc, typednats.WithDefaultTimeout(time.Minute))
	t.Cleanup(func() { _ = minute.Close() })
	ways := requesters(t, nc)
	ways["own"], ways["minute"] = ownRequester{nc}, minute
	direct := []typednats.CallOption{}
	var calls trace
	intercepted := []typednats.CallOption{typednats.WithInterceptors(calls.interceptor("A"))}
	for way, r := range ways {
		warm(t, r)
		await(t, requests, "the first request")
		for left, ctx := range map[time.Duration]context.Context{
			0: context.Background(), 10 * time.Minute: lasting(t, 10*time.Minute), time.Hour: lasting(t, time.Hour),
		} {
			for _, codec := range []typednats.Codec{json.Codec, msgpack.Codec} {
				for _, opts := range [][]typednats.CallOption{direct, intercepted} {
					e := typednats.NewEndpoint[note, struct{}, typednats.Never]("echo").WithCodec(codec)
					if _, err := typednats.RequestService(ctx, r, e, note{}, opts...); err != nil {
						t.Errorf("%s: %v", way, err)
						continue
					}
					m := await(t, requests, "the request")
					inToken := way == "client" || way == "minute"
					if inToken != (m.Header == nil) {
						t.Errorf("%s: headers %v", way, m.Header)
					}
					timeout, contentType := sentFacts(m)
					compare(t, way+": content type", sentName(codec, inToken), contentType)
					most := left
					switch {
					case left == 0 && way == "minute":
						most = time.Minute
					case left == 0:
						most = typednats.DefaultTimeout
					}
					least := most / 2
					if most < time.Minute { // a slow machine may take a while
						least = 0
					}
					ms, err := strconv.Atoi(timeout)
					if got := time.Duration(ms) * time.Millisecond; err != nil || got > most || got <= least {
						t.Errorf("%s: timeout %q, want a little less than %v", way, timeout, most)
					}
				}
			}
		}
	}
}

// lasting is a context with so much time.
func lasting(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

// sentName is how a request names its codec.
func sentName(codec typednats.Codec, inToken bool) string {
	switch {
	case codec == json.Codec:
		return ""
	case inToken:
		return strings.TrimPrefix(codec.ContentType(), "application/")
	default:
		return codec.ContentType()
	}
}

// ownRequester is a Requester that the library knows nothing about.
type ownRequester struct{ typednats.Requester }

// keeping is a Requester that keeps the requests.
type keeping struct {
	typednats.Requester

	requests *[]*nats.Msg
}

func (k keeping) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	*k.requests = append(*k.requests, msg)
	return k.Requester.RequestMsgWithContext(ctx, msg)
}

func TestRequesterMayKeepTheRequest(t *testing.T) {
	t.Parallel()
	var requests []*nats.Msg
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat)}, func(t way) {
		requests = nil
		own := keeping{t.r, &requests}
		for i := range 50 {
			if _, err := typednats.RequestService(within(t), own, echo, note{fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			if _, err := typednats.RequestService(within(t), t.r, echo, note{"another"}); err != nil {
				t.Fatal(err)
			}
		}
		for i, m := range requests {
			compare(t, "request that was kept", fmt.Sprintf(`{"text":"%d"}`, i), string(m.Data))
		}
	})
}

func TestRequestNeedsNoDescriptor(t *testing.T) {
	t.Parallel()
	bound := echo.WithCodec(json.Codec, msgpack.Codec).Handle(mixed)
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		ctx := within(t)
		out, err := typednats.Request[note, note](ctx, t.r, "echo", note{"hello"})
		if err != nil || out.Text != "hello" {
			t.Errorf("%v, %v", out, err)
		}
		out, err = typednats.Request[note, note](ctx, t.r, "echo", note{"hello"}, typednats.WithCallCodec(msgpack.Codec))
		if err != nil || out.Text != "hello" {
			t.Errorf("in msgpack: %v, %v", out, err)
		}
		_, err = typednats.Request[note, note](ctx, t.r, "echo", note{"declared"})
		compareFailure(t, "declared error", typednats.ServiceError{
			Code: 404, Description: "no nut", Type: "missing", Data: []byte(`{"item":"nut"}`),
		}, err)
		for subject, want := range map[string]error{
			"": typednats.ErrInvalidConfig, "a.*": typednats.ErrInvalidConfig, "a b": typednats.ErrInvalidConfig, "nobody": nats.ErrNoResponders,
		} {
			_, err = typednats.Request[note, note](ctx, t.r, subject, note{})
			ce, ok := errors.AsType[*typednats.CallError](err)
			if !ok || !errors.Is(err, want) || ce.Subject != subject || ce.Endpoint != "" {
				t.Errorf("request %q = %v, want %v", subject, err, want)
			}
		}
	})
}

// A handler that calls another service with its context gives it no more time than its own caller still has.
func TestChainedCallsPassOnWhatIsLeft(t *testing.T) {
	t.Parallel()
	outer := typednats.NewEndpoint[struct{}, time.Time, typednats.Never]("outer")
	inner := typednats.NewEndpoint[struct{}, time.Time, typednats.Never]("inner")
	var middle typednats.Requester
	eachWay(t, []typednats.BoundEndpoint{
		inner.Handle(func(ctx context.Context, _ struct{}) (time.Time, error) {
			at, _ := ctx.Deadline()
			return at, nil
		}),
		outer.Handle(func(ctx context.Context, in struct{}) (time.Time, error) {
			return typednats.RequestService(ctx, middle, inner, in)
		}),
	}, func(t way) {
		middle = t.r
		ctx := lasting(t, time.Hour)
		got, err := typednats.RequestService(ctx, t.r, outer, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		// Each hop rounds up to a millisecond and starts counting when it reads the request.
		want, _ := ctx.Deadline()
		if early, late := want.Add(-time.Second), want.Add(30*time.Second); got.Before(early) || got.After(late) {
			t.Errorf("the inner handler's deadline is %v from the caller's", got.Sub(want))
		}
	})
}
