package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// contractHeader is an error's header as a peer may write it: pairs of key and value.
func contractHeader(pairs ...string) nats.Header {
	h := nats.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		h.Add(pair[0], pair[1])
	}
	return h
}

func TestWireOfReplies(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	failures := map[string]error{
		"missing": contractMissing{"bolt"}, "busy": contractBusy{}, "problems": contractProblems(nil),
		"forbidden": typednats.Errorf(403, "not you"), "silent": typednats.Errorf(404, ""), "plain": errors.New("secret"),
	}
	contractServe(t, nc,
		contractBind(contractUnion().WithCodec(json.Codec, msgpack.Codec), failures),
		contractBind(contractUnion().InSubject("renamed").FailsWithTag("com.example.Missing", contractMissing{}).
			FailsWithTag("Missing", contractMissing{}), failures),
		typednats.NewEndpoint[contractIn, chan int, typednats.Never]("unencodable").Handle(
			func(context.Context, contractIn) (chan int, error) { return make(chan int), nil }),
		typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("empty").Handle(
			func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
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
		{"no fields", "empty", "", "", nil, ""},
		{"no fields, a body", "empty", "", "not JSON", nil, ""},
		{"declared", "stock-check", "", `{"fail":"missing"}`, contractHeader(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "contractMissing"),
			`{"item":"bolt"}`},
		{"declared, msgpack", "stock-check", packed, "\x81\xa4fail\xa7missing", contractHeader(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "contractMissing"),
			"\x81\xa4item\xa4bolt"},
		{"declared, no fields", "stock-check", "", `{"fail":"busy"}`, contractHeader(
			"Nats-Service-Error", "busy", "Nats-Service-Error-Code", "500", "Nats-Service-Error-Type", "contractBusy"), `{}`},
		{"declared, nil slice", "stock-check", "", `{"fail":"problems"}`, contractHeader(
			"Nats-Service-Error", "contractProblems", "Nats-Service-Error-Code", "500",
			"Nats-Service-Error-Type", "contractProblems"), `null`},
		{"first tag", "renamed", "", `{"fail":"missing"}`, contractHeader(
			"Nats-Service-Error", "no item bolt", "Nats-Service-Error-Code", "500",
			"Nats-Service-Error-Type", "com.example.Missing"), `{"item":"bolt"}`},
		{"infrastructure", "stock-check", "", `{"fail":"forbidden"}`, contractHeader(
			"Nats-Service-Error", "not you", "Nats-Service-Error-Code", "403"), ""},
		{"undeclared", "stock-check", packed, "\x81\xa4fail\xa5plain", contractHeader(
			"Nats-Service-Error", "internal error", "Nats-Service-Error-Code", "500"), ""},
		{"415", "stock-check", "text/plain", `{"n":7}`, contractHeader("Nats-Service-Error",
			`content type "text/plain" is not accepted; accepted: application/json, application/msgpack`,
			"Nats-Service-Error-Code", "415"), ""},
		{"unencodable", "unencodable", "", `{}`, contractHeader(
			"Nats-Service-Error", "reply cannot be encoded", "Nats-Service-Error-Code", "500"), ""},
	} {
		var header nats.Header
		if tt.contentType != "" {
			header = contractHeader("Content-Type", tt.contentType)
		}
		reply := contractAsk(t, nc, tt.subject, header, tt.request)
		if diff := cmp.Diff(tt.header, reply.Header); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.body, string(reply.Data)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", tt.name, diff)
		}
	}
	for name, request := range map[string]string{
		"syntax": "{", "type": `{"n":"x"}`, "two values": `{}{}`, "nothing": "", "no description": `{"fail":"silent"}`,
	} {
		want := "400"
		if name == "no description" {
			want = "404"
		}
		reply := contractAsk(t, nc, "stock-check", nil, request)
		if reply.Header.Get(micro.ErrorCodeHeader) != want || reply.Header.Get(micro.ErrorHeader) == "" ||
			len(reply.Header) != 2 || len(reply.Data) > 0 {
			t.Errorf("%s: %v %q, want %s, two headers that are not empty, and no body", name, reply.Header, reply.Data, want)
		}
	}
}

