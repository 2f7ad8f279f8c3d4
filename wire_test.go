package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

func TestRepliesOnTheWire(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	failures := map[string]error{
		"missing": noItem{"bolt"}, "busy": busy{}, "problems": problems(nil),
		"forbidden": typednats.Errorf(403, "not you"), "silent": typednats.Errorf(404, ""), "plain": errors.New("secret"),
	}
	start(t, nc, config(),
		bindStock(union.WithCodec(json.Codec, msgpack.Codec), failures),
		bindStock(union.InSubject("renamed").FailsWithTag("com.example.Missing", noItem{}).
			FailsWithTag("Missing", noItem{}), failures),
		typednats.NewEndpoint[stockIn, any, typednats.Never]("unencodable").Handle(
			func(context.Context, stockIn) (any, error) { return make(chan int), nil }),
		typednats.NewEndpoint[string, string, busy]("raw").WithCodec(raw.Codec).Handle(
			func(context.Context, string) (string, error) { return "", busy{} }),
	)
	const packed = "application/msgpack"
	for _, tt := range []struct {
		name, subject, contentType, request string
		header                              nats.Header
		body                                string
	}{
		{"success", "stock-check", "", `{"n":7}`, nil, `{"n":7}`},
		{"success, JSON named", "stock-check", "application/json", `{"n":7}`, nil, `{"n":7}`},
		{"success, msgpack", "stock-check", packed, "\x81\xa1n\x07", nil, "\x81\xa1n\x07"},
		{"declared", "stock-check", "", `{"fail":"missing"}`, headerOf(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "noItem"),
			`{"item":"bolt"}`},
		{"declared, msgpack", "stock-check", packed, "\x81\xa4fail\xa7missing", headerOf(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "noItem"),
			"\x81\xa4item\xa4bolt"},
		{"declared, no fields", "stock-check", "", `{"fail":"busy"}`, headerOf(
			"Nats-Service-Error", "too busy", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "busy"), `{}`},
		{"declared, no fields, cannot be encoded", "raw", "", "x", headerOf(
			"Nats-Service-Error", "too busy", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "busy"), ""},
		{"declared, nil slice", "stock-check", "", `{"fail":"problems"}`, headerOf(
			"Nats-Service-Error", "problems", "Nats-Service-Error-Code", "500",
			"Nats-Service-Error-Type", "problems"), `null`},
		{"first tag", "renamed", "", `{"fail":"missing"}`, headerOf(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500",
			"Nats-Service-Error-Type", "com.example.Missing"), `{"item":"bolt"}`},
		{"infrastructure", "stock-check", "", `{"fail":"forbidden"}`, headerOf(
			"Nats-Service-Error", "not you", "Nats-Service-Error-Code", "403"), ""},
		{"infrastructure, no description", "stock-check", "", `{"fail":"silent"}`, headerOf(
			"Nats-Service-Error", "error 404", "Nats-Service-Error-Code", "404"), ""},
		{"undeclared", "stock-check", packed, "\x81\xa4fail\xa5plain", headerOf(
			"Nats-Service-Error", "internal error", "Nats-Service-Error-Code", "500"), ""},
		{"415", "stock-check", "text/plain", `{"n":7}`, headerOf("Nats-Service-Error",
			`content type "text/plain" is not accepted; accepted: application/json, application/msgpack`,
			"Nats-Service-Error-Code", "415", "Typednats-Refused", "codec"), ""},
		{"unencodable", "unencodable", "", `{}`, headerOf(
			"Nats-Service-Error", "reply cannot be encoded", "Nats-Service-Error-Code", "500"), ""},
	} {
		var header nats.Header
		if tt.contentType != "" {
			header = headerOf("Content-Type", tt.contentType)
		}
		reply := exchange(t, nc, tt.subject, header, tt.request)
		compare(t, tt.name+": headers", tt.header, headerWithoutID(reply.Header))
		compare(t, tt.name+": body", tt.body, string(reply.Data))
	}
	for name, request := range map[string]string{
		"syntax": "{", "type": `{"n":"x"}`, "two values": `{}{}`, "nothing": "",
	} {
		reply := exchange(t, nc, "stock-check", nil, request)
		if !strings.HasPrefix(failureOf(reply), "400:request cannot be decoded: ") || len(reply.Header) != 3 || len(reply.Data) > 0 {
			t.Errorf("%s: %v %q, want code 400, three headers, and no body", name, reply.Header, reply.Data)
		}
	}
}

