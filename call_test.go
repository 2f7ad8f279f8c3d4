package typednats_test

import (
	"context"
	"errors"
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

// requesters returns each way to call through the connection.
func requesters(tb testing.TB, nc *nats.Conn) map[string]typednats.Requester {
	tb.Helper()
	token, headers := typednats.NewClient(nc), typednats.NewClient(nc, typednats.WithoutReplyToken())
	tb.Cleanup(func() { _ = errors.Join(token.Close(), headers.Close()) })
	return map[string]typednats.Requester{"connection": nc, "client": token, "client with headers": headers}
}

// answer answers a subject as a service of any make would.
func answer(tb testing.TB, nc *nats.Conn, subject string, answer func(request *nats.Msg) *nats.Msg) {
	tb.Helper()
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if reply := answer(m); reply != nil {
			reply.Subject = m.Reply
			_ = nc.PublishMsg(reply)
		}
	})
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	if err := nc.FlushTimeout(patience); err != nil {
		tb.Fatalf("flush: %v", err)
	}
	tb.Cleanup(func() { _ = sub.Unsubscribe() })
}

// silence is a peer that never answers.
func silence(*nats.Msg) *nats.Msg { return nil }

// canned is a Requester with a fixed answer.
type canned struct {
	reply *nats.Msg
	err   error
}

func (r canned) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return r.reply, r.err
}

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
		opts      []typednats.CallOption
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
		"not decodable":    {subject: "garbage", want: typednats.ErrDecodeReply, text: "*typednats_test.note"},
		"other codec":      {subject: "foreign", want: typednats.ErrDecodeReply, text: `"text/xml"`},
		"wildcard":         {subject: "a.*", want: typednats.ErrInvalidEndpoint, text: "At"},
		"invalid endpoint": {subject: "a..b", want: typednats.ErrInvalidEndpoint, text: `"a..b"`},
		"bad At":           {subject: "a.*", endpoint: func(e endpoint) endpoint { return e.At("b.c") }, want: typednats.ErrInvalidEndpoint, text: "At"},
		"zero endpoint":    {endpoint: func(endpoint) endpoint { return endpoint{} }, want: typednats.ErrInvalidEndpoint, text: "NewEndpoint"},
		"reserved header":  {subject: "fails", opts: []typednats.CallOption{typednats.WithHeader("content-type", "x")}, want: typednats.ErrInvalidConfig, text: `"content-type"`},
		"bad header":       {subject: "fails", opts: []typednats.CallOption{typednats.WithHeader("a b", "x")}, want: typednats.ErrInvalidConfig, text: `"a b"`},
		"empty header":     {subject: "fails", opts: []typednats.CallOption{typednats.WithHeader("", "x")}, want: typednats.ErrInvalidConfig, text: `""`},
		"nil option":       {subject: "fails", opts: []typednats.CallOption{nil}, want: typednats.ErrInvalidConfig, text: "CallOption"},
		"nil codec":        {subject: "fails", opts: []typednats.CallOption{typednats.WithCallCodec(nil)}, want: typednats.ErrInvalidConfig, text: "WithCallCodec"},
		"nil reply header": {subject: "fails", opts: []typednats.CallOption{typednats.WithReplyHeader(nil)}, want: typednats.ErrInvalidConfig, text: "WithReplyHeader"},
		"nil requester":    {requester: func(*nats.Conn) typednats.Requester { return nil }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"nil connection":   {requester: func(*nats.Conn) typednats.Requester { return (*nats.Conn)(nil) }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
		"nil client":       {requester: func(*nats.Conn) typednats.Requester { return (*typednats.Client)(nil) }, subject: "fails", want: typednats.ErrInvalidConfig, text: "Requester"},
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
		"client's timeout": {requester: func(nc *nats.Conn) typednats.Requester {
			return typednats.NewClient(nc, typednats.WithDefaultTimeout(0))
		}, subject: "fails", want: typednats.ErrInvalidConfig, text: `WithDefaultTimeout "0s"`},
		"client's negative timeout": {requester: func(nc *nats.Conn) typednats.Requester {
			return typednats.NewClient(nc, typednats.WithDefaultTimeout(-time.Second))
		}, subject: "fails", want: typednats.ErrInvalidConfig, text: `WithDefaultTimeout "-1s"`},
		"client's nil option": {requester: func(nc *nats.Conn) typednats.Requester {
			return typednats.NewClient(nc, nil)
		}, subject: "fails", want: typednats.ErrInvalidConfig, text: "ClientOption"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ways := map[string]typednats.Requester{}
			if test.requester == nil {
				ways = requesters(t, srv.Connect(t))
			} else {
				ways["requester"] = test.requester(srv.Connect(t))
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
				out, err := typednats.RequestService(ctx, r, e, opaque{test.in}, test.opts...)
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
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.Handle(mixed))
	ctx := within(t)
	for kind, r := range requesters(t, srv.Connect(t)) {
		_, err := typednats.RequestService(ctx, r, echo, note{"declared"})
		if missing, ok := err.(missing); !ok || missing.Item != "nut" { //nolint:errorlint // it is not wrapped
			t.Errorf("%s: %T %v, want missing", kind, err, err)
		}
		_, err = typednats.RequestService(ctx, r, echo, note{"service"})
		ce, ok := errors.AsType[*typednats.CallError](err)
		if compare(t, kind, "403:no", codeOf(err)); !ok || ce.Endpoint != "echo" || ce.Subject != "echo" {
			t.Errorf("%s: %v, want a CallError that names the endpoint", kind, err)
		}
		_, err = typednats.RequestService(ctx, r, echo, note{}, typednats.WithCallCodec(msgpack.Codec))
		compare(t, kind, `415:content type "application/msgpack" is not accepted; accepted: application/json`, codeOf(err))
	}
}

func TestDefaultTimeoutIsSentAlong(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	requests := make(chan *nats.Msg, 10)
	answer(t, nc, "echo", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Data: []byte(`{}`)}
	})
	minute := typednats.NewClient(nc, typednats.WithDefaultTimeout(time.Minute))
	t.Cleanup(func() { _ = minute.Close() })
	ways := requesters(t, nc)
	ways["own"] = ownRequester{nc}
	ways["minute"] = minute
	for kind, r := range ways {
		for _, codec := range []typednats.Codec{json.Codec, msgpack.Codec} {
			out := typednats.NewEndpoint[note, struct{}, typednats.Never]("echo").WithCodec(codec)
			if _, err := typednats.RequestService(context.Background(), r, out, note{}); err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			m := await(t, requests, "the request")
			timeout, contentType := m.Header.Get(typednats.TimeoutHeader), m.Header.Get(typednats.ContentTypeHeader)
			wantType := codec.ContentType()
			if codec == json.Codec {
				wantType = ""
			}
			if kind == "client" || kind == "minute" {
				if m.Header != nil {
					t.Errorf("%s: headers %v, want none", kind, m.Header)
				}
				parts := strings.Split(m.Reply[strings.LastIndex(m.Reply, ".")+1:], "~")
				timeout, contentType = parts[1], parts[2]
				wantType = strings.TrimPrefix(wantType, "application/")
			}
			want := typednats.DefaultTimeout
			if kind == "minute" {
				want = time.Minute
			}
			ms, err := strconv.Atoi(timeout)
			if got := time.Duration(ms) * time.Millisecond; err != nil || got > want || got < want/10 {
				t.Errorf("%s: timeout %q, want a little less than %v", kind, timeout, want)
			}
			compare(t, kind+": content type", wantType, contentType)
		}
	}
}

