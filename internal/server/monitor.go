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

// maxMonitoring is how many questions of one kind are answered at a time; more are refused. Each kind has its own
// bound: a StatsHandler that blocks does not make PING fall silent.
const maxMonitoring = 64

// monitor answers questions of one kind about the service.
type monitor struct {
	subjects []string // that the questions come on
	answer   func(*nats.Msg) Outcome
	silent   string // what has happened if that does not return
	extra    bool   // the service does without, if the server refuses a subscription,
	without  string // which means this

	replier *replier
	in      *intake
	subs    []*nats.Subscription
	asked   atomic.Int32 // questions that are being answered
}

// newVerbMonitor returns what answers one verb of the NATS service protocol (ADR-32), asked of all services, of those with
// the service's name, or of this instance.
func newVerbMonitor(a Answer, name, id string, p *replier) *monitor {
	m := &monitor{replier: p, silent: "the StatsHandler ended its goroutine"}
	subject := micro.APIPrefix + "." + a.Verb.String()
	m.subjects = []string{subject, subject + "." + name, subject + "." + name + "." + id}
	m.answer = func(*nats.Msg) Outcome { return a.answer(p) }
	return m
}

// attach starts the flow of questions.
func (m *monitor) attach(conn *connection) error {
	m.in = conn.intakes.forQuestions()
	for _, subject := range m.subjects {
		sub, err := conn.subscribe(m.in, subject, "", m)
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
	out := FailFor(wire.Internal(), errors.New(m.silent)) // unless it returns
	defer func() { m.replier.finish(r, out, "") }()
	if r.isRefused() {
		out = Fail(r.refusal)
		return
	}
	out = m.answer(r.Msg)
}

func (a Answer) answer(p *replier) Outcome {
	says := a.Body()
	body, err := json.Marshal(says)
	if short, ok := says.(Shortener); ok {
		for err == nil && int64(len(body)) > p.MaxPayload() && short.Shorten() {
			body, err = json.Marshal(says)
		}
	}
	if err != nil {
		return FailFor(wire.Internal(), fmt.Errorf("encode %v: %w", a.Verb, err))
	}
	return Outcome{Reply: Reply{Body: body}}
}
