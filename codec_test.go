package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// understanding calls e for a success and a declared error and returns the codes of the failures.
func understanding(tb testing.TB, r typednats.Requester, e stockEndpoint, opts ...typednats.CallOption) string {
	tb.Helper()
	out, err := typednats.RequestService(within(tb), r, e, stockIn{N: 7}, opts...)
	if se, ok := errors.AsType[*typednats.ServiceError](err); ok {
		return fmt.Sprint(se.Code)
	}
	if err != nil || out.N != 7 {
		return fmt.Sprintf("reply %v, %v", out, err)
	}
	_, err = typednats.RequestService(within(tb), r, e, stockIn{Fail: "missing"}, opts...)
	if diff := cmp.Diff(error(noItem{"bolt"}), err); diff != "" {
		return "error (-want +got): " + diff
	}
	return "understood"
}

// The cases are the steps in which clients and services move from one codec to another.
func TestClientAndServiceAgreeOnACodec(t *testing.T) {
	t.Parallel()
	e := stockCheck
	endpoints := map[string]stockEndpoint{
		"json":              e,
		"json, msgpack":     e.WithCodec(json.Codec, msgpack.Codec),
		"msgpack, json":     e.WithCodec(msgpack.Codec, json.Codec),
		"msgpack":           e.WithCodec(msgpack.Codec),
		"msgpack, json, v3": e.WithCodec(signedJSON{"application/vnd.acme.v3"}, msgpack.Codec, json.Codec),
	}
	subject := strings.NewReplacer(", ", ".").Replace
	var bound []typednats.BoundEndpoint
	for codecs, e := range endpoints {
		bound = append(bound, bindStock(e.InSubject(subject(codecs)), stockFailures))
	}
	tests := []struct{ client, server, want string }{
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
	}
	eachWay(t, bound, func(t way) {
		for _, tt := range tests {
			got := understanding(t, t.r, endpoints[tt.client].InSubject(subject(tt.server)))
			compare(t, fmt.Sprintf("a client with %q and a service with %q", tt.client, tt.server), tt.want, got)
		}
	})
}

func TestCodecOfACall(t *testing.T) {
	t.Parallel()
	e := stockCheck.WithCodec(json.Codec, msgpack.Codec)
	eachWay(t, []typednats.BoundEndpoint{bindStock(e, stockFailures)}, func(t way) {
		for codec, want := range map[typednats.Codec]string{
			json.Codec: "understood", msgpack.Codec: "understood", signedJSON{"application/x-other"}: "415",
			signedJSON{"application/json"}: "400", // JSON by name only
		} {
			compare(t, "a call with "+codec.ContentType(), want, understanding(t, t.r, e, typednats.WithCallCodec(codec)))
		}
		out, err := typednats.Request[stockIn, stockOut](within(t), t.r, "stock-check", stockIn{N: 7},
			typednats.WithCallCodec(msgpack.Codec))
		if err != nil || out.N != 7 {
			t.Errorf("Request with msgpack: %v, %v, want 7", out, err)
		}
	})
}

// It sends messages as any NATS client may.
func TestContentTypeNamesTheCodec(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	type never = typednats.Never
	number := func(_ context.Context, in int) (int, error) { return in, nil }
	text := func(_ context.Context, in string) (string, error) { return in, nil }
	both := typednats.NewEndpoint[int, int, never]("both").WithCodec(msgpack.Codec, json.Codec)
	shout := signedJSON{"Text/X-Shout; version=1"}
	start(t, nc, config(),
		both.Handle(number),
		both.InSubject("packed").WithCodec(msgpack.Codec).Handle(number),
		both.InSubject("json").WithCodec(json.Codec).Handle(number),
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
		reply := exchange(t, nc, tt.subject, header, tt.body)
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
		reply := exchange(t, nc, subject, nats.Header{"Content-Type": {"a/b"}}, "1")
		if text := reply.Header.Get(micro.ErrorHeader); !strings.HasSuffix(text, accepted) || !strings.Contains(text, `"a/b"`) {
			t.Errorf("%s: %q, want the content type and %q", subject, text, accepted)
		}
	}
}

// It calls with each codec and looks at the bytes.
func TestDeclaredErrorIsInTheRequestsCodec(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	v2 := signedJSON{"application/vnd.acme.v2"}
	start(t, nc, config(), bindStock(stockCheck.WithCodec(json.Codec, msgpack.Codec, v2), stockFailures))
	for _, tt := range []struct{ contentType, request, want string }{
		{"", `{"fail":"missing"}`, `{"item":"bolt"}`},
		{"application/msgpack", "\x81\xa4fail\xa7missing", "\x81\xa4item\xa4bolt"},
		{v2.contentType, v2.contentType + `:{"fail":"missing"}`, v2.contentType + `:{"item":"bolt"}`},
	} {
		reply := exchange(t, nc, "stock-check", nats.Header{"Content-Type": {tt.contentType}}, tt.request)
		if tag := reply.Header.Get(typednats.ErrorTypeHeader); string(reply.Data) != tt.want || tag != "noItem" {
			t.Errorf("%s: %q with the tag %q, want %q", tt.contentType, reply.Data, tag, tt.want)
		}
		if _, ok := reply.Header["Content-Type"]; ok {
			t.Errorf("%s: the reply names its content type, which is the request's", tt.contentType)
		}
	}
}

// Some names cannot be part of a subject.
func TestClientSendsAwkwardContentTypesAsHeaders(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, requests := srv.Connect(t), tap(t, srv.Connect(t), "stock-check")
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	for _, tt := range []struct {
		codec   typednats.Codec
		headers []string
	}{
		{msgpack.Codec, nil},
		{signedJSON{"application/x-plain;v=1"}, nil},
		{signedJSON{"application/vnd.acme"}, []string{"Content-Type", "Typednats-Timeout"}},
		{signedJSON{"application/x*"}, []string{"Content-Type", "Typednats-Timeout"}},
		{signedJSON{"application/x>"}, []string{"Content-Type", "Typednats-Timeout"}},
		{signedJSON{"application/x~y"}, []string{"Content-Type", "Typednats-Timeout"}},
		{signedJSON{"text/x; charset=utf-8"}, []string{"Content-Type", "Typednats-Timeout"}},
	} {
		e := stockCheck.WithCodec(tt.codec, json.Codec)
		s := start(t, nc, config(), bindStock(e, stockFailures))
		_, _ = typednats.RequestService(within(t), client, e, stockIn{})
		if _, err := requests.NextMsgWithContext(within(t)); err != nil { // it has headers as well
			t.Fatal(err)
		}
		compare(t, tt.codec.ContentType(), "understood", understanding(t, client, e))
		mustStop(t, s)
		for range 2 {
			request, err := requests.NextMsgWithContext(within(t))
			if err != nil {
				t.Fatal(err)
			}
			headers := slices.Sorted(maps.Keys(request.Header))
			compare(t, tt.codec.ContentType()+": headers", tt.headers, headers)
			contentType := request.Header.Get("Content-Type")
			if contentType != "" && contentType != tt.codec.ContentType() || !strings.Contains(request.Reply, "~") {
				t.Errorf("%s: reply subject %q, headers %v", tt.codec.ContentType(), request.Reply, request.Header)
			}
		}
	}
}
