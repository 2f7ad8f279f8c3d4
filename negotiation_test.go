package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// contractNoted is a codec that writes its name before JSON, so that a body shows who wrote it.
type contractNoted struct {
	contentType string
}

func (c contractNoted) ContentType() string { return c.contentType }

func (c contractNoted) Marshal(v any) ([]byte, error) {
	body, err := json.Codec.Marshal(v)
	return append([]byte(c.contentType+":"), body...), err
}

func (c contractNoted) Unmarshal(data []byte, v any) error {
	body, ok := strings.CutPrefix(string(data), c.contentType+":")
	if !ok {
		return fmt.Errorf("%q was not written by %s", data, c.contentType)
	}
	return json.Codec.Unmarshal([]byte(body), v)
}

// contractExchange calls e for a success and a declared error and returns the codes of the failures.
func contractExchange(
	t *testing.T, r typednats.Requester, e typednats.Endpoint[contractIn, contractOut, contractError], opts ...typednats.CallOption,
) string {
	t.Helper()
	out, err := typednats.RequestService(contractContext(t), r, e, contractIn{N: 7}, opts...)
	if se, ok := errors.AsType[*typednats.ServiceError](err); ok {
		return fmt.Sprint(se.Code)
	}
	if err != nil || out.N != 7 {
		return fmt.Sprintf("reply %v, %v", out, err)
	}
	_, err = typednats.RequestService(contractContext(t), r, e, contractIn{Fail: "missing"}, opts...)
	if diff := cmp.Diff(error(contractMissing{"bolt"}), err); diff != "" {
		return "error (-want +got): " + diff
	}
	return "understood"
}

func TestNegotiationRollingSwap(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := contractStock()
	endpoints := map[string]typednats.Endpoint[contractIn, contractOut, contractError]{
		"json":              e,
		"json, msgpack":     e.WithCodec(json.Codec, msgpack.Codec),
		"msgpack, json":     e.WithCodec(msgpack.Codec, json.Codec),
		"msgpack":           e.WithCodec(msgpack.Codec),
		"msgpack, json, v3": e.WithCodec(contractNoted{"application/vnd.acme.v3"}, msgpack.Codec, json.Codec),
	}
	for _, tt := range []struct{ client, server, want string }{
		{"json", "json", "understood"},
		{"json", "json, msgpack", "understood"},
		{"json", "msgpack, json", "understood"},
		{"json", "msgpack", "415"},
		{"json, msgpack", "msgpack, json", "understood"},
		{"msgpack, json", "json, msgpack", "understood"},
		{"msgpack, json", "json", "415"},
		{"msgpack", "json", "415"},
		{"msgpack", "json, msgpack", "understood"},
		{"msgpack", "msgpack", "understood"},
		{"json", "msgpack, json, v3", "understood"},
		{"msgpack", "msgpack, json, v3", "understood"},
		{"msgpack, json, v3", "msgpack, json, v3", "understood"},
		{"msgpack, json, v3", "msgpack, json", "415"},
	} {
		svc, _ := contractServe(t, nc, contractBind(endpoints[tt.server], contractFailures()))
		for name, r := range contractRequesters(t, nc) {
			if got := contractExchange(t, r, endpoints[tt.client]); got != tt.want {
				t.Errorf("%s: a client with %q and a service with %q: %s, want %s", name, tt.client, tt.server, got, tt.want)
			}
		}
		contractStop(t, svc)
	}
}

func TestNegotiationCallCodec(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := contractStock().WithCodec(json.Codec, msgpack.Codec)
	contractServe(t, nc, contractBind(e, contractFailures()))
	for name, r := range contractRequesters(t, nc) {
		for codec, want := range map[typednats.Codec]string{
			json.Codec: "understood", msgpack.Codec: "understood", contractNoted{"application/x-other"}: "415",
			contractNoted{"application/json"}: "400", // JSON by name only
		} {
			if got := contractExchange(t, r, e, typednats.WithCallCodec(codec)); got != want {
				t.Errorf("%s: a call with %s: %s, want %s", name, codec.ContentType(), got, want)
			}
		}
		out, err := typednats.Request[contractIn, contractOut](contractContext(t), r, "stock-check", contractIn{N: 7},
			typednats.WithCallCodec(msgpack.Codec))
		if err != nil || out.N != 7 {
			t.Errorf("%s: Request with msgpack: %v, %v, want 7", name, out, err)
		}
	}
}

