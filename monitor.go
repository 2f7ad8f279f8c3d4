package typednats

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// maxMonitoring is how many questions with one verb are answered at a time; more are refused with code 503. Each verb
// has its own bound: a StatsHandler that blocks does not make PING fall silent.
const maxMonitoring = 64

// monitor answers one verb of the NATS service protocol (ADR-32), asked of all services, of those with the service's
// name, or of this instance.
type monitor struct {
	svc    *Service
	verb   micro.Verb
	answer func() any
	subs   []*nats.Subscription
	asked  atomic.Int32 // questions that are being answered
}

// subscribeMonitors starts the answers to all verbs.
func (s *Service) subscribeMonitors() error {
	s.monitors = []*monitor{
		{svc: s, verb: micro.PingVerb, answer: func() any { return s.Ping() }},
		{svc: s, verb: micro.InfoVerb, answer: func() any { return s.Info() }},
		{svc: s, verb: micro.StatsVerb, answer: func() any { return s.Stats() }},
	}
	for _, m := range s.monitors {
		if err := m.subscribe(s.nc); err != nil {
			return err
		}
	}
	return nil
}

// removeMonitors ends the subscriptions where draining them has not.
func (s *Service) removeMonitors() {
	for _, m := range s.monitors {
		for _, sub := range m.subs {
			_ = sub.Unsubscribe() // it fails where the subscription, or the connection, is gone already
			s.routes.remove(sub)
		}
	}
}

// monitorRefusal returns the server's refusal if it is about a subject of the monitors.
func (s *Service) monitorRefusal(refusal error) error {
	for _, m := range s.monitors {
		for _, sub := range m.subs {
			if strings.Contains(refusal.Error(), strconv.Quote(sub.Subject)) {
				return fmt.Errorf("subscribe to %q: %w", sub.Subject, refusal)
			}
		}
	}
	return nil
}

// subscribe starts the answers on the three subjects of the verb.
func (m *monitor) subscribe(nc *nats.Conn) error {
	for _, address := range [][2]string{{"", ""}, {m.svc.cfg.Name, ""}, {m.svc.cfg.Name, m.svc.id}} {
		subject, err := micro.ControlSubject(m.verb, address[0], address[1])
		if err != nil {
			return fmt.Errorf("subject of %v: %w", m.verb, err)
		}
		sub, err := m.svc.routes.add(func() (*nats.Subscription, error) {
			return nc.ChanSubscribe(subject, m.svc.intake.messages)
		}, m)
		if err != nil {
			return fmt.Errorf("subscribe to %q: %w", subject, err)
		}
		m.subs = append(m.subs, sub)
	}
	return nil
}

// admit implements [receiver].
func (m *monitor) admit(msg *nats.Msg) *request {
	r := &request{msg: msg}
	if m.asked.Add(1) > maxMonitoring {
		r.refusal = overloadedDescription
	}
	return r
}

// run implements [receiver].
func (m *monitor) run(r *request) {
	defer m.asked.Add(-1)
	out := internalFailure(internalDescription, errors.New("the StatsHandler ended its goroutine")) // unless it returns
	defer func() { m.svc.reply(r, out, "") }()
	out = m.outcome(r)
}

func (m *monitor) outcome(r *request) outcome {
	if r.refusal != "" {
		return failure(codeUnavailable, r.refusal)
	}
	body, err := json.Marshal(m.answer())
	if err != nil {
		return internalFailure(internalDescription, fmt.Errorf("encode %v: %w", m.verb, err))
	}
	return outcome{body: body}
}
