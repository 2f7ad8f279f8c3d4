package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// localMaxPayload is the default max_payload of a NATS server, in bytes.
const localMaxPayload = 1 << 20

// Local runs endpoints without a server: requests are admitted, queued, served and answered as those of a running
// service, and replies go to whoever waits in this process. It is safe for concurrent use. Each request has a goroutine,
// which ends with its handler.
type Local struct {
	env       environment
	endpoints []*Served
	readers   sync.WaitGroup
	admitting sync.Mutex // requests are admitted one by one, as they are behind a subscription
	mailbox   mailbox
}

// NewLocal returns the endpoints, running.
func NewLocal(endpoints []Endpoint, report func(Report)) *Local {
	l := &Local{mailbox: mailbox{boxes: make(map[string]chan *nats.Msg)}}
	l.env = environment{
		replier: replier{&l.mailbox, report},
		clock:   clock{time.Now()},
		readers: &l.readers,
	}
	for _, e := range endpoints {
		l.endpoints = append(l.endpoints, newServed(e, &l.env))
	}
	return l
}

// Request sends a request to the endpoints that its subject reaches and returns the first reply. As over the wire,
// neither side sees what the other does with its message afterwards.
func (l *Local) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	header, err := overTheWire(m.Header)
	if err != nil {
		return nil, err
	}
	if messageSize(header, m.Data) > localMaxPayload {
		return nil, nats.ErrMaxPayload
	}
	receivers := l.receivers(m.Subject)
	if len(receivers) == 0 {
		return nil, nats.ErrNoResponders
	}
	reply, box := l.mailbox.open(len(receivers))
	defer l.mailbox.close(reply)
	for _, e := range receivers {
		l.deliver(e, &nats.Msg{Subject: m.Subject, Reply: reply, Header: maps.Clone(header), Data: slices.Clone(m.Data)})
	}
	select {
	case msg := <-box:
		return msg, nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) { // after a deadline the endpoint knows by itself
		for _, e := range receivers {
			waited, _ := e.cancelCall(reply)
			e.answerAllRefused(waited)
		}
	}
	return nil, ctx.Err()
}

// deliver admits a request, and does what was decided on a goroutine of its own.
func (l *Local) deliver(e *Served, m *nats.Msg) {
	l.admitting.Lock()
	r := e.admit(m)
	l.admitting.Unlock()
	if r != nil {
		l.readers.Go(func() { e.proceed(r) })
	}
}

// receivers returns the endpoints that a subject reaches: one of each queue group, the first, and all without one.
func (l *Local) receivers(to string) []*Served {
	var reached []*Served
	groups := make(map[string]bool)
	for _, e := range l.endpoints {
		if !subject.Matches(e.Subject, to) || e.QueueGroup != "" && groups[e.QueueGroup] {
			continue
		}
		groups[e.QueueGroup] = true
		reached = append(reached, e)
	}
	return reached
}

// overTheWire returns a copy of a header as it would arrive: values are one line without spaces around them. It reports
// a key that nats.go would not send.
func overTheWire(h nats.Header) (nats.Header, error) {
	if len(h) == 0 {
		return nil, nil //nolint:nilnil // no header is not a failure
	}
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	arrived := make(nats.Header, len(h))
	for key, values := range h {
		if !wire.IsHeaderKey(key) {
			return nil, fmt.Errorf("%w: key %q", nats.ErrBadHeaderMsg, key)
		}
		for _, value := range values {
			arrived[key] = append(arrived[key], strings.TrimSpace(oneLine.Replace(value)))
		}
	}
	return arrived, nil
}

// mailbox is where replies go.
type mailbox struct {
	mu     sync.Mutex
	boxes  map[string]chan *nats.Msg // by reply subject
	opened uint64
}

// open returns a reply subject, and where so many replies to it come.
func (b *mailbox) open(replies int) (string, chan *nats.Msg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	reply := wire.ReplySubject("_LOCAL", wire.Facts{}, b.opened)
	b.boxes[reply] = make(chan *nats.Msg, replies)
	return reply, b.boxes[reply]
}

// close forgets a reply subject. Replies that come later are dropped.
func (b *mailbox) close(reply string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.boxes, reply)
}

// Publish implements publisher.
func (b *mailbox) Publish(to string, data []byte) error {
	return b.PublishMsg(&nats.Msg{Subject: to, Data: data})
}

// PublishMsg implements publisher.
func (b *mailbox) PublishMsg(m *nats.Msg) error {
	header, err := overTheWire(m.Header)
	if err != nil {
		return err
	}
	if messageSize(m.Header, m.Data) > localMaxPayload {
		return nats.ErrMaxPayload
	}
	b.mu.Lock()
	box := b.boxes[m.Subject]
	b.mu.Unlock()
	if box != nil { // it has room: each endpoint sends one last reply
		box <- &nats.Msg{Subject: m.Subject, Header: header, Data: slices.Clone(m.Data)}
	}
	return nil
}

// MaxPayload implements publisher.
func (b *mailbox) MaxPayload() int64 { return localMaxPayload }

// IsClosed implements publisher.
func (b *mailbox) IsClosed() bool { return false }
