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
	"github.com/typednats/typednats/internal/natstest"
)

// svcRequesters returns each way to call through the connection.
func svcRequesters(tb testing.TB, nc *nats.Conn) map[string]typednats.Requester {
	tb.Helper()
	token, headers := typednats.NewClient(nc), typednats.NewClient(nc, typednats.WithoutReplyToken())
	tb.Cleanup(func() { _ = errors.Join(token.Close(), headers.Close()) })
	return map[string]typednats.Requester{"connection": nc, "client": token, "client with headers": headers}
}

// svcPeer answers a subject as a service of any make would.
func svcPeer(tb testing.TB, nc *nats.Conn, subject string, answer func(request *nats.Msg) *nats.Msg) {
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
	if err := nc.FlushTimeout(svcPatience); err != nil {
		tb.Fatalf("flush: %v", err)
	}
	tb.Cleanup(func() { _ = sub.Unsubscribe() })
}

// svcMute is a peer that never answers.
func svcMute(*nats.Msg) *nats.Msg { return nil }

// svcReturns is a Requester with a fixed answer.
type svcReturns struct {
	reply *nats.Msg
	err   error
}

func (r svcReturns) RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error) {
	return r.reply, r.err
}

func TestEveryCallFailureIsDistinct(t *testing.T) {
	t.Parallel()
	type opaque = typednats.Endpoint[svcOpaque, svcText, svcMissing]
	srv := natstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	peer := srv.Connect(t)
	svcPeer(t, peer, "mute", svcMute)
	svcPeer(t, peer, "garbage", func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: []byte("{")} })
	svcPeer(t, peer, "foreign", func(*nats.Msg) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Content-Type": {"text/xml"}}, Data: []byte("{}")}
	})
	svcStart(t, peer, svcConfig(), svcEcho.InSubject("fails").Handle(svcMixed))
	errOwn := errors.New("own")

	for name, test := range map[string]struct {
		requester func(nc *nats.Conn) typednats.Requester // nil means each of svcRequesters
		ctx       func(ctx context.Context) context.Context
		subject   string
		endpoint  func(e opaque) opaque
		in        any
		opts      []typednats.CallOption
		want      error
		text      string
	}{
		"no responders":    {subject: "nobody", want: nats.ErrNoResponders},
		"deadline":         {subject: "mute", ctx: svcSoon, want: context.DeadlineExceeded},
		"deadline passed":  {subject: "fails", ctx: svcPast, want: context.DeadlineExceeded},
		"cancelled":        {subject: "mute", ctx: svcCancelled, want: context.Canceled},
		"nil context":      {subject: "fails", ctx: func(context.Context) context.Context { return nil }, want: typednats.ErrInvalidConfig, text: "context"},
		"too large":        {subject: "mute", in: strings.Repeat("x", 5000), want: nats.ErrMaxPayload},
		"not encodable":    {subject: "mute", in: make(chan int), want: typednats.ErrEncodeRequest, text: "typednats_test.svcOpaque"},
		"not decodable":    {subject: "garbage", want: typednats.ErrDecodeReply, text: "*typednats_test.svcText"},
		"other codec":      {subject: "foreign", want: typednats.ErrDecodeReply, text: `"text/xml"`},
		"wildcard":         {subject: "a.*", want: typednats.ErrInvalidEndpoint, text: "At"},
		"invalid endpoint": {subject: "a..b", want: typednats.ErrInvalidEndpoint, text: `"a..b"`},
		"bad At":           {subject: "a.*", endpoint: func(e opaque) opaque { return e.At("b.c") }, want: typednats.ErrInvalidEndpoint, text: "At"},
		"zero endpoint":    {endpoint: func(opaque) opaque { return opaque{} }, want: typednats.ErrInvalidEndpoint, text: "NewEndpoint"},
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
		"own error":        {requester: func(*nats.Conn) typednats.Requester { return svcReturns{err: errOwn} }, subject: "fails", want: errOwn},
		"neither":          {requester: func(*nats.Conn) typednats.Requester { return svcReturns{} }, subject: "fails", text: "neither"},
		"own no responders": {requester: func(*nats.Conn) typednats.Requester {
			return svcReturns{reply: &nats.Msg{Header: nats.Header{"Status": {"503"}}}}
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
			requesters := map[string]typednats.Requester{}
			if test.requester == nil {
				requesters = svcRequesters(t, srv.Connect(t))
			} else {
				requesters["requester"] = test.requester(srv.Connect(t))
			}
			e := typednats.NewEndpoint[svcOpaque, svcText, svcMissing]("svc-any").InSubject(test.subject)
			if test.endpoint != nil {
				e = test.endpoint(e)
			}
			for kind, r := range requesters {
				ctx := svcContext(t)
				if test.ctx != nil {
					ctx = test.ctx(ctx)
				}
				out, err := typednats.RequestService(ctx, r, e, svcOpaque{test.in}, test.opts...)
				ce, ok := err.(*typednats.CallError) //nolint:errorlint // it is not wrapped
				if !ok || out != (svcText{}) {
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

func svcSoon(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func svcPast(ctx context.Context) context.Context {
	ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	cancel()
	return ctx
}

func svcCancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func TestCallFailsWhileTheConnectionIsDraining(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	peer, ctx := srv.Connect(t), svcContext(t)
	svcPeer(t, peer, "mute", svcMute)
	svcStart(t, peer, svcConfig(), svcEcho.Handle(svcReflect))
	for name, options := range map[string][]typednats.ClientOption{"used": {}, "unused": {}} {
		nc := srv.Connect(t)
		client := typednats.NewClient(nc, options...)
		t.Cleanup(func() { _ = client.Close() })
		if name == "used" {
			if _, err := typednats.RequestService(ctx, client, svcEcho, svcText{}); err != nil {
				t.Fatal(err)
			}
		}
		release := svcKeepDraining(t, nc)
		_, err := typednats.RequestService(ctx, client, svcEcho.InSubject("mute"), svcText{})
		if !errors.Is(err, nats.ErrConnectionDraining) {
			t.Errorf("%s client: %v, want ErrConnectionDraining", name, err)
		}
		release()
	}
}

func TestServiceAndDeclaredErrorsReachTheCaller(t *testing.T) {
	t.Parallel()
	srv := natstest.Run(t)
	svcStart(t, srv.Connect(t), svcConfig(), svcEcho.Handle(svcMixed))
	ctx := svcContext(t)
	for kind, r := range svcRequesters(t, srv.Connect(t)) {
		_, err := typednats.RequestService(ctx, r, svcEcho, svcText{"declared"})
		if missing, ok := err.(svcMissing); !ok || missing.Item != "nut" { //nolint:errorlint // it is not wrapped
			t.Errorf("%s: %T %v, want svcMissing", kind, err, err)
		}
		_, err = typednats.RequestService(ctx, r, svcEcho, svcText{"service"})
		ce, ok := errors.AsType[*typednats.CallError](err)
		if svcDiff(t, kind, "403:no", svcCode(err)); !ok || ce.Endpoint != "svc-echo" || ce.Subject != "svc-echo" {
			t.Errorf("%s: %v, want a CallError that names the endpoint", kind, err)
		}
		_, err = typednats.RequestService(ctx, r, svcEcho, svcText{}, typednats.WithCallCodec(msgpack.Codec))
		svcDiff(t, kind, `415:content type "application/msgpack" is not accepted; accepted: application/json`, svcCode(err))
	}
}

func TestDefaultTimeoutIsSentAlong(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	requests := make(chan *nats.Msg, 10)
	svcPeer(t, nc, "svc-echo", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Data: []byte(`{}`)}
	})
	minute := typednats.NewClient(nc, typednats.WithDefaultTimeout(time.Minute))
	t.Cleanup(func() { _ = minute.Close() })
	requesters := svcRequesters(t, nc)
	requesters["own"] = svcOwn{nc}
	requesters["minute"] = minute
	for kind, r := range requesters {
		for _, codec := range []typednats.Codec{json.Codec, msgpack.Codec} {
			out := typednats.NewEndpoint[svcText, struct{}, typednats.Never]("svc-echo").WithCodec(codec)
			if _, err := typednats.RequestService(context.Background(), r, out, svcText{}); err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			m := svcAwait(t, requests, "the request")
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
			svcDiff(t, kind+": content type", wantType, contentType)
		}
	}
}

// svcOwn is a Requester that the library knows nothing about.
type svcOwn struct{ typednats.Requester }

func TestHeadersOfTheCallReachTheService(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	requests := make(chan *nats.Msg, 10)
	svcPeer(t, nc, "svc-echo", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Header: nats.Header{"Answer": {"1"}}, Data: []byte(`{}`)}
	})
	for kind, r := range svcRequesters(t, nc) {
		note := typednats.WithHeader("note", "x") // one option for several calls
		for range 2 {
			header := nats.Header{"Old": {"y"}}
			_, err := typednats.RequestService(ctx, r, svcEcho, svcText{}, note, typednats.WithHeader("note", "line\r\nbreak: z"),
				typednats.WithReplyHeader(&header))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			got := svcAwait(t, requests, "the request").Header
			svcDiff(t, kind+": header", []string{"x", "line  break: z"}, got["note"])
			if len(got["break"]) > 0 {
				t.Errorf("%s: a header was smuggled in: %v", kind, got)
			}
			svcDiff(t, kind+": reply header", nats.Header{"Answer": {"1"}}, header)
		}
		header := nats.Header{"Old": {"y"}}
		_, _ = typednats.RequestService(ctx, r, svcEcho.InSubject("nobody"), svcText{}, typednats.WithReplyHeader(&header))
		svcDiff(t, kind+": reply header without a reply", nats.Header(nil), header)
	}
}

func TestRequestNeedsNoDescriptor(t *testing.T) {
	t.Parallel()
	nc, ctx := natstest.Connect(t), svcContext(t)
	svcStart(t, nc, svcConfig(), svcEcho.WithCodec(json.Codec, msgpack.Codec).Handle(svcMixed))
	for kind, r := range svcRequesters(t, nc) {
		out, err := typednats.Request[svcText, svcText](ctx, r, "svc-echo", svcText{"hello"})
		if err != nil || out.Text != "hello" {
			t.Errorf("%s: %v, %v", kind, out, err)
		}
		out, err = typednats.Request[svcText, svcText](ctx, r, "svc-echo", svcText{"hello"}, typednats.WithCallCodec(msgpack.Codec))
		if err != nil || out.Text != "hello" {
			t.Errorf("%s in msgpack: %v, %v", kind, out, err)
		}
		_, err = typednats.Request[svcText, svcText](ctx, r, "svc-echo", svcText{"declared"})
		se, ok := errors.AsType[*typednats.ServiceError](err)
		if !ok {
			t.Fatalf("%s: %v, want a ServiceError", kind, err)
		}
		svcDiff(t, kind, &typednats.ServiceError{Code: 404, Description: "no nut", Type: "svcMissing", Data: []byte(`{"item":"nut"}`)}, se)
		for subject, want := range map[string]error{
			"": typednats.ErrInvalidConfig, "a.*": typednats.ErrInvalidConfig, "a b": typednats.ErrInvalidConfig, "nobody": nats.ErrNoResponders,
		} {
			_, err = typednats.Request[svcText, svcText](ctx, r, subject, svcText{})
			ce, ok := errors.AsType[*typednats.CallError](err)
			if !ok || !errors.Is(err, want) || ce.Subject != subject || ce.Endpoint != "" {
				t.Errorf("%s: request %q = %v, want %v", kind, subject, err, want)
			}
		}
	}
}
