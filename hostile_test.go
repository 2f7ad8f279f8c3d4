package typednats_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// tree is a type with everything that hostile data could make grow.
type tree struct {
	Text     string
	Numbers  []int64
	Any      any
	ByName   map[string]any
	Children []*tree
	When     time.Time
}

var (
	treeJSON    = typednats.NewEndpoint[tree, tree, typednats.Never]("json")
	treeMsgpack = typednats.NewEndpoint[tree, tree, typednats.Never]("msgpack").WithCodec(msgpack.Codec, json.Codec)
	plainBytes  = typednats.NewEndpoint[[]byte, []byte, typednats.Never]("raw").WithCodec(raw.Codec)
)

// heapBound is what all tests that run may have in use together, which is up to 1 GiB. A bomb that goes off would be far
// above it.
const heapBound = 3 << 30

// target is a live service for hostile peers, which must serve afterwards as it did before.
type target struct {
	t    *testing.T
	srv  *typednatstest.NATS
	svc  *typednats.Service
	nc   *nats.Conn // the service's
	held *gate
}

var waits = echo.InSubject("wait")

func newTarget(t *testing.T) *target {
	t.Helper()
	srv := typednatstest.RunSocket(t)
	f := &target{t: t, srv: srv, nc: srv.Connect(t, quietly()), held: newGate()}
	cfg := config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(r typednats.ErrorReport) {
			if r.Stack != nil {
				t.Errorf("panic: %v\n%s", r.Err, r.Stack)
			}
		}
	})
	repeatTree := func(_ context.Context, in tree) (tree, error) { return in, nil }
	f.svc = start(t, f.nc, cfg, echo.Handle(repeat), waits.Handle(f.held.handle),
		treeJSON.Handle(repeatTree), treeMsgpack.Handle(repeatTree),
		plainBytes.Handle(func(_ context.Context, in []byte) ([]byte, error) { return in, nil }),
		// The shorter the subject, the longer the reply subject that a request has room for.
		echo.InSubject("a").Handle(repeat), echo.InSubject("b").Handle(f.held.handle))
	t.Cleanup(f.held.open) // before the service stops
	return f
}

// survives checks that the service is as well as before.
func (f *target) survives() {
	f.t.Helper()
	if got := f.nc.Status(); got != nats.CONNECTED {
		f.t.Fatalf("the service's connection is %v: %v", got, f.nc.LastError())
	}
	want := note{"good"}
	got, err := typednats.RequestService(within(f.t), typednats.NewClient(f.srv.Connect(f.t)), echo, want)
	if err != nil || got != want {
		f.t.Errorf("good call afterwards: reply %v, %v", got, err)
	}
	if heap := heapInUse(); heap > heapBound {
		f.t.Errorf("the heap has %d MB", heap>>20)
	}
}