// TestNegotiationContentType sends messages as any NATS client may.
func TestNegotiationContentType(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	type never = typednats.Never
	echo := func(_ context.Context, in int) (int, error) { return in, nil }
	text := func(_ context.Context, in string) (string, error) { return in, nil }
	both := typednats.NewEndpoint[int, int, never]("both").WithCodec(msgpack.Codec, json.Codec)
	shout := contractNoted{"Text/X-Shout; version=1"}
	contractServe(t, nc,
		both.Handle(echo),
		both.InSubject("packed").WithCodec(msgpack.Codec).Handle(echo),
		both.InSubject("json").WithCodec(json.Codec).Handle(echo),
		typednats.NewEndpoint[string, string, never]("raw").WithCodec(raw.Codec).Handle(text),
		typednats.NewEndpoint[string, string, never]("raw-json").WithCodec(raw.Codec, json.Codec).Handle(text),
		typednats.NewEndpoint[string, string, never]("shout").WithCodec(shout).Handle(text),
	)
	for _, tt := range []struct {
		subject, contentType, body string
		want                       string // the reply, or the code of a failure
	}{
		{"json", "", "1", "1"},
		{"json", "application/json", "1", "1"},
		{"json", "APPLICATION/Json", "1", "1"},
		{"json", "application/json; charset=utf-8", "1", "1"},
		{"json", "application/json;charset=utf-8", "1", "1"},
		{"json", " application/json ", "1", "1"},
		{"json", "application/msgpack", "1", "415"},
		{"json", "application", "1", "415"},
		{"json", ";", "1", "415"},
		{"json", "application/jsonp", "1", "415"},

		{"both", "", "1", "1"},
		{"both", "application/json", "49", "49"},
		{"both", "Application/MsgPack; x=y", "1", "1"}, // the number 49
		{"both", "application/msgpack", "\x01", "\x01"},
		{"both", "text/plain", "1", "415"},

		{"packed", "", "1", "415"}, // as msgpack it would be the number 49
		{"packed", "application/json", "1", "415"},
		{"packed", "application/msgpack", "\x01", "\x01"},
		{"packed", "application/msgpack", "\xc1", "400"},

		{"raw", "", "any \x00\xff bytes", "any \x00\xff bytes"},
		{"raw", "", "", ""},
		{"raw", "application/octet-stream", "a", "a"},
		{"raw", "application/json", `"a"`, `"a"`},
		{"raw", "image/png", "a", "a"},
		{"raw", ";", "a", "a"},
		{"raw-json", "", `"a"`, `"a"`},
		{"raw-json", "", "a", "400"},
		{"raw-json", "application/octet-stream", "a", "a"},
		{"raw-json", "image/png", "a", "415"},

		{"shout", "text/x-shout", shout.contentType + `:"a"`, shout.contentType + `:"a"`},
		{"shout", "text/x-shout; version=2", shout.contentType + `:"a"`, shout.contentType + `:"a"`},
		{"shout", "", shout.contentType + `:"a"`, "415"},
	} {
		var header nats.Header
		if tt.contentType != "" {
			header = nats.Header{"Content-Type": {tt.contentType}}
		}
		reply := contractAsk(t, nc, tt.subject, header, tt.body)
		got := string(reply.Data)
		if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
			got = code
		} else if len(reply.Header) > 0 {
			t.Errorf("%s, %q: a success has headers %v", tt.subject, tt.contentType, reply.Header)
		}
		if got != tt.want {
			t.Errorf("%s, %q, %q: %q, want %q", tt.subject, tt.contentType, tt.body, got, tt.want)
		}
	}
	for subject, accepted := range map[string]string{
		"packed": "accepted: application/msgpack", "both": "accepted: application/msgpack, application/json",
		"shout": "accepted: text/x-shout", "json": "accepted: application/json",
	} {
		reply := contractAsk(t, nc, subject, nats.Header{"Content-Type": {"a/b"}}, "1")
		if text := reply.Header.Get(micro.ErrorHeader); !strings.HasSuffix(text, accepted) || !strings.Contains(text, `"a/b"`) {
			t.Errorf("%s: %q, want the content type and %q", subject, text, accepted)
		}
	}
}

