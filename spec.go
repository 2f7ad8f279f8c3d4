package typednats

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/typednats/typednats/codec/json"
)

// spec is what was asked of the builder methods, right or wrong. A nil pointer means that the method was not called.
type spec struct {
	name             string
	in, out, errType reflect.Type
	group            *Group
	subject, at      *string
	queue            queuePolicy
	metadata         map[string]string
	codecs           []Codec // nil means JSON
	mapper           *erasedMapper
	declared         []declaration
	idempotent       bool
	timeout          *time.Duration
	description      string
	deprecated       *string
	examples         []example
}

// pattern is the subject that servers subscribe to.
func (s *spec) pattern() string {
	subject := s.name
	if s.subject != nil {
		subject = *s.subject
	}
	if s.group != nil {
		return s.group.prefix + "." + subject
	}
	return subject
}

// address is the subject that the descriptor shows: the client's, if it has one of its own.
func (s *spec) address() string {
	if s.at != nil {
		return *s.at
	}
	return s.pattern()
}

// effectiveQueue is the endpoint's say about its queue group, or else that of its group.
func (s *spec) effectiveQueue() queuePolicy {
	if s.group != nil {
		return s.queue.or(s.group.queue)
	}
	return s.queue
}

func (s *spec) acceptedCodecs() []Codec {
	if s.codecs == nil {
		return []Codec{json.Codec}
	}
	return s.codecs
}

// declare adds a declared error.
func (s *spec) declare(d declaration) {
	s.declared = append(slices.Clip(s.declared), d) // Clip: the receiver's slice is shared with other copies
}

// exemplify adds a request with its reply; it gets pointers to them.
func (s *spec) exemplify(in, out any) {
	e := example{}
	e.request, e.errs[0] = exampleOf(newWireType(s.in), in)
	e.reply, e.errs[1] = exampleOf(newWireType(s.out), out)
	s.examples = append(slices.Clip(s.examples), e) // Clip: as above
}

// describe adds an entry to the metadata.
func (s *spec) describe(key, value string) {
	next := make(map[string]string, len(s.metadata)+1) // the receiver's map is shared with other copies
	maps.Copy(next, s.metadata)
	next[key] = value
	s.metadata = next
}
