package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/subject"
)

func TestCheckEndpointSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, want string // a part of the error; "" means that the subject is accepted
	}{
		{"a", ""},
		{"a.b.c", ""},
		{"catalog.*.price", ""},
		{"catalog.>", ""},
		{"*.a", ""},
		{"*.users.>", ""},
		{"größe.日本", ""},
		{"a-b_c:d/e=f", ""},
		{"$SRVX.PING", ""},
		{"srv.PING", ""},
		{"*", ""}, // one token, which no control subject is
		{"*.orders.create", ""},
		{"$JSX", ""},
		{"*.*.*.*.*", "JetStream"},
		{"*.API.INFO", "JetStream"},
		{"*.x.*", ""},
		{"$JS", "JetStream"},
		{"$JS.API.INFO", "JetStream"},
		{"$KV.bucket.key", "key-value"},
		{"$O.bucket.>", "object stores"},
		{"$SYS.REQ.>", "the NATS server"},
		{"_INBOX.a.b", "replies"},
		{"_INBOX.>", "replies"},
		{"_R_.a", "replies"},
		{"stock.{warehouse}.check", "brace"},
		{"a}", "brace"},
		{strings.Repeat("a", subject.Max), ""},
		{"", "empty"},
		{".", "token 1 is empty"},
		{".a", "token 1 is empty"},
		{"a.", "token 2 is empty"},
		{"a..b", "token 2 is empty"},
		{" ", "space"},
		{"a b", "space"},
		{"a.b\tc", "token 2 holds a space or a control"},
		{"a\r\nPUB x 0", "control"},
		{"a\x00", "control"},
		{"a\x7f", "control"},
		{">.a", "before the end"},
		{"a.>.b", "before the end"},
		{"a.>.>", "before the end"},
		{"a*", "wildcard"},
		{"a.b>.c", "wildcard"},
		{"**", "wildcard"},
		{"a.>>", "wildcard"},
		{"a\xff", "UTF-8"},
		{strings.Repeat("a", subject.Max+1), "1025 bytes"},
		{"$SRV", "service protocol"},
		{"$SRV.PING", "service protocol"},
		{"$SRV.anything.else", "service protocol"},
		{">", "$SRV.PING"},
		{"*.>", "$SRV.PING"},
		{"*.*", "$SRV.PING"},
		{"*.PING", "$SRV.PING"},
		{"*.INFO.>", "$SRV.INFO.*"},
		{"*.*.*", "$SRV.PING.*"},
		{"*.*.inventory", "$SRV.PING.*"},
		{"*.STATS.inventory.*", "$SRV.STATS.*.*"},
		{"*.*.*.*", "$SRV.PING.*.*"},
	}
	for _, tt := range tests {
		err := CheckEndpointSubject(tt.pattern)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("CheckEndpointSubject(%q) = %v, want nil", tt.pattern, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("CheckEndpointSubject(%q) = %v, want an error with %q", tt.pattern, err, tt.want)
		}
	}
}

// TestCheckEndpointSubjectDelivers holds what is accepted against a server: it takes a subscription there and delivers.
func TestCheckEndpointSubjectDelivers(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	for _, pattern := range []string{
		"a", "a.b", "a.*.c", "a.>", "*.b.>", "*", "größe.日本", "a-b_c:d/e=f~g", "a\u00a0b", "a\u2028b", "a\u0085b", "_x.y",
		strings.Repeat("a", subject.Max), strings.Repeat("a.", subject.Max/2-1) + ">",
	} {
		if err := CheckEndpointSubject(pattern); err != nil {
			t.Errorf("CheckEndpointSubject(%q) = %v, want nil", pattern, err)
		}
		deliver(t, nc, pattern)
	}
}

// deliver subscribes to pattern and sends a message there.
func deliver(t *testing.T, nc *nats.Conn, pattern string) {
	t.Helper()
	sub, err := nc.QueueSubscribeSync(pattern, "q")
	if err != nil {
		t.Fatalf("subscribe to %q: %v", pattern, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	concrete := strings.Split(pattern, ".")
	for i, token := range concrete {
		if token == "*" || token == ">" {
			concrete[i] = "x"
		}
	}
	if err := nc.Publish(strings.Join(concrete, "."), nil); err != nil {
		t.Fatalf("publish to %q: %v", concrete, err)
	}
	if _, err := sub.NextMsg(10 * time.Second); err != nil {
		t.Fatalf("a message for %q on %q: %v (connection: %v)", concrete, pattern, err, nc.LastError())
	}
}