func TestRequestWithoutReplySubjectIsHandledAndNotAnswered(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, observer := srv.Connect(t), srv.Connect(t)
	handled := make(chan stockIn, 4)
	s := start(t, nc, config(), stockCheck.Handle(func(_ context.Context, in stockIn) (stockOut, error) {
		handled <- in
		if in.Fail == "panic" {
			panic("x")
		}
		return stockOut{}, stockFailures[in.Fail]
	}, typednats.WithMaxConcurrent(1)))
	seen := tap(t, observer, ">")
	requests := []string{"", "missing", "panic"}
	for i, fail := range requests {
		if err := nc.Publish("stock-check", fmt.Appendf(nil, `{"fail":%q,"n":%d}`, fail, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish("stock-check", []byte(`{`)); err != nil {
		t.Fatal(err)
	}
	for i, fail := range requests {
		compare(t, "request", stockIn{fail, i}, await(t, handled, "the handler to run"))
	}
	mustStop(t, s)
	stats, _ := s.EndpointStats("stock-check")
	compare(t, "requests and errors", [2]int{4, 3}, [2]int{stats.NumRequests, stats.NumErrors})
	if err := observer.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	if n, _, err := seen.Pending(); err != nil || n != len(requests)+1 {
		t.Errorf("%d messages were sent (%v), want the %d requests alone", n, err, len(requests)+1)
	}
}

func TestEmptyTypesHaveEmptyBodies(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	type nothing struct{}
	empty := typednats.NewEndpoint[struct{}, nothing, typednats.Never]("empty")
	start(t, nc, config(), empty.Handle(func(context.Context, struct{}) (nothing, error) { return nothing{}, nil }))
	var body string
	requests := make(chan *nats.Msg, 1)
	answer(t, nc, "peer", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Data: []byte(body)}
	})
	ways := requesters(t, nc)
	for _, body = range []string{"", "{}", "null", "not json"} {
		if reply := exchange(t, nc, "empty", nil, body); len(reply.Data) > 0 || len(reply.Header) > 0 {
			t.Errorf("reply to %q: body %q, header %v; want nothing", body, reply.Data, reply.Header)
		}
		for way, r := range ways {
			if _, err := typednats.RequestService(within(t), r, empty.InSubject("peer"), struct{}{}); err != nil {
				t.Errorf("%s: call that is answered with %q: %v", way, body, err)
			}
			if m := await(t, requests, "the request"); len(m.Data) > 0 {
				t.Errorf("%s: request body %q, want none", way, m.Data)
			}
		}
	}
}

func TestTimeoutOfARequestIsItsHandlersDeadline(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	left := make(chan time.Duration, 1)
	start(t, nc, config(), echo.Handle(timeLeft(left)))
	for timeout, want := range map[string]time.Duration{
		"60000": time.Minute, "0060000": time.Minute,
		"": 0, "0": 0, "-1": 0, "+60000": 0, "1.5": 0, "60000ms": 0, " 60000": time.Minute, "0x10": 0, "1_000": 0,
		"99999999999999999999": 0, "9223372036854775807": 0, "60000, 1": 0,
	} {
		compare(t, "failure", "", failureOf(exchange(t, nc, "echo", headerOf(typednats.TimeoutHeader, timeout), `{}`)))
		if got := await(t, left, "the handler"); got > want || want-got > want/2 {
			t.Errorf("timeout %q: %v remain, want %v", timeout, got, want)
		}
	}
	const longest = "9223372036854" // milliseconds, almost all that a time.Duration holds
	for start := time.Now(); time.Since(start) < 5*time.Millisecond; {
		compare(t, "failure", "", failureOf(exchange(t, nc, "echo", headerOf(typednats.TimeoutHeader, longest), `{}`)))
		if got := await(t, left, "the handler"); got < time.Hour {
			t.Fatalf("timeout %q: %v remain", longest, got)
		}
	}
}

// timeLeft is a handler that tells how much time its context has left, 0 for no deadline.
func timeLeft(left chan<- time.Duration) func(context.Context, note) (note, error) {
	return func(ctx context.Context, in note) (note, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			left <- 0
			return in, nil
		}
		left <- time.Until(deadline)
		return in, nil
	}
}