func TestWireDeadlinePassed(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	started, release := make(chan struct{}), make(chan struct{})
	e := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("slow")
	ran := 0
	svc, _ := contractServe(t, nc, e.Handle(func(context.Context, struct{}) (struct{}, error) {
		ran++ // one at a time
		started <- struct{}{}
		<-release
		return struct{}{}, nil
	}, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(1, 1<<10)))
	inbox := nc.NewInbox()
	replies, err := nc.SubscribeSync(inbox + ".*")
	if err != nil {
		t.Fatal(err)
	}
	send := func(name string, header nats.Header) {
		if err := nc.PublishMsg(&nats.Msg{Subject: "slow", Reply: inbox + "." + name, Header: header}); err != nil {
			t.Fatal(err)
		}
	}
	next := func() (name, code string) {
		reply, err := replies.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(reply.Subject, inbox+"."), reply.Header.Get(micro.ErrorCodeHeader)
	}
	send("first", nil)
	<-started
	send("second", contractHeader(typednats.TimeoutHeader, "1"))
	send("third", nil)
	// The third is refused because the second one waits.
	if name, code := next(); name != "third" || code != "503" {
		t.Errorf("%s is answered with %s, want third with 503", name, code)
	}
	<-time.After(2 * time.Millisecond) // the second one's time
	close(release)
	for _, want := range [][2]string{{"first", ""}, {"second", "504"}} {
		if name, code := next(); name != want[0] || code != want[1] {
			t.Errorf("%s is answered with %q, want %q", name, code, want)
		}
	}
	contractStop(t, svc)
	if ran != 1 {
		t.Errorf("%d handlers ran, want 1", ran)
	}
}

