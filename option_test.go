package typednats_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// Nothing is sent of a call with a bad option, nor is its reply header touched.
func TestBadCallOptionsAreReported(t *testing.T) {
	t.Parallel()
	bound := echo.Handle(func(context.Context, note) (note, error) {
		t.Error("a request was sent")
		return note{}, nil
	})
	header := func(key string) typednats.CallOption { return typednats.WithHeader(key, "x") }
	codec := func(contentType string) typednats.CallOption {
		return typednats.WithCallCodec(signedJSON{contentType})
	}
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		for name, test := range map[string]struct {
			opt  typednats.CallOption
			want string
		}{
			"nil option":                 {nil, "CallOption"},
			"nil codec":                  {typednats.WithCallCodec(nil), "WithCallCodec"},
			"nil pointer as a codec":     {typednats.WithCallCodec((*namedJSON)(nil)), "WithCallCodec"},
			"nil reply header":           {typednats.WithReplyHeader(nil), "WithReplyHeader"},
			"nil interceptor":            {typednats.WithInterceptors(nil), `interceptor "0"`},
			"second interceptor nil":     {typednats.WithInterceptors(replaceWith(nil), nil), `interceptor "1"`},
			"codec without a name":       {codec(""), `content type ""`},
			"codec with half a name":     {codec("json"), `content type "json"`},
			"codec with a tab":           {codec("text/x;a\tb"), `content type "text/x;a\tb"`},
			"codec beyond ASCII":         {codec("text/x;a=é"), "content type"},
			"codec with a long name":     {codec("text/x;" + strings.Repeat("a", 5000)), "128 bytes"},
			"empty header":               {header(""), `header ""`},
			"header with a space":        {header("a b"), `header "a b"`},
			"header with a colon":        {header("a:b"), `header "a:b"`},
			"header beyond ASCII":        {header("größe"), `header "größe"`},
			"content type":               {header("Content-Type"), `header "Content-Type": the library sets it`},
			"content type in other case": {header("content-type"), `header "content-type": the library sets it`},
			"timeout":                    {header("Typednats-Timeout"), "the library sets it"},
			"one it may have one day":    {header("typednats-future"), "the library sets it"},
			"error":                      {header("Nats-Service-Error"), "the library sets it"},
			"error's code":               {header("Nats-Service-Error-Code"), "the library sets it"},
			"error's type":               {header("NATS-SERVICE-ERROR-TYPE"), "the library sets it"},
			"status":                     {header("Status"), "the library sets it"},
		} {
			kept := nats.Header{"Old": {"y"}}
			_, err := typednats.RequestService(within(t), t.r, echo, note{}, typednats.WithHeader("Good", "x"), typednats.WithReplyHeader(&kept), test.opt)
			_, wrapped := errors.AsType[*typednats.CallError](err)
			if !wrapped || !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want a CallError with ErrInvalidConfig about %s", name, err, test.want)
			}
			_, err = typednats.Request[note, note](within(t), t.r, "echo", note{}, test.opt)
			if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, without a descriptor: %v, want ErrInvalidConfig about %s", name, err, test.want)
			}
			compare(t, name+": reply header", nats.Header{"Old": {"y"}}, kept)
		}
		kept := nats.Header{"Old": {"y"}}
		_, err := typednats.RequestService(within(t), t.r, echo.InSubject("a b"), note{}, typednats.WithReplyHeader(&kept))
		if !errors.Is(err, typednats.ErrInvalidEndpoint) {
			t.Errorf("bad descriptor: %v, want ErrInvalidEndpoint", err)
		}
		compare(t, "reply header of a bad descriptor", nats.Header{"Old": {"y"}}, kept)
	})
}

