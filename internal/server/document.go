package server

import (
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// newDocumentMonitor returns what hands out the documents of a service's endpoints, of this instance alone: documents are
// the same wherever they come from, so one of many instances is enough.
func newDocumentMonitor(s *Server) *monitor {
	return &monitor{
		replier:  &s.env.replier,
		subjects: []string{wire.ContractSubject(s.host.Name, s.host.ID, "*")},
		answer:   s.document,
		silent:   "a type that describes itself ended the goroutine",
		extra:    true,
		without:  "the contracts of endpoints cannot be fetched",
	}
}

// document answers a question for a document, whose name is the last token of the subject.
func (s *Server) document(msg *nats.Msg) Outcome {
	name := msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:]
	for _, e := range s.Endpoints() {
		if e.Document == nil {
			continue
		}
		if d := e.Document(); d.Name != "" && d.Name == name {
			return Outcome{Reply: Reply{Body: d.Body}}
		}
	}
	return Fail(wire.NoContract())
}