// replied sends a hostile request and waits for the reply that even it must get.
func (f *target) replied(nc *nats.Conn, what string, m *nats.Msg) *nats.Msg {
	f.t.Helper()
	reply, err := nc.RequestMsgWithContext(within(f.t), m)
	if err != nil {
		f.t.Fatalf("%s: %v, want a reply", what, err)
	}
	return reply
}

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	const most = 1 << 20 // the server's max_payload
	bodies := map[string]string{
		"nothing":               "",
		"null":                  "null",
		"another type":          `"text"`,
		"deep array":            strings.Repeat("[", most),
		"deep array in a field": `{"Any":` + strings.Repeat("[", most-10),
		"deep object":           strings.Repeat(`{"Any":`, most/7),
		"deep tree":             strings.Repeat(`{"Children":[`, most/13),
		"closed deep array":     `{"Any":` + strings.Repeat("[", most/2-10) + strings.Repeat("]", most/2-10) + "}",
		"many small values":     `{"Any":[` + strings.Repeat("{},", most/4) + "{}]}",
		"huge number":           `{"Numbers":[` + strings.Repeat("9", most-20) + "]}",
		"huge exponent":         `{"Any":1e999999999}`,
		"repeated key":          `{` + strings.Repeat(`"Text":"a",`, most/11-2) + `"Text":"b"}`,
		"bad UTF-8":             "{\"Text\":\"\xff\xfe\xed\xa0\x80\"}",
		"array of 4 G":          "\xdd\xff\xff\xff\xff\x01",
		"map of 4 G":            "\xdf\xff\xff\xff\xff\x01",
		"string of 4 G":         "\xdb\xff\xff\xff\xff\x01",
		"binary of 4 G":         "\xc6\xff\xff\xff\xff\x01",
		"extension of 4 G":      "\xc9\xff\xff\xff\xff\x01",
		"numbers of 4 G":        "\x81\xa7Numbers\xdd\xff\xff\xff\xff\x01",
		"children of 4 G":       "\x81\xa8Children\xdd\xff\xff\xff\xff\x01",
		"any of 4 G":            "\x81\xa3Any\xdf\xff\xff\xff\xff\x01",
		"deep msgpack":          strings.Repeat("\x91", most),
		"deep msgpack maps":     strings.Repeat("\x81\xa3Any", most/5),
		"deep msgpack tree":     strings.Repeat("\x81\xa8Children\x91", most/11),
		"bad time":              "\x81\xa4When\xc7\xff\xff",
		"time extension":        "\x81\xa4When\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time, so that a failure comes again
	for i := range 200 {
		body := make([]byte, random.IntN(4<<10))
		for j := range body {
			body[j] = byte(random.Uint32())
		}
		bodies[fmt.Sprint("random ", i)] = string(body)
	}
	nc := f.srv.Connect(t)
	for name, body := range bodies {
		for _, request := range []nats.Msg{
			{Subject: treeJSON.Subject()},
			{Subject: treeMsgpack.Subject()},
			{Subject: treeMsgpack.Subject(), Header: nats.Header{"Content-Type": {"application/msgpack"}}},
			{Subject: plainBytes.Subject()},
		} {
			request.Data = []byte(body)
			if request.Header != nil { // it counts against max_payload, too
				request.Data = request.Data[:min(len(body), most-64)]
			}
			reply := f.replied(nc, name, &request)
			switch code := reply.Header.Get("Nats-Service-Error-Code"); code {
			case "", "400", "415":
			default:
				t.Errorf("%s at %q: code %s (%s), want a reply, 400 or 415", name, request.Subject, code,
					reply.Header.Get("Nats-Service-Error"))
			}
			if n := len(reply.Header.Get("Nats-Service-Error")); n > 4<<10 {
				t.Errorf("%s: description of %d bytes", name, n)
			}
		}
	}
	f.survives()
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	many := make(nats.Header)
	for i := range 20_000 {
		many[fmt.Sprintf("H-%d", i)] = []string{"x"}
	}
	huge := strings.Repeat("x", 900<<10)
	nc := f.srv.Connect(t)
	for name, test := range map[string]struct {
		header nats.Header
		code   string
	}{
		"thousands":                       {many, ""},
		"one thousand times":              {nats.Header{"Again": strings.Split(strings.Repeat("x,", 10_000), ",")}, ""},
		"huge value":                      {nats.Header{"Huge": {huge}}, ""},
		"huge content type":               {nats.Header{"Content-Type": {huge}}, "415"},
		"strange content type":            {nats.Header{"Content-Type": {"\x01\x7f%s%n\"'<>\\ ;;;=/"}}, "415"},
		"empty content type":              {nats.Header{"Content-Type": {""}}, ""},
		"huge timeout":                    {nats.Header{"Typednats-Timeout": {huge}}, ""},
		"timeout of all time":             {nats.Header{"Typednats-Timeout": {"9223372036854775807"}}, ""},
		"longest timeout":                 {nats.Header{"Typednats-Timeout": {"9223372036854"}}, ""},
		"negative timeout":                {nats.Header{"Typednats-Timeout": {"-1"}}, ""},
		"timeout of digits that are none": {nats.Header{"Typednats-Timeout": {"１２"}}, ""},
		"pretended error": {nats.Header{
			"Nats-Service-Error": {"no"}, "Nats-Service-Error-Code": {"500"}, "Nats-Service-Error-Type": {"Type"},
		}, ""},
		"pretended status": {nats.Header{"Status": {"503"}, "Description": {"x"}}, ""},
	} {
		reply := f.replied(nc, name, &nats.Msg{Subject: echo.Subject(), Header: test.header, Data: []byte("{}")})
		if got := reply.Header.Get("Nats-Service-Error-Code"); got != test.code {
			t.Errorf("%s: code %q (%s), want %q", name, got, reply.Header.Get("Nats-Service-Error"), test.code)
		}
		if n := len(reply.Header.Get("Nats-Service-Error")); n > 4<<10 {
			t.Errorf("%s: description of %d bytes", name, n)
		}
	}
	f.survives()
}