func TestBadClientOptionsAreReported(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for want, opt := range map[string]typednats.ClientOption{
		`WithDefaultTimeout "0s"`:     typednats.WithDefaultTimeout(0),
		`WithDefaultTimeout "-1s"`:    typednats.WithDefaultTimeout(-time.Second),
		`Retry.Attempts "-1"`:         typednats.WithRetry(typednats.Retry{Attempts: -1}),
		`Retry.Backoff "-1ns"`:        typednats.WithRetry(typednats.Retry{Backoff: -1}),
		`Retry.MaxBackoff "-1ns"`:     typednats.WithRetry(typednats.Retry{MaxBackoff: -1}),
		`Retry.AttemptTimeout "-1ns"`: typednats.WithRetry(typednats.Retry{AttemptTimeout: -1}),
		`Retry.Budget "-1"`:           typednats.WithRetry(typednats.Retry{Budget: -1}),
		`header "Content-Type"`:       typednats.WithDefaultHeader("Content-Type", "x"),
		`header "a key"`:              typednats.WithDefaultHeader("a key", "x"),
		`interceptor "0"`:             typednats.WithInterceptors(nil),
		"ClientOption":                nil,
	} {
		client := typednats.NewClient(nc, opt)
		_, err := typednats.RequestService(within(t), client, echo, note{})
		_, wrapped := errors.AsType[*typednats.CallError](err)
		if !wrapped || !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("call = %v, want a CallError with ErrInvalidConfig about %s", err, want)
		}
		reply, err := client.RequestMsgWithContext(within(t), nats.NewMsg("echo"))
		if reply != nil || !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("request = %v, %v, want ErrInvalidConfig about %s", reply, err, want)
		}
	}
	several := typednats.NewClient(nc, nil, typednats.WithDefaultTimeout(0), typednats.WithRetry(typednats.Retry{Attempts: -1}),
		typednats.WithDefaultHeader("a key", "x"))
	_, err := typednats.RequestService(within(t), several, echo, note{})
	for _, want := range []string{"ClientOption", "WithDefaultTimeout", "Retry.Attempts", "a key"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("call = %v, want %s in it, too", err, want)
		}
	}
}

func TestBadHandlerOptionsAreReported(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for want, opt := range map[string]typednats.HandlerOption{
		`WithMaxConcurrent "0"`:        typednats.WithMaxConcurrent(0),
		`WithMaxConcurrent "-1"`:       typednats.WithMaxConcurrent(-1),
		`WithMaxPending messages "-1"`: typednats.WithMaxPending(-1, 1),
		`WithMaxPending bytes "-1"`:    typednats.WithMaxPending(1, -1),
		`interceptor "1"`:              typednats.WithInterceptors(replaceWith(nil), nil),
		"HandlerOption":                nil,
	} {
		s, err := typednats.NewService(nc, config(), echo.Handle(repeat, opt))
		if s != nil || !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), want) {
			t.Errorf("NewService = %v, %v, want ErrInvalidEndpoint about %s", s, err, want)
		}
	}
	start(t, nc, config(), echo.Handle(repeat, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(0, 0)))
}