func TestWireWithoutReplySubject(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, observer := srv.Connect(t), srv.Connect(t)
	handled := make(chan string, 4)
	svc, _ := contractServe(t, nc, contractStock().Handle(func(_ context.Context, in contractIn) (contractOut, error) {
		handled <- in.Fail
		if in.Fail == "panic" {
			panic("x")
		}
		return contractOut{}, contractFailures()[in.Fail]
	}))
	tap, err := observer.SubscribeSync(">")
	if err == nil {
		err = observer.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	requests := []string{"", "missing", "panic"}
	for _, fail := range requests {
		if err := nc.Publish("stock-check", []byte(`{"fail":"`+fail+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish("stock-check", []byte(`{`)); err != nil {
		t.Fatal(err)
	}
	for range requests {
		<-handled
	}
	contractStop(t, svc)
	if stats, _ := svc.EndpointStats("stock-check"); stats.NumRequests != 4 || stats.NumErrors != 3 {
		t.Errorf("statistics: %+v, want 4 requests and 3 errors", stats)
	}
	if err := observer.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := tap.Pending(); err != nil || n != len(requests)+1 {
		t.Errorf("%d messages were sent (%v), want the %d requests alone", n, err, len(requests)+1)
	}
}

func TestWireReplyHeaders(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	contractServe(t, nc, contractStock().HandleWith(
		func(_ context.Context, r *typednats.ServiceRequest[contractIn]) (contractOut, error) {
			for _, key := range r.Header["Want"] {
				r.ReplyHeader().Add(key, "v")
			}
			return contractOut{}, contractFailures()[r.Value.Fail]
		}))
	for _, fail := range []string{"", "missing"} {
		body := `{"fail":"` + fail + `"}`
		plain := contractAsk(t, nc, "stock-check", nil, body)
		for _, keys := range [][]string{{"X-Trace"}, {"x-trace", "X-Trace"}, {"!#$%&'*+-.^_`|~09az"}, {"Nats-Other"}} {
			reply := contractAsk(t, nc, "stock-check", nats.Header{"Want": keys}, body)
			want := nats.Header{}
			maps.Copy(want, plain.Header)
			for _, key := range keys {
				want[key] = []string{"v"}
			}
			if diff := cmp.Diff(want, reply.Header); diff != "" {
				t.Errorf("%q, %q (-want +got):\n%s", keys, fail, diff)
			}
			if diff := cmp.Diff(string(plain.Data), string(reply.Data)); diff != "" {
				t.Errorf("%q, %q: body (-want +got):\n%s", keys, fail, diff)
			}
		}
		bad := []string{
			"Nats-Service-Error", "nats-service-error-code", "NATS-SERVICE-ERROR-TYPE", "Content-Type", "content-type",
			"Typednats-Timeout", "Status", "status", "a b", "größe", "tab\x0bx",
		}
		for _, c := range `"(),/:;<=>?@[\]{}` {
			bad = append(bad, "X"+string(c))
		}
		for _, key := range bad {
			reply := contractAsk(t, nc, "stock-check", nats.Header{"Want": {"X-Trace", key}}, body)
			want := contractHeader("Nats-Service-Error", "internal error", "Nats-Service-Error-Code", "500")
			if diff := cmp.Diff(want, reply.Header); diff != "" || len(reply.Data) > 0 {
				t.Errorf("%q: body %q, headers (-want +got):\n%s", key, reply.Data, diff)
			}
		}
	}
}

// contractPeer answers on subject with what reply returns.
func contractPeer(t *testing.T, nc *nats.Conn, subject string, reply func() *nats.Msg) {
	t.Helper()
	_, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if err := m.RespondMsg(reply()); err != nil {
			t.Errorf("respond: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWireAsClientsReadIt gives clients what peers of any kind may send.
func TestWireAsClientsReadIt(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var reply *nats.Msg
	for _, subject := range []string{"stock-check", "empty"} {
		contractPeer(t, nc, subject, func() *nats.Msg { return &nats.Msg{Header: reply.Header, Data: reply.Data} })
	}
	e := contractUnion().WithCodec(json.Codec, msgpack.Codec).
		FailsWithTag("contractMissing", contractMissing{}).FailsWithTag("OldMissing", contractMissing{})
	failure := func(tag string, more ...string) nats.Header {
		return contractHeader(append([]string{micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404", typednats.ErrorTypeHeader, tag},
			more...)...)
	}
	serviceError := func(code int, description, tag, data string) *typednats.ServiceError {
		return &typednats.ServiceError{Code: code, Description: description, Type: tag, Data: []byte(data)}
	}
	tests := []struct {
		name   string
		header nats.Header
		body   string
		want   any // contractOut, an error that arrives as itself, or a cause
	}{
		{"success", nil, `{"n":7}`, contractOut{7}},
		{"other headers", contractHeader("X-Trace", "1"), `{"n":7}`, contractOut{7}},
		{"a tag alone", contractHeader(typednats.ErrorTypeHeader, "contractMissing"), `{"n":7}`, contractOut{7}},
		{"empty body", nil, "", typednats.ErrDecodeReply},
		{"undecodable body", nil, "{", typednats.ErrDecodeReply},
		{"declared", failure("contractMissing"), `{"item":"bolt"}`, contractMissing{"bolt"}},
		{"unknown fields", failure("contractMissing"), `{"item":"bolt","more":1}`, contractMissing{"bolt"}},
		{"alias", failure("OldMissing"), `{"item":"bolt"}`, contractMissing{"bolt"}},
		{"pointer", failure("contractLimit"), `{"max":3}`, &contractLimit{3}},
		{"null for a pointer", failure("contractLimit"), `null`, &contractLimit{}},
		{"no fields, no body", failure("contractBusy"), "", contractBusy{}},
		{"no fields, any body", failure("contractGone"), "not JSON", &contractGone{}},
		{"no code", contractHeader(micro.ErrorHeader, "x", typednats.ErrorTypeHeader, "contractBusy"), "", contractBusy{}},
		{"unknown tag", failure("Other"), `{"a":1}`, serviceError(404, "text", "Other", `{"a":1}`)},
		{"tag in other case", failure("contractmissing"), `{}`, serviceError(404, "text", "contractmissing", `{}`)},
		{"undecodable error", failure("contractMissing"), `{"item":1}`, serviceError(404, "text", "contractMissing", `{"item":1}`)},
		{"declared without body", failure("contractMissing"), "", serviceError(404, "text", "contractMissing", "")},
		{"no tag", contractHeader(micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404"), `{"item":"bolt"}`,
			serviceError(404, "text", "", `{"item":"bolt"}`)},
		{"no body", contractHeader(micro.ErrorHeader, "text", micro.ErrorCodeHeader, "404"), "", serviceError(404, "text", "", "")},
		{"description alone", contractHeader(micro.ErrorHeader, "text"), "", serviceError(500, "text", "", "")},
		{"empty description", contractHeader(micro.ErrorHeader, ""), "", serviceError(500, "", "", "")},
		{"code alone", contractHeader(micro.ErrorCodeHeader, "404"), "", serviceError(404, "", "", "")},
		{"code with spaces", contractHeader(micro.ErrorCodeHeader, " 404 "), "", serviceError(404, "", "", "")},
		{"not a number", contractHeader(micro.ErrorCodeHeader, "many"), "", serviceError(500, "", "", "")},
		{"negative", contractHeader(micro.ErrorCodeHeader, "-404"), "", serviceError(500, "", "", "")},
		{"zero", contractHeader(micro.ErrorCodeHeader, "0"), "", serviceError(500, "", "", "")},
		{"too large", contractHeader(micro.ErrorCodeHeader, "99999999999999999999"), "", serviceError(500, "", "", "")},
		{"fraction", contractHeader(micro.ErrorCodeHeader, "404.5"), "", serviceError(500, "", "", "")},
		{"two values", contractHeader(micro.ErrorCodeHeader, "404", micro.ErrorCodeHeader, "405"), "", serviceError(404, "", "", "")},

		{"content type of the request", contractHeader("Content-Type", "Application/JSON; charset=utf-8"), `{"n":7}`, contractOut{7}},
		{"another accepted one", contractHeader("Content-Type", "application/msgpack"), "\x81\xa1n\x07", contractOut{7}},
		{"an unknown one", contractHeader("Content-Type", "text/plain"), `{"n":7}`, typednats.ErrDecodeReply},
		{"error in another one", failure("contractMissing", "Content-Type", "application/msgpack"), "\x81\xa4item\xa4bolt",
			contractMissing{"bolt"}},
		{"error in an unknown one", failure("contractMissing", "Content-Type", "text/plain"), `{"item":"bolt"}`,
			serviceError(404, "text", "contractMissing", `{"item":"bolt"}`)},
		{"no responders in between", contractHeader("Status", "503"), "", nats.ErrNoResponders},
	}
	for requester, r := range contractRequesters(t, nc) {
		for _, tt := range tests {
			name := requester + ", " + tt.name
			reply = &nats.Msg{Header: tt.header, Data: []byte(tt.body)}
			var header nats.Header
			out, err := typednats.RequestService(contractContext(t), r, e, contractIn{}, typednats.WithReplyHeader(&header))
			got := any(out)
			switch want := tt.want.(type) {
			case contractOut:
				if err != nil {
					got = err
				}
			case *typednats.ServiceError:
				se := contractServiceError(t, name, err)
				got = &se
			case contractError:
				got = err
			case error:
				_, ok := errors.AsType[*typednats.CallError](err)
				if got = err; ok && errors.Is(err, want) {
					got = want
				}
				if diff := cmp.Diff(tt.want, got, cmpopts.EquateErrors()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				continue
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(contractTrimmed(tt.header), header, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: WithReplyHeader (-want +got):\n%s", name, diff)
			}
		}
		empty := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("empty")
		for _, body := range []string{"", "{}", "not JSON"} {
			reply = &nats.Msg{Data: []byte(body)}
			if _, err := typednats.RequestService(contractContext(t), r, empty, struct{}{}); err != nil {
				t.Errorf("%s: a reply without fields as %q: %v", requester, body, err)
			}
		}
	}
}

// contractTrimmed is a header as nats.go sends it.
func contractTrimmed(h nats.Header) nats.Header {
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
	h := contractHeader(micro.ErrorHeader, description, micro.ErrorCodeHeader, strconv.Itoa(code))
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

func contractZio() typednats.Endpoint[contractIn, contractOut, contractError] {
	return contractStock().
		FailsWithTag("com.example.NotFound", contractMissing{}).
		FailsWithTag("com.example.Errors$Denied", &contractDenied{}).
		FailsWithTag("com.example.Errors$Busy$", contractBusy{}) // a case object
}

func TestZioServiceIsUnderstood(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var reply *nats.Msg
	contractPeer(t, nc, "stock-check", func() *nats.Msg { return &nats.Msg{Header: reply.Header, Data: reply.Data} })
	for _, tt := range []struct {
		reply *nats.Msg
		want  error
	}{
		{&nats.Msg{Data: []byte(`{"n":7}`)}, nil},
		{zioReply("NotFound(bolt)", 500, "com.example.NotFound", `{"item":"bolt"}`), contractMissing{"bolt"}},
		{zioReply("", 404, "com.example.Errors$Denied", `{"user":"ann"}`), &contractDenied{"ann"}},
		{zioReply("Busy", 500, "com.example.Errors$Busy$", `{}`), contractBusy{}},
		{zioReply("Decoding failed: .n(missing)", 500, "", ""),
			&typednats.ServiceError{Code: 500, Description: "Decoding failed: .n(missing)"}},
		{zioReply("Other(1)", 409, "com.example.Other", `{"a":1}`),
			&typednats.ServiceError{Code: 409, Description: "Other(1)", Type: "com.example.Other", Data: []byte(`{"a":1}`)}},
	} {
		reply = tt.reply
		for name, r := range contractRequesters(t, nc) {
			_, err := typednats.RequestService(contractContext(t), r, contractZio(), contractIn{N: 7})
			if _, ok := errors.AsType[*typednats.ServiceError](tt.want); ok {
				se := contractServiceError(t, name, err)
				err = &se
			}
			if diff := cmp.Diff(tt.want, err, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", name, tt.reply.Header, diff)
			}
		}
	}
}

func TestZioClientUnderstands(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	contractServe(t, nc, contractBind(contractZio(), map[string]error{
		"missing": contractMissing{"bolt"}, "denied": contractDenied{"ann"}, "busy": contractBusy{},
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
		reply := contractAsk(t, nc, "stock-check", nil, request)
		got := zioClient(reply, "com.example.NotFound", "com.example.Errors$Denied", "com.example.Errors$Busy$")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}