// TestNegotiationErrorsInTheRequestsCodec calls with each codec and looks at the bytes.
func TestNegotiationErrorsInTheRequestsCodec(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	v2 := contractNoted{"application/vnd.acme.v2"}
	contractServe(t, nc, contractBind(contractStock().WithCodec(json.Codec, msgpack.Codec, v2), contractFailures()))
	for _, tt := range []struct{ contentType, request, want string }{
		{"", `{"fail":"missing"}`, `{"item":"bolt"}`},
		{"application/msgpack", "\x81\xa4fail\xa7missing", "\x81\xa4item\xa4bolt"},
		{v2.contentType, v2.contentType + `:{"fail":"missing"}`, v2.contentType + `:{"item":"bolt"}`},
	} {
		reply := contractAsk(t, nc, "stock-check", nats.Header{"Content-Type": {tt.contentType}}, tt.request)
		if tag := reply.Header.Get(typednats.ErrorTypeHeader); string(reply.Data) != tt.want || tag != "contractMissing" {
			t.Errorf("%s: %q with the tag %q, want %q", tt.contentType, reply.Data, tag, tt.want)
		}
		if _, ok := reply.Header["Content-Type"]; ok {
			t.Errorf("%s: the reply names its content type, which is the request's", tt.contentType)
		}
	}
}

// TestNegotiationAwkwardContentTypes calls with names that cannot be part of a subject: a client then sends headers.
func TestNegotiationAwkwardContentTypes(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, observer := srv.Connect(t), srv.Connect(t)
	tap, err := observer.SubscribeSync("stock-check")
	if err == nil {
		err = observer.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	for _, tt := range []struct {
		codec   typednats.Codec
		inToken bool
	}{
		{msgpack.Codec, true},
		{contractNoted{"application/x-plain;v=1"}, true},
		{contractNoted{"application/vnd.acme"}, false},
		{contractNoted{"application/x*"}, false},
		{contractNoted{"application/x>"}, false},
		{contractNoted{"application/x~y"}, false},
		{contractNoted{"text/x; charset=utf-8"}, false},
	} {
		e := contractStock().WithCodec(tt.codec, json.Codec)
		svc, _ := contractServe(t, nc, contractBind(e, contractFailures()))
		if got := contractExchange(t, client, e); got != "understood" {
			t.Errorf("%s: %s, want understood", tt.codec.ContentType(), got)
		}
		contractStop(t, svc)
		for range 2 {
			request, err := tap.NextMsgWithContext(contractContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if inToken := strings.Contains(request.Reply, "~") && len(request.Header) == 0; inToken != tt.inToken {
				t.Errorf("%s: reply subject %q, headers %v", tt.codec.ContentType(), request.Reply, request.Header)
			}
			if !tt.inToken {
				contentType, timeout := request.Header.Get("Content-Type"), request.Header.Get("Typednats-Timeout")
				if contentType != tt.codec.ContentType() || timeout == "" {
					t.Errorf("%s: headers %v, want content type and timeout", tt.codec.ContentType(), request.Header)
				}
			}
		}
	}
	// Parameters that only break the wire: the call's codec is not checked by Validate.
	for _, contentType := range []string{"text/x;a\tb", "text/x;a=é", "text/x;" + strings.Repeat("a", 5000)} {
		e := contractStock().WithCodec(contractNoted{"text/x"})
		svc, _ := contractServe(t, nc, contractBind(e, contractFailures()))
		_, err := typednats.RequestService(contractContext(t), client, e, contractIn{N: 7},
			typednats.WithCallCodec(contractNoted{contentType}))
		se, ok := errors.AsType[*typednats.ServiceError](err)
		if refused := errors.Is(err, typednats.ErrInvalidConfig); !refused && (!ok || se.Code != 400) {
			t.Errorf("%.20q: %v, want a refusal or an answer", contentType, err)
		}
		contractStop(t, svc)
	}
}
