package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/micro"
)

const (
	// maxControlLine is how long the line of a message may be, in the servers' default configuration.
	maxControlLine = 4096

	// moodySubject is the place of the moody endpoint in the vandal's subjects.
	moodySubject = 3
)

// vandal throws garbage at all subjects over a connection that it speaks NATS on by hand, so that it can send what
// no client library would.
type vandal struct {
	cluster  *cluster
	subjects []string
	thrown   atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
	conn   net.Conn
	dials  int
}

func newVandal(c *cluster, contract contract, random *rand.Rand) *vandal {
	v := &vandal{cluster: c, random: random, subjects: []string{
		contract.plain.Subject(), contract.idempotent.Subject(), contract.slow.Subject(), contract.moody.Subject(),
		contract.hop.Subject(), contract.number.Subject(), contract.flooded.Subject(),
		contract.heavy.Subject(), contract.crowded.Subject(),
	}}
	for _, subject := range v.subjects {
		v.subjects = append(v.subjects, "_TYPEDNATS.CANCEL."+subject)
	}
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		v.subjects = append(v.subjects, micro.APIPrefix+"."+verb.String(), micro.APIPrefix+"."+verb.String()+"."+serviceName)
	}
	return v
}

// work throws something every few milliseconds until ctx ends.
func (v *vandal) work(ctx context.Context) {
	for ctx.Err() == nil {
		v.burst(ctx, 1)
		pause(ctx, 5*time.Millisecond)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hangUp()
}

// burst throws n messages.
func (v *vandal) burst(ctx context.Context, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range n {
		if v.conn == nil && v.dial(ctx) != nil {
			return // the node is down; the next one is tried next time
		}
		if _, err := io.WriteString(v.conn, v.garbage()); err != nil {
			v.hangUp()
			continue
		}
		v.thrown.Add(1)
	}
}

func (v *vandal) dial(ctx context.Context) error {
	v.dials++
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address(v.cluster.nodes[v.dials%clusterSize].conf.Port))
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }() // ends when the connection is closed
	v.conn = conn
	_, err = io.WriteString(conn, `CONNECT {"verbose":false,"headers":true,"no_responders":true}`+"\r\nSUB _INBOX.vandal.> 1\r\n")
	return err
}

func (v *vandal) hangUp() {
	if v.conn != nil {
		_ = v.conn.Close() // there is nothing to lose
		v.conn = nil
	}
}

// garbage is one protocol message.
func (v *vandal) garbage() string {
	subject := v.subjects[v.random.IntN(len(v.subjects))]
	body, header, reply := v.body(), v.header(), v.reply()
	switch v.random.IntN(2000) {
	case 0: // the longest line that a server takes; that of the reply would be longer
		reply = strings.Repeat("r", maxControlLine-len(subject)-len("  0"))
		header, body = "", ""
	case 1: // a handler that sleeps for a caller that the service asks after
		subject, header, body = v.subjects[moodySubject], "", `{"nap_ms":99999}`
		reply = strings.Repeat("r", 2000+v.random.IntN(2000)) + ".~60000~~1"
	}
	if header == "" {
		return fmt.Sprintf("PONG\r\nPUB %s %s %d\r\n%s\r\n", subject, reply, len(body), body)
	}
	return fmt.Sprintf("PONG\r\nHPUB %s %s %d %d\r\n%s%s\r\n",
		subject, reply, len(header), len(header)+len(body), header, body)
}

func (v *vandal) body() string {
	bodies := []string{
		"", "{", "null", "[]", `{"id":"one"}`, `{"id":1e400}`, `{"run":"x","id":1,"nap_ms":99999999}`,
		`{"mode":"panic"}`, `{"mode":"goexit"}`, `{"mode":"unencodable"}`, strings.Repeat("[", 10_000), v.noise(64), v.noise(4096),
		"_INBOX.vandal.x",
	}
	return bodies[v.random.IntN(len(bodies))]
}

// header is a header block, often broken, or "" for none.
func (v *vandal) header() string {
	lines := []string{
		"", "", "", "Content-Type: text/plain", "Content-Type: application/msgpack", "Content-Type: ;;;", "Content-Type:",
		"Typednats-Timeout: 1", "Typednats-Timeout: -1", "Typednats-Timeout: 99999999999999999999", "Typednats-Timeout: 1e3",
		"Nats-Service-Error: no\r\nNats-Service-Error-Code: x", "Status: 503", "no colon", ": no key", "a b: c",
		"X: " + strings.Repeat("y", 60_000), strings.TrimSuffix(strings.Repeat("Many: many\r\n", 2000), "\r\n"), v.noise(200),
	}
	line := lines[v.random.IntN(len(lines))]
	if line == "" {
		return ""
	}
	version := "NATS/1.0"
	if v.random.IntN(10) == 0 {
		version = "NATS/1.0 503 what"
	}
	if v.random.IntN(20) == 0 {
		return version + "\r\n" + line // does not end
	}
	return version + "\r\n" + line + "\r\n\r\n"
}

// reply is a reply subject, or "" for none. It leads to the vandal, to nobody, or back to a service.
func (v *vandal) reply() string {
	replies := []string{
		"", "", "_INBOX.vandal.x", "_INBOX.vandal.~5~~1", "_INBOX.vandal.~~~", "_INBOX.vandal.~x~y~z~",
		"_INBOX.vandal.~99999999999999999999~~1", "_INBOX.vandal.~1~no/codec~1", "~5000~~1", "nobody.~5000~~1",
		v.subjects[v.random.IntN(len(v.subjects))], ">", "a.*", "a..b", "..", "$SRV.PING", "\x01\x02", "é.ü",
		"_INBOX.vandal." + strings.Repeat("r", 3900), strings.Repeat("r", 4010) + ".~60000~~1",
	}
	return replies[v.random.IntN(len(replies))]
}

func (v *vandal) noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v.random.IntN(256)) //nolint:gosec // it fits
	}
	return string(b)
}