// It gives clients what peers of any kind may send.
func TestRepliesAsClientsReadThem(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var reply *nats.Msg
	answer(t, nc, "stock-check", func(*nats.Msg) *nats.Msg { return &nats.Msg{Header: reply.Header, Data: reply.Data} })
	e := union.WithCodec(json.Codec, msgpack.Codec).
		FailsWithTag("noItem", noItem{}).FailsWithTag("OldMissing", noItem{})
	failure := func(tag string, more ...string) nats.Header {
		return headerOf(append([]string{micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404", typednats.ErrorTypeHeader, tag},
			more...)...)
	}
	serviceError := func(code int, description, tag, data string) typednats.ServiceError {
		return typednats.ServiceError{Code: code, Description: description, Type: tag, Data: []byte(data)}
	}
	tests := []struct {
		name   string
		header nats.Header
		body   string
		want   any // stockOut, an error that arrives as itself, a ServiceError, or a cause
	}{
		{"success", nil, `{"n":7}`, stockOut{7}},
		{"other headers", headerOf("X-Trace", "1"), `{"n":7}`, stockOut{7}},
		{"a tag alone", headerOf(typednats.ErrorTypeHeader, "noItem"), `{"n":7}`, stockOut{7}},
		{"empty body", nil, "", typednats.ErrDecodeReply},
		{"undecodable body", nil, "{", typednats.ErrDecodeReply},
		{"half decodable body", nil, `{"n":7,"n":"x"}`, typednats.ErrDecodeReply},
		{"declared", failure("noItem"), `{"item":"bolt"}`, noItem{"bolt"}},
		{"unknown fields", failure("noItem"), `{"item":"bolt","more":1}`, noItem{"bolt"}},
		{"alias", failure("OldMissing"), `{"item":"bolt"}`, noItem{"bolt"}},
		{"pointer", failure("tooMany"), `{"max":3}`, &tooMany{3}},
		{"null for a pointer", failure("tooMany"), `null`, serviceError(404, "text", "tooMany", `null`)},
		{"no fields, no body", failure("busy"), "", busy{}},
		{"no fields, any body", failure("gone"), "not JSON", &gone{}},
		{"no code", headerOf(micro.ErrorHeader, "x", typednats.ErrorTypeHeader, "busy"), "", busy{}},
		{"unknown tag", failure("Other"), `{"a":1}`, serviceError(404, "text", "Other", `{"a":1}`)},
		{"tag in other case", failure("noitem"), `{}`, serviceError(404, "text", "noitem", `{}`)},
		{"undecodable error", failure("noItem"), `{"item":1}`, serviceError(404, "text", "noItem", `{"item":1}`)},
		{"declared without body", failure("noItem"), "", serviceError(404, "text", "noItem", "")},
		{"no tag", headerOf(micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404"), `{"item":"bolt"}`,
			serviceError(404, "text", "", `{"item":"bolt"}`)},
		{"no body", headerOf(micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404"), "", serviceError(404, "text", "", "")},
		{"description alone", headerOf(micro.ErrorHeader, "text"), "", serviceError(500, "text", "", "")},
		{"empty description", headerOf(micro.ErrorHeader, ""), "", serviceError(500, "", "", "")},
		{"code alone", headerOf(micro.ErrorCodeHeader, "404"), "", serviceError(404, "", "", "")},
		{"code with spaces", headerOf(micro.ErrorCodeHeader, " 404 "), "", serviceError(404, "", "", "")},
		{"not a number", headerOf(micro.ErrorCodeHeader, "many"), "", serviceError(500, "", "", "")},
		{"negative", headerOf(micro.ErrorCodeHeader, "-404"), "", serviceError(500, "", "", "")},
		{"zero", headerOf(micro.ErrorCodeHeader, "0"), "", serviceError(500, "", "", "")},
		{"too large", headerOf(micro.ErrorCodeHeader, "99999999999999999999"), "", serviceError(500, "", "", "")},
		{"fraction", headerOf(micro.ErrorCodeHeader, "404.5"), "", serviceError(500, "", "", "")},
		{"two values", headerOf(micro.ErrorCodeHeader, "404", micro.ErrorCodeHeader, "405"), "", serviceError(404, "", "", "")},

		{"content type of the request", headerOf("Content-Type", "Application/JSON; charset=utf-8"), `{"n":7}`, stockOut{7}},
		{"another accepted one", headerOf("Content-Type", "application/msgpack"), "\x81\xa1n\x07", stockOut{7}},
		{"an unknown one", headerOf("Content-Type", "text/plain"), `{"n":7}`, typednats.ErrDecodeReply},
		{"error in another one", failure("noItem", "Content-Type", "application/msgpack"), "\x81\xa4item\xa4bolt",
			noItem{"bolt"}},
		{"error in an unknown one", failure("noItem", "Content-Type", "text/plain"), `{"item":"bolt"}`,
			serviceError(404, "text", "noItem", `{"item":"bolt"}`)},
		{"a reply that looks like no responders", headerOf("Status", "503"), `{"n":7}`, stockOut{7}},
		{"no responders in between", headerOf("Status", "503"), "", nats.ErrNoResponders},
	}
	for requester, r := range requesters(t, nc) {
		for _, tt := range tests {
			name := requester + ", " + tt.name
			reply = &nats.Msg{Header: tt.header, Data: []byte(tt.body)}
			var header nats.Header
			out, err := typednats.RequestService(within(t), r, e, stockIn{}, typednats.WithReplyHeader(&header))
			switch want := tt.want.(type) {
			case stockOut:
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				compare(t, name, want, out)
			case typednats.ServiceError, stockError:
				compareFailure(t, name, want, err)
			case error:
				if _, ok := errors.AsType[*typednats.CallError](err); !ok || !errors.Is(err, want) {
					t.Errorf("%s: %v, want a CallError with %v", name, err, want)
				}
				compare(t, name+": reply", stockOut{}, out)
				out, err := typednats.Request[stockIn, stockOut](within(t), r, "stock-check", stockIn{})
				if errors.Is(err, want) {
					compare(t, name+": reply without a descriptor", stockOut{}, out)
				}
			}
			wantHeader := trimmed(tt.header)
			if errors.Is(err, nats.ErrNoResponders) { // this is not a reply
				wantHeader = nil
			}
			compare(t, name+": WithReplyHeader", wantHeader, header, cmpopts.EquateEmpty())
		}
	}
}

// trimmed is a header as nats.go sends it.
func trimmed(h nats.Header) nats.Header {
	trimmed := nats.Header{}
	for key, values := range h {
		for _, v := range values {
			trimmed[key] = append(trimmed[key], strings.TrimSpace(v))
		}
	}
	return trimmed
}

// zioReply is what a zio-nats service sends: a failure has the JVM's class name as its tag.
func zioReply(description string, code int, class, body string) *nats.Msg {
	h := headerOf(micro.ErrorHeader, description, micro.ErrorCodeHeader, strconv.Itoa(code))
	if class != "" {
		h[typednats.ErrorTypeHeader] = []string{class}
	}
	return &nats.Msg{Header: h, Data: []byte(body)}
}

// zioClient decodes a reply by the rules of zio-nats: a description makes it a failure, a body makes that a typed
// one, and the tag says of which class.
func zioClient(reply *nats.Msg, classes ...string) string {
	descriptions := reply.Header[micro.ErrorHeader]
	if len(descriptions) == 0 {
		return "success " + string(reply.Data)
	}
	code, err := strconv.ParseInt(reply.Header.Get(micro.ErrorCodeHeader), 10, 32)
	if err != nil {
		code = 500
	}
	if len(reply.Data) == 0 {
		return fmt.Sprintf("ServiceCallFailed(%s,%d)", descriptions[0], code)
	}
	for _, class := range classes {
		if class == reply.Header.Get(typednats.ErrorTypeHeader) {
			return class + " " + string(reply.Data)
		}
	}
	return fmt.Sprintf("ServiceCallFailed(%s (typed error decode failed),%d)", descriptions[0], code)
}

// zioStock is the contract with the tags that zio-nats gives its errors.
var zioStock = stockCheck.
	FailsWithTag("com.example.NotFound", noItem{}).
	FailsWithTag("com.example.Errors$Denied", &denied{}).
	FailsWithTag("com.example.Errors$Busy$", busy{}) // a case object

func TestZioServiceIsUnderstood(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var reply *nats.Msg
	answer(t, nc, "stock-check", func(*nats.Msg) *nats.Msg { return &nats.Msg{Header: reply.Header, Data: reply.Data} })
	for _, tt := range []struct {
		reply *nats.Msg
		want  any // nil, an error or a ServiceError
	}{
		{&nats.Msg{Data: []byte(`{"n":7}`)}, nil},
		{zioReply("NotFound(bolt)", 500, "com.example.NotFound", `{"item":"bolt"}`), noItem{"bolt"}},
		{zioReply("", 404, "com.example.Errors$Denied", `{"user":"ann"}`), &denied{"ann"}},
		{zioReply("Busy", 500, "com.example.Errors$Busy$", `{}`), busy{}},
		{zioReply("Decoding failed: .n(missing)", 500, "", ""),
			typednats.ServiceError{Code: 500, Description: "Decoding failed: .n(missing)"}},
		{zioReply("Other(1)", 409, "com.example.Other", `{"a":1}`),
			typednats.ServiceError{Code: 409, Description: "Other(1)", Type: "com.example.Other", Data: []byte(`{"a":1}`)}},
	} {
		reply = tt.reply
		for name, r := range requesters(t, nc) {
			_, err := typednats.RequestService(within(t), r, zioStock, stockIn{N: 7})
			compareFailure(t, fmt.Sprint(name, ": ", tt.reply.Header), tt.want, err)
		}
	}
}

func TestZioClientUnderstands(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	start(t, nc, config(), bindStock(zioStock, map[string]error{
		"missing": noItem{"bolt"}, "denied": denied{"ann"}, "busy": busy{},
		"forbidden": typednats.Errorf(403, "not you"), "silent": typednats.Errorf(404, ""), "plain": errors.New("secret"),
	}))
	for request, want := range map[string]string{
		`{"n":7}`:              `success {"n":7}`,
		`{"fail":"missing"}`:   `com.example.NotFound {"item":"bolt"}`,
		`{"fail":"denied"}`:    `com.example.Errors$Denied {"user":"ann"}`,
		`{"fail":"busy"}`:      `com.example.Errors$Busy$ {}`,
		`{"fail":"forbidden"}`: `ServiceCallFailed(not you,403)`,
		`{"fail":"plain"}`:     `ServiceCallFailed(internal error,500)`,
		`{"n":`:                `ServiceCallFailed(request cannot be decoded: unexpected end of JSON input,400)`,
	} {
		reply := exchange(t, nc, "stock-check", nil, request)
		got := zioClient(reply, "com.example.NotFound", "com.example.Errors$Denied", "com.example.Errors$Busy$")
		compare(t, request, want, withoutID(got))
	}
}
