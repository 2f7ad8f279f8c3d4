package typednats

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// compiled is a descriptor without mistakes, in the form that servers and clients work with.
type compiled struct {
	name         string
	untyped      bool   // there is no descriptor: nothing but the target and the types is known
	subject      string // may hold wildcards
	target       string // where clients send, "" for a wildcard endpoint without At
	isForClients bool   // it has an At
	queue        queuePolicy
	metadata     map[string]string
	codecs       codecSet
	errors       errorTable
	in, out      wireType
	idempotent   bool
	timeout      time.Duration // 0 means that the endpoint says nothing of time
}

func compile(s *spec) (*compiled, error) {
	var m mistakes
	s.checkAddress(&m)
	checkMetadata("metadata key", s.metadata, &m)
	s.checkWords(&m)
	c := &compiled{
		name:         s.name,
		subject:      s.pattern(),
		target:       s.target(),
		isForClients: s.at != nil,
		queue:        s.effectiveQueue(),
		metadata:     maps.Clone(s.metadata),
		codecs:       newCodecSet(s.acceptedCodecs(), &m),
		errors:       newErrorTable(s.errType, s.declared, s.mapper, &m),
		in:           newWireType(s.in),
		out:          newWireType(s.out),
		idempotent:   s.idempotent,
	}
	if s.timeout != nil {
		c.timeout = *s.timeout
		if c.timeout <= 0 {
			m.add("WithTimeout", c.timeout.String(), errNotPositive)
		}
	}
	for i := range c.codecs {
		c.checkTypes(&c.codecs[i], &m)
	}
	if err := m.join(invalidEndpoint(s.name)); err != nil {
		return nil, err
	}
	return c, nil
}

// runsOnAll reports whether each instance gets each request, as far as the endpoint says.
func (c *compiled) runsOnAll() bool { return c.queue.kind == queueDisabled }

// IncludesAcknowledgement implements [replies.Expectation]. Who publishes to a stream on purpose takes the acknowledgement
// into a type with its fields or, without a descriptor, into one that takes anything. A service that has a reply which
// looks like one says with a header that it is not.
func (c *compiled) IncludesAcknowledgement() bool {
	t := c.out.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return c.untyped
	}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name = cmp.Or(name, field.Name); strings.EqualFold(name, "stream") || strings.EqualFold(name, "seq") {
			return true
		}
	}
	return c.untyped && t.NumField() == 0
}

// checkTypes records which of the endpoint's types a codec cannot carry.
func (c *compiled) checkTypes(codec *wireCodec, m *mistakes) {
	codec.check("request", c.in, m)
	codec.check("reply", c.out, m)
	for _, member := range c.errors.members {
		codec.check("error", member.body, m)
	}
}

// target is where clients send; it is empty for a wildcard endpoint without At.
func (s *spec) target() string {
	if s.at == nil && subject.HasWildcard(s.pattern()) {
		return ""
	}
	return s.address()
}

// checkAddress checks what decides where requests go.
func (s *spec) checkAddress(m *mistakes) {
	nameErr := subject.CheckName(s.name)
	m.add("name", s.name, nameErr)
	parts := s.checkSubjectParts()
	*m = append(*m, parts...)
	sound := len(parts) == 0 && (s.subject != nil || nameErr == nil)
	if sound { // the parts' mistakes are not reported again for the whole
		m.add("subject", s.pattern(), wire.CheckEndpointSubject(s.pattern()))
	}
	m.add("queue group", s.queue.name, s.queue.check())
	if s.group != nil {
		m.add("queue group of the group", s.group.queue.name, s.group.queue.check())
	}
	if s.at == nil {
		return
	}
	err := wire.CheckTarget(*s.at)
	if err == nil && sound && !subject.Matches(s.pattern(), *s.at) {
		err = fmt.Errorf("it does not match the endpoint's subject %q", s.pattern())
	}
	m.add("At", *s.at, err)
}

// checkSubjectParts returns what is wrong with the group's prefix, and with the subject behind it.
func (s *spec) checkSubjectParts() mistakes {
	var parts mistakes
	if s.group != nil {
		parts.add("group", s.group.prefix, s.group.check())
	}
	if s.subject != nil {
		parts.add("subject", *s.subject, subject.Check(*s.subject))
	}
	return parts
}

// checkRequestType reports an interceptor's request that is not an In.
func (c *compiled) checkRequestType(request any) error {
	if c.in.accepts(request) {
		return nil
	}
	return fmt.Errorf("an interceptor made the request a value of type %T, want %v", request, c.in.Type)
}

// checkReplyType reports an interceptor's reply that is not an Out.
func (c *compiled) checkReplyType(reply any) error {
	if c.out.accepts(reply) {
		return nil
	}
	return fmt.Errorf("an interceptor returned a reply of type %T, want %v", reply, c.out.Type)
}