// Options for several endpoints stand between those of the service and those of one.
func TestForAll(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var mu sync.Mutex
	var order []string
	guard := func(name string) typednats.Guard {
		return func(ctx context.Context, _ *typednats.Invocation) (context.Context, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return ctx, nil
		}
	}
	plain := []typednats.BoundEndpoint{
		echo.InSubject("a").Handle(repeat, typednats.WithGuards(guard("own")), typednats.WithMaxConcurrent(1)),
		echo.InSubject("b").Handle(repeat, typednats.WithMaxPending(1, 1)),
	}
	common := typednats.ForAll(plain, typednats.WithGuards(guard("common")), typednats.WithMaxConcurrent(7), typednats.WithMaxPending(8, 9))
	s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.Guards = []typednats.Guard{guard("service")} }), common...)
	for _, subject := range []string{"a", "b"} {
		if _, err := typednats.RequestService(within(t), nc, echo.InSubject(subject), note{}); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	compare(t, "guards", []string{"service", "common", "own", "service", "common"}, order)
	mu.Unlock()
	var bounds [][3]int
	for _, load := range s.Load() {
		bounds = append(bounds, [3]int{load.MaxConcurrent, load.MaxPending, load.MaxPendingBytes})
	}
	compare(t, "bounds", [][3]int{{1, 8, 9}, {7, 1, 1}}, bounds)
	mustStop(t, s)
	s = start(t, nc, config(), plain...)
	compare(t, "what it was given", typednats.DefaultMaxConcurrent, s.Load()[1].MaxConcurrent)
	for name, bad := range map[string][]typednats.BoundEndpoint{
		"value":        typednats.ForAll(plain, typednats.WithMaxConcurrent(0)),
		"option":       typednats.ForAll(plain, nil),
		"not bound":    typednats.ForAll([]typednats.BoundEndpoint{{}}),
		"of their own": typednats.ForAll([]typednats.BoundEndpoint{echo.Handle(nil)}),
	} {
		if _, err := typednats.NewService(nc, config(), bad...); !errors.Is(err, typednats.ErrInvalidEndpoint) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}

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
			_, err := typednats.RequestService(ctx, r, echo, note{}, tag, typednats.WithHeader("note", "a: b"),
				typednats.WithReplyHeader(&header))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			got := await(t, requests, "the request").Header
			compare(t, kind+": header", []string{"x", "a: b"}, got["note"])
			compare(t, kind+": reply header", nats.Header{"Answer": {"1"}}, header)
		}
		header := nats.Header{"Old": {"y"}}
		_, _ = typednats.RequestService(ctx, r, echo.InSubject("nobody"), note{}, typednats.WithReplyHeader(&header))
		compare(t, kind+": reply header without a reply", nats.Header(nil), header)
	}
}

// A reply without headers leaves none of an earlier one.
func TestReplyHeaderOfAReplyWithoutHeaders(t *testing.T) {
	t.Parallel()
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat)}, func(t way) {
		header := nats.Header{"Old": {"y"}}
		if _, err := typednats.RequestService(within(t), t.r, echo, note{}, typednats.WithReplyHeader(&header)); err != nil {
			t.Fatal(err)
		}
		compare(t, "reply header", nats.Header(nil), header)
	})
}

func TestDefaultHeaderIsUnderThatOfTheCall(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	requests := make(chan nats.Header, 1)
	answer(t, nc, "echo", confirming(func(m *nats.Msg) *nats.Msg {
		requests <- m.Header
		return &nats.Msg{Data: []byte(`{}`)}
	}))
	client := typednats.NewClient(nc, typednats.WithDefaultHeader("Tenant", "a"),
		typednats.WithDefaultHeader("Origin", "x"), typednats.WithDefaultHeader("Origin", "y"))
	t.Cleanup(func() { _ = client.Close() })
	warm(t, client)
	await(t, requests, "the first request")
	for want, opts := range map[string][]typednats.CallOption{
		"a":    nil,
		"b":    {typednats.WithHeader("Tenant", "b")},
		"b, c": {typednats.WithHeader("Tenant", "b"), typednats.WithHeader("Tenant", "c")},
		"i":    {typednats.WithInterceptors(setting("Tenant", "i"))},
	} {
		for _, codec := range []typednats.CallOption{nil, typednats.WithCallCodec(msgpack.Codec)} {
			if codec != nil {
				opts = append(opts, codec)
			}
			_, _ = typednats.RequestService(within(t), client, echo, note{}, opts...) // the answer is JSON always
			got := await(t, requests, "the request")
			compare(t, "headers", nats.Header{"Tenant": strings.Split(want, ", "), "Origin": {"x", "y"}}, got)
		}
	}
}

// setting is a client's interceptor that sets a header.
func setting(key, value string) typednats.Interceptor {
	return func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.Header.Set(key, value)
			return next(ctx, inv)
		}
	}
}
