package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/wire"
)

// maxMonitoring is how many questions with one verb are answered at a time; more are refused. Each verb has its own
// bound: a StatsHandler that blocks does not make PING fall silent.
const maxMonitoring = 64

// monitor answers one verb of the NATS service protocol (ADR-32), asked of all services, of those with the service's
// name, or of this instance.
type monitor struct {
	Answer

	replier *replier
	subs    []*nats.Subscription
	asked   atomic.Int32 // questions that are being answered
}

// attach starts the flow of questions.
func (m *monitor) attach(conn *connection, name, id string) error {
	for _, address := range [][2]string{{"", ""}, {name, ""}, {name, id}} {
		subject, err := micro.ControlSubject(m.Verb, address[0], address[1])
		if err != nil {
			return fmt.Errorf("subject of %v: %w", m.Verb, err)
		}
		sub, err := conn.subscribe(subject, "", m)
		if err != nil {
			return fmt.Errorf("subscribe to %q: %w", subject, err)
		}
		m.subs = append(m.subs, sub)
	}
	return nil
}

// admit implements [receiver].
func (m *monitor) admit(msg *nats.Msg) *Request {
	r := &Request{Msg: msg}
	if m.asked.Add(1) > maxMonitoring {
		r.refusal = wire.Overloaded()
	}
	return r
}

// turnAway implements [receiver].
func (m *monitor) turnAway() bool { return m.asked.Load() >= maxMonitoring }

// drop implements [receiver].
func (m *monitor) drop(*Request) { m.asked.Add(-1) }

// proceed implements [receiver].
func (m *monitor) proceed(r *Request) {
	defer m.asked.Add(-1)
	out := FailFor(wire.Internal(), errors.New("the StatsHandler ended its goroutine")) // unless it returns
	defer func() { m.replier.finish(r, out, "") }()
	out = m.answer(r)
}

func (m *monitor) answer(r *Request) Outcome {
	if r.isRefused() {
		return Fail(r.refusal)
	}
	says := m.Body()
	body, err := json.Marshal(says)
	if short, ok := says.(Shortener); ok {
		for err == nil && int64(len(body)) > m.replier.MaxPayload() && short.Shorten() {
			body, err = json.Marshal(says)
		}
	}
	if err != nil {
		return FailFor(wire.Internal(), fmt.Errorf("encode %v: %w", m.Verb, err))
	}
	return Outcome{Reply: Reply{Body: body}}
}
