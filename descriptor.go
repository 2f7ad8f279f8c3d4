package typednats

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/typednats/typednats/codec/json"
)

// descriptor is what an [Endpoint] holds, without its type parameters. It is never changed once built; the contract
// is worked out when it is first needed.
type descriptor struct {
	spec

	once     sync.Once
	contract *contract
	err      error
}

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
}

// contract is a descriptor without mistakes, in the form that servers and clients work with.
type contract struct {
	name              string
	subject           string // may hold wildcards
	target            string // where clients send, "" for a wildcard endpoint without At
	at                bool
	queue             queuePolicy
	metadata          map[string]string
	codecs            codecSet
	errors            errorTable
	out               reflect.Type
	inEmpty, outEmpty bool // the type has no fields, so its body is empty
	idempotent        bool
}

// specification returns the spec of a descriptor, which is empty for an Endpoint that NewEndpoint did not make.
func (d *descriptor) specification() *spec {
	if d == nil {
		return &spec{}
	}
	return &d.spec
}

// with returns a changed copy. The change must replace the slices and maps of the spec, never write into them.
func (d *descriptor) with(change func(*spec)) *descriptor {
	next := &descriptor{spec: *d.specification()}
	change(&next.spec)
	return next
}

func (d *descriptor) compile() (*contract, error) {
	if d == nil || d.errType == nil {
		return nil, fmt.Errorf("%w: it was not made by NewEndpoint", invalidEndpoint(d.specification().name))
	}
	d.once.Do(func() { d.contract, d.err = d.spec.compile() })
	return d.contract, d.err
}

func (s *spec) compile() (*contract, error) {
	c := &contract{
		name:       s.name,
		subject:    s.pattern(),
		at:         s.at != nil,
		queue:      s.queue,
		metadata:   maps.Clone(s.metadata),
		out:        s.out,
		inEmpty:    isEmptyStruct(s.in),
		outEmpty:   isEmptyStruct(s.out),
		idempotent: s.idempotent,
	}
	if s.group != nil {
		c.queue = s.queue.or(s.group.queue)
	}
	var m mistakes
	s.checkAddress(c, &m)
	if _, ok := s.metadata[""]; ok {
		m.add("metadata key", "", errEmpty)
	}
	c.codecs = newCodecSet(s.acceptedCodecs(), &m)
	c.errors = s.errorTable(&m)
	if err := m.join(invalidEndpoint(s.name)); err != nil {
		return nil, err
	}
	return c, nil
}

// checkAddress checks what decides where requests go, and fills in the client's target.
func (s *spec) checkAddress(c *contract, m *mistakes) {
	nameErr := checkName(s.name)
	m.add("name", s.name, nameErr)
	var parts mistakes // of the subject; they are not reported again for the whole
	if s.group != nil {
		parts.add("group", s.group.prefix, s.group.check())
	}
	if s.subject != nil {
		parts.add("subject", *s.subject, checkTokens(*s.subject))
	}
	*m = append(*m, parts...)
	sound := len(parts) == 0 && (s.subject != nil || nameErr == nil)
	if sound {
		m.add("subject", c.subject, checkSubject(c.subject))
	}
	m.add("queue group", s.queue.name, s.queue.check())
	if s.group != nil {
		m.add("queue group of the group", s.group.queue.name, s.group.queue.check())
	}
	switch {
	case s.at != nil:
		err := checkConcrete(*s.at)
		if err == nil && sound && !matches(c.subject, *s.at) {
			err = fmt.Errorf("it does not match the endpoint's subject %q", c.subject)
		}
		m.add("At", *s.at, err)
		c.target = *s.at
	case !hasWildcard(c.subject):
		c.target = c.subject
	}
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

func (s *spec) acceptedCodecs() []Codec {
	if s.codecs == nil {
		return []Codec{json.Codec}
	}
	return s.codecs
}

// mistakes collects what is wrong with a descriptor or a configuration, so that all of it is reported at once.
type mistakes []error

// add records err, if there is one, as being about the value of a field.
func (m *mistakes) add(field, value string, err error) {
	if err != nil {
		*m = append(*m, fmt.Errorf("%s %q: %w", field, value, err))
	}
}

// join returns the mistakes, each after what they are about, or nil.
func (m *mistakes) join(about error) error {
	wrapped := slices.Clone(*m)
	for i, err := range *m {
		wrapped[i] = fmt.Errorf("%w: %w", about, err)
	}
	return errors.Join(wrapped...)
}

// invalidEndpoint begins the mistakes of the endpoint with the given name.
func invalidEndpoint(name string) error {
	return fmt.Errorf("%w %q", ErrInvalidEndpoint, name)
}

func isEmptyStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 0
}

func cloneWith(m map[string]string, key, value string) map[string]string {
	next := make(map[string]string, len(m)+1)
	maps.Copy(next, m)
	next[key] = value
	return next
}