// wireConn speaks the protocol byte by byte, so that nothing keeps it from mistakes.
type wireConn struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func (f *target) wire() *wireConn {
	f.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(f.t.Context(), "tcp", f.srv.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	w := &wireConn{t: f.t, conn: conn, read: bufio.NewReader(conn)}
	w.send(`CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\n")
	return w
}

func (w *wireConn) send(text string) {
	w.t.Helper()
	if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Logf("the server hung up: %v", err)
	}
}

// settled waits until the server has taken all that was sent. It reports false if the server hung up.
func (w *wireConn) settled() bool {
	w.t.Helper()
	w.send("PING\r\n")
	return w.until("PONG")
}

// until reads up to a line that begins in one of these ways. It reports false if the server hung up.
func (w *wireConn) until(prefixes ...string) bool {
	w.t.Helper()
	for {
		line, err := w.read.ReadString('\n')
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(line, prefix) }) {
			return true
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			w.t.Fatalf("no %v within %v", prefixes, patience)
		}
		if err != nil {
			return false
		}
	}
}

func TestHostileHeaderBlocks(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	for name, block := range map[string]string{
		"no version":                  "Typednats-Timeout: 5\r\n\r\n",
		"another version":             "NATS/9.9\r\nA: b\r\n\r\n",
		"status":                      "NATS/1.0 503\r\n\r\n",
		"status with a header":        "NATS/1.0 503 No Responders\r\nA: b\r\n\r\n",
		"no colon":                    "NATS/1.0\r\nbroken\r\n\r\n",
		"no key":                      "NATS/1.0\r\n: value\r\n\r\n",
		"space in the key":            "NATS/1.0\r\nA b: value\r\n\r\n",
		"continued line":              "NATS/1.0\r\nA: b\r\n  continued\r\n\r\n",
		"line that continues nothing": "NATS/1.0\r\n continued\r\n\r\n",
		"no end":                      "NATS/1.0\r\nA: b",
		"bare line feeds":             "NATS/1.0\nA: b\n\n",
		"zero bytes":                  "NATS/1.0\r\nA\x00: \x00\r\n\r\n",
		"bytes above ASCII":           "NATS/1.0\r\nContent-Type: \xff\xfe\r\n\r\n",
		"nothing but ends":            "\r\n\r\n\r\n\r\n",
		"content type twice":          "NATS/1.0\r\nContent-Type: application/json\r\nContent-Type: x/y\r\n\r\n",
		"other case":                  "NATS/1.0\r\ncontent-type: application/msgpack\r\n\r\n",
	} {
		w := f.wire()
		w.send("SUB answers 1\r\n")
		w.send(fmt.Sprintf("HPUB echo answers %d %d\r\n%s{}\r\n", len(block), len(block)+2, block))
		if !w.until("MSG", "HMSG") {
			t.Errorf("%s: no reply", name)
		}
	}
	// What the server itself does not stand never comes as far as the service.
	for _, line := range []string{
		"HPUB echo answers 99 2\r\n{}\r\n", "HPUB echo answers -1 2\r\n{}\r\n", "HPUB echo\r\n",
	} {
		w := f.wire()
		w.send(line)
		if w.settled() {
			t.Errorf("the server took %q", line)
		}
	}
	f.survives()
}

func TestHostileReplySubjects(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	for _, reply := range []string{
		"~", "x.~", "x.~~", "x.~~~", "x.~0~~", "x.~-1~~1", "x.~1~~zzzzzzzzzzzzzzzzzzzzz",
		"x.~99999999999999999999~~1", "x.~1~application/msgpack~1", "x.~1~~1~~1", "~0~~0", ".~0~~0",
		"..~0~~0", "x..~0~~0", ">", "*", "x.*.~0~~0", "x.>.~0~~0", "echo", "wait",
		"$SRV.PING", "_TYPEDNATS.CANCEL.echo", "x.\xff\xfe.~0~\xff~1", strings.Repeat("x.", 500) + "~0~~0",
	} {
		w := f.wire()
		for _, subject := range []string{"echo", "wait", "$SRV.PING"} {
			w.send(fmt.Sprintf("PUB %s %s 2\r\n{}\r\n", subject, reply))
		}
		if !w.settled() {
			t.Logf("the server does not take reply subject %q", reply)
		}
	}
	// Bigger than what the server reads.
	w := f.wire()
	w.send("PUB echo " + strings.Repeat("x", 10<<10) + " 2\r\n{}\r\n")
	if w.settled() {
		t.Error("the server took a reply subject of 10 KB")
	}
	f.survives()
	f.held.open()
	f.survives()
}

// A request with a reply subject that just fits into the longest line that the server takes made the service send a
// reply that did not, and the server closed the service's connection for good.
func TestReplySubjectThatLeavesNoRoom(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	for n := 4050; n < 4100; n++ {
		w := f.wire()
		reply := strings.Repeat("x", n-len(".~0~~0")) + ".~0~~0"
		w.send(fmt.Sprintf("PUB a %s 1\r\n{\r\nPUB b %s 2\r\n{}\r\n", reply, reply))
		w.settled()
	}
	f.survives()
	f.held.open() // the handlers of b answer
	f.survives()
}

// To cancel somebody else's call takes its whole reply subject, which is known to those who may subscribe to the
// endpoint's subject or to the caller's inbox. Whatever else is sent ends no handler.
func TestHostileCancellations(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	nc := f.srv.Connect(t)
	seen := make(chan string, 1)
	spy := f.srv.Connect(t)
	if _, err := spy.Subscribe(waits.Subject(), func(m *nats.Msg) { seen <- m.Reply }); err != nil {
		t.Fatal(err)
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := typednats.RequestService(ctx, typednats.NewClient(nc), waits, note{})
		ended <- err
	}()
	handling := await(t, f.held.ctxs, "the start of the handler")
	reply := await(t, seen, "the request")
	inbox := reply[:strings.LastIndexByte(reply, '.')]
	hostile := f.srv.Connect(t)
	for _, body := range []string{
		"", ">", "*", ".", inbox, inbox + ".", inbox + ".>", inbox + ".*", reply + "0", reply[:len(reply)-1], "0" + reply,
		strings.ToUpper(reply), reply + "\r\n", strings.Repeat("x", 1<<20), strings.Repeat(reply, 100),
	} {
		for _, subject := range []string{
			"_TYPEDNATS.CANCEL." + waits.Subject(), "_TYPEDNATS.CANCEL." + echo.Subject(), "_TYPEDNATS.CANCEL.*",
			"_TYPEDNATS.CANCEL", "_TYPEDNATS.CANCEL.>",
		} {
			msg := &nats.Msg{Subject: subject, Reply: hostile.NewInbox(), Data: []byte(body)}
			if err := hostile.PublishMsg(msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The right subject of the call, but another endpoint's.
	if err := hostile.Publish("_TYPEDNATS.CANCEL."+echo.Subject(), []byte(reply)); err != nil {
		t.Fatal(err)
	}
	if err := hostile.Flush(); err != nil {
		t.Fatal(err)
	}
	f.survives() // its good call is read behind the cancellations
	if err := handling.Err(); err != nil {
		t.Errorf("a stranger ended the handler's context: %v", err)
	}
	f.held.open()
	if err := await(t, ended, "the end of the call"); err != nil {
		t.Errorf("call: %v", err)
	}
}

func TestDiscoveryFlood(t *testing.T) {
	t.Parallel()
	f := newTarget(t)
	nc := f.srv.Connect(t)
	inbox := nc.NewInbox()
	var answered atomic.Int64
	if _, err := nc.Subscribe(inbox, func(*nats.Msg) { answered.Add(1) }); err != nil {
		t.Fatal(err)
	}
	const floods = 3_000
	asked := int64(0)
	for range floods {
		for _, subject := range []string{"$SRV.PING", "$SRV.INFO.test", "$SRV.STATS.test." + f.svc.ID()} {
			if err := nc.PublishRequest(subject, inbox, []byte("garbage")); err != nil {
				t.Fatal(err)
			}
			asked++
		}
		if err := nc.Publish("$SRV.STATS", nil); err != nil { // nobody wants to know
			t.Fatal(err)
		}
	}
	f.survives()
	eventually(t, "answer, or refusal, of each question", func() bool { return answered.Load() == asked })
	f.survives()
}

// secretError is an error that the endpoint of the test does not declare.
type secretError struct{ Text string }

func (e secretError) Error() string { return e.Text }

// What a peer sends decides between the types that were registered, and cannot name another one.
func TestDataPicksNoTypeThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t)
	tags := []string{
		"secretError", "typednats_test.secretError", "*typednats_test.secretError", "Secret",
		"github.com/typednats/typednats_test.secretError",
		"error", "ServiceError", "*typednats.ServiceError", "errors.errorString", "Time", "time.Time", " missing",
		"missing ", "MISSING", "missing\t", "any", "interface {}", "nil", "%!s(nil)",
	}
	body := []byte(`{"Text":"x","Why":"x","Code":200,"Description":"x"}`)
	var next atomic.Int64
	if _, err := nc.Subscribe(echo.Subject(), func(m *nats.Msg) {
		header := nats.Header{
			"Nats-Service-Error": {"no"}, "Nats-Service-Error-Code": {"418"},
			"Nats-Service-Error-Type": {tags[next.Add(1)-1]},
		}
		_ = m.RespondMsg(&nats.Msg{Header: header, Data: body})
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the client has a connection of its own
		t.Fatal(err)
	}
	client := typednats.NewClient(srv.Connect(t))
	for range tags {
		_, err := typednats.RequestService(t.Context(), client, echo, note{})
		tag := tags[next.Load()-1]
		if _, ok := errors.AsType[secretError](err); ok {
			t.Errorf("tag %q made an error that is not declared", tag)
		}
		if strings.TrimSpace(tag) == "missing" { // nats.go trims values
			continue
		}
		se, ok := errors.AsType[*typednats.ServiceError](err)
		if !ok || se.Code != 418 || se.Type != tag || string(se.Data) != string(body) {
			t.Errorf("tag %q: %#v, want a *ServiceError that keeps code, tag and data", tag, err)
		}
	}
	// A service takes no type from its peers at all: an any holds what JSON and msgpack know.
	f := newTarget(t)
	got, err := typednats.RequestService(t.Context(), typednats.NewClient(f.srv.Connect(t)), treeMsgpack, tree{
		Any: map[string]any{"$type": "typednats_test.secretError", "@class": "x", "Text": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := got.Any.(map[string]any); !ok {
		t.Errorf("an any holds a %T, want a map", got.Any)
	}
}