// ownRequester is a Requester that the library knows nothing about.
type ownRequester struct{ typednats.Requester }

func TestHeadersOfTheCallReachTheService(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	requests := make(chan *nats.Msg, 10)
	answer(t, nc, "echo", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Header: nats.Header{"Answer": {"1"}}, Data: []byte(`{}`)}
	})
	for kind, r := range requesters(t, nc) {
		tag := typednats.WithHeader("note", "x") // one option for several calls
		for range 2 {
			header := nats.Header{"Old": {"y"}}
			_, err := typednats.RequestService(ctx, r, echo, note{}, tag, typednats.WithHeader("note", "line\r\nbreak: z"),
				typednats.WithReplyHeader(&header))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			got := await(t, requests, "the request").Header
			compare(t, kind+": header", []string{"x", "line  break: z"}, got["note"])
			if len(got["break"]) > 0 {
				t.Errorf("%s: a header was smuggled in: %v", kind, got)
			}
			compare(t, kind+": reply header", nats.Header{"Answer": {"1"}}, header)
		}
		header := nats.Header{"Old": {"y"}}
		_, _ = typednats.RequestService(ctx, r, echo.InSubject("nobody"), note{}, typednats.WithReplyHeader(&header))
		compare(t, kind+": reply header without a reply", nats.Header(nil), header)
	}
}

func TestRequestNeedsNoDescriptor(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	start(t, nc, config(), echo.WithCodec(json.Codec, msgpack.Codec).Handle(mixed))
	for kind, r := range requesters(t, nc) {
		out, err := typednats.Request[note, note](ctx, r, "echo", note{"hello"})
		if err != nil || out.Text != "hello" {
			t.Errorf("%s: %v, %v", kind, out, err)
		}
		out, err = typednats.Request[note, note](ctx, r, "echo", note{"hello"}, typednats.WithCallCodec(msgpack.Codec))
		if err != nil || out.Text != "hello" {
			t.Errorf("%s in msgpack: %v, %v", kind, out, err)
		}
		_, err = typednats.Request[note, note](ctx, r, "echo", note{"declared"})
		se, ok := errors.AsType[*typednats.ServiceError](err)
		if !ok {
			t.Fatalf("%s: %v, want a ServiceError", kind, err)
		}
		compare(t, kind, &typednats.ServiceError{Code: 404, Description: "no nut", Type: "missing", Data: []byte(`{"item":"nut"}`)}, se)
		for subject, want := range map[string]error{
			"": typednats.ErrInvalidConfig, "a.*": typednats.ErrInvalidConfig, "a b": typednats.ErrInvalidConfig, "nobody": nats.ErrNoResponders,
		} {
			_, err = typednats.Request[note, note](ctx, r, subject, note{})
			ce, ok := errors.AsType[*typednats.CallError](err)
			if !ok || !errors.Is(err, want) || ce.Subject != subject || ce.Endpoint != "" {
				t.Errorf("%s: request %q = %v, want %v", kind, subject, err, want)
			}
		}
	}
}
