//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/contract"
)

// evil is what a stranger may put into any text: colours, the title of the window, text that runs backwards, lines.
const evil = "\x1b[31mred\x1b]0;title\x07\u009b2J\u202eback\r\nnew\tline\x00"

// hostileService answers as a service whose every text is evil, with a contract that is, too.
func hostileService(t *testing.T, nc *nats.Conn) {
	t.Helper()
	doc := contract.Document{
		Name: "open", Subject: "evil.open", Description: evil, Deprecated: evil, ContentTypes: []string{"application/json"},
		Request: &contract.Schema{
			Types:      []contract.Type{contract.Object},
			Properties: map[string]*contract.Schema{evil: {Types: []contract.Type{contract.String}, Description: evil, Format: evil}},
			Required:   []string{evil},
		},
		Reply:    &contract.Schema{Ref: contract.Reference(evil)},
		Errors:   []contract.Error{{Tag: "Evil", Code: 400, Schema: &contract.Schema{Enum: []json.RawMessage{quote(evil)}}}},
		Examples: []contract.Example{{Reply: quote(evil)}},
		Defs:     map[string]*contract.Schema{evil: {Types: []contract.Type{contract.String}, ContentEncoding: evil}},
	}
	identity := micro.ServiceIdentity{Name: "evil", ID: "id1", Version: evil, Metadata: map[string]string{evil: evil}}
	info := micro.Info{ServiceIdentity: identity, Type: micro.InfoResponseType, Description: evil, Endpoints: []micro.EndpointInfo{
		{Name: "open", Subject: "evil.open", QueueGroup: evil, Metadata: map[string]string{evil: evil, "typednats.contract": doc.Digest()}},
		{Name: "x" + evil, Subject: "evil." + evil, Metadata: map[string]string{"typednats.accepts": evil, "typednats.contract": evil}},
	}}
	other := info
	other.Name, other.ID, other.Endpoints = "evil"+evil, "id2"+evil, nil
	stats := micro.Stats{ServiceIdentity: identity, Type: micro.StatsResponseType, Endpoints: []*micro.EndpointStats{
		{Name: "open" + evil, Subject: "evil.open", LastError: "500:" + evil, NumRequests: -5, NumErrors: 1 << 60},
	}}
	answer := func(subject string, header nats.Header, body any) {
		t.Helper()
		data, ok := body.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(body); err != nil {
				t.Fatal(err)
			}
		}
		_, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.RespondMsg(&nats.Msg{Header: header, Data: data}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	answer("$SRV.INFO", nil, info)
	answer("$SRV.INFO", nil, other)
	answer("$SRV.STATS", nil, stats)
	answer("_TYPEDNATS.CONTRACT.>", nil, doc.Bytes())
	answer("evil.open", nats.Header{
		"Nats-Service-Error": {"\x1b[31m" + strings.ReplaceAll(evil, "\r\n", " ")}, "nats-service-error-code": {"x"}, "Nats-Service-Error-Type": {"E\x1b[31m"},
	}, quote(evil))
	answer("evil.json", nil, []byte("{\"\u009b\":\"\u202e\u009b\"}"))
	answer("evil.raw", nats.Header{"Content-Type": {"application/msgpack"}}, []byte("\xc1"+evil))
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

func quote(text string) json.RawMessage {
	data, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return data
}

// TestDescribeContractThatIsNotThere: a contract that is announced and cannot be fetched is not taken for none.
func TestDescribeContractThatIsNotThere(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s, nc := newShell(t, server.ClientURL()), connectTo(t, server)
	_, err := micro.AddService(nc, micro.Config{Name: "silent", Version: "1.0.0", Endpoint: &micro.EndpointConfig{
		Subject: "silent.do", Handler: micro.HandlerFunc(func(micro.Request) {}),
		Metadata: map[string]string{"typednats.contract": "AAAAAAAAAAAAAAAAAAAAAA"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	shown, code := s.run(t, "typednats --timeout 500ms describe silent.do 2>&1")
	for _, want := range []string{
		"warning: ", "contract     AAAAAAAAAAAAAAAAAAAAAA\n", "\nThe contract cannot be read: what it takes and returns is not known.\n",
	} {
		if code != exitOK || !strings.Contains(shown, want) {
			t.Errorf("%d, want %q in\n%s", code, want, shown)
		}
	}
}

// TestHostileText: whatever strangers write, a terminal gets no commands, and a line stays one.
func TestHostileText(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	hostileService(t, connectTo(t, server))
	for line, want := range map[string]int{
		"typednats ls":                                         exitOK,
		"typednats ls -l":                                      exitOK,
		"typednats ls --json":                                  exitOK,
		"typednats describe open":                              exitOK,
		"typednats describe open -v":                           exitOK,
		"typednats describe open --json":                       exitOK,
		"typednats describe nothing":                           exitNobody,
		"typednats call open -v":                               exitUsage,
		"typednats call evil.open '{}'":                        exitService,
		"typednats --json call evil.open '{}'":                 exitService,
		"typednats call --unlisted evil.json":                  exitOK,
		"typednats --json call --unlisted evil.json":           exitOK,
		"typednats --json call --unlisted evil.raw":            exitOK,
		"typednats top --interval 100ms":                       exitOK,
		"typednats metrics":                                    exitOK,
		"typednats __complete call ''":                         exitOK,
		"typednats __complete ls ''":                           exitOK,
		"typednats call \"$(printf 'x\\033[31m')\"":            exitNobody,
		"typednats check \"$(printf 'x\\033[31m')\"":           exitUsage,
		"typednats --server \"$(printf 'x\\033[31m')\" ls":     exitConnection,
		"typednats --context \"$(printf 'x\\033[31m')\" ls":    exitUsage,
		"typednats \"$(printf 'x\\033[31m')\"":                 exitUsage,
		"typednats ls \"$(printf 'x\\033[31m')\"":              exitUsage,
		"typednats call open '{}' -H \"$(printf 'x\\033:a')\"": exitUsage,
	} {
		shown, code := s.run(t, line)
		if code != want {
			t.Errorf("%s: %d, want %d:\n%s", line, code, want, shown)
		}
		for i, r := range shown {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("%s shows %q: %q", line, r, shown[max(0, i-40):min(len(shown), i+40)])
				break
			}
		}
	}
	for _, line := range []string{"typednats ls", "typednats top --interval 100ms"} {
		shown, _ := s.run(t, line)
		if lines := strings.Count(shown, "\n"); lines > 4 {
			t.Errorf("%s shows %d lines:\n%s", line, lines, shown)
		}
	}
	// Bytes go into a pipe as they are.
	if shown, code := s.run(t, "typednats call --unlisted evil.raw 2>/dev/null"); code != 0 || shown != "\xc1"+evil {
		t.Errorf("%d: %q", code, shown)
	}
}

// TestHostileBytesOnTerminal: bytes that are no JSON are shown as text, without what a terminal may take for a command.
func TestHostileBytesOnTerminal(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	hostileService(t, connectTo(t, server))
	o := startOnTerminal(t, s, "call", "--unlisted", "evil.raw")
	if err := o.cmd.Wait(); err != nil {
		t.Error(err)
	}
	o.await("the bytes", func([]string) bool { return strings.Contains(o.all(), "line\\x00") })
	if shown := o.all(); strings.ContainsAny(shown, "\x1b\u009b\u202e\x00") {
		t.Errorf("%q", shown)
	}
}
