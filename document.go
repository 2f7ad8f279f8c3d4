package typednats

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	jsoncodec "github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/payload"
	"github.com/typednats/typednats/internal/wire"
)

// published is the contract document of a descriptor. It is made when it is first needed: a service of many endpoints
// starts without it.
type published struct {
	once   sync.Once
	bytes  []byte
	digest string
	err    error
}

// document returns the contract of a descriptor, which the caller may change. It is checked as one of a stranger is: a type
// may be nested deeper than documents can be.
func (d *descriptor) document() (contract.Document, error) {
	p := d.publish()
	if p.err != nil {
		return contract.Document{}, p.err
	}
	doc, err := contract.Parse(p.bytes)
	if err != nil {
		return contract.Document{}, fmt.Errorf("%w: %w", invalidEndpoint(d.name), err)
	}
	return doc, nil
}

// publish returns the contract of a descriptor in the form in which it crosses the wire.
func (d *descriptor) publish() *published {
	c, err := d.compile()
	if err != nil {
		return &published{err: err}
	}
	d.published.once.Do(func() {
		doc, err := document(&d.spec, c)
		if err != nil {
			d.published.err = fmt.Errorf("%w: contract: %w", invalidEndpoint(d.name), err)
			return
		}
		d.published.bytes, d.published.digest = doc.Bytes(), doc.Digest()
	})
	return &d.published
}

// document makes the contract document of a sound descriptor.
func document(s *spec, c *compiled) (contract.Document, error) {
	doc := contract.Document{
		Name:        c.name,
		Subject:     c.subject,
		Description: s.description,
		Idempotent:  c.idempotent,
		Timeout:     int64((c.timeout + time.Millisecond - 1) / time.Millisecond),
		QueueGroup:  contract.QueueGroup{Name: c.queue.name, Disabled: c.runsOnAll()},
	}
	if s.deprecated != nil {
		doc.Deprecated = *s.deprecated
	}
	for _, e := range s.examples {
		doc.Examples = append(doc.Examples, contract.Example{Request: e.request, Reply: e.reply})
	}
	for _, member := range c.errors.members {
		doc.Errors = append(doc.Errors, contract.Error{
			Tag: member.tag, Aliases: slices.Clone(member.tags[1:]), Code: c.errors.staticCode(member),
		})
	}
	defs := definitions{}
	var first bodies
	for i := range c.codecs {
		codec := &c.codecs[i]
		doc.ContentTypes = append(doc.ContentTypes, codec.mediaType)
		next, err := c.bodies(codec)
		if err != nil {
			return doc, err
		}
		if i > 0 && next.equal(first) {
			continue
		}
		v, err := defs.add(next)
		if err != nil {
			return doc, err
		}
		if i > 0 {
			if doc.Variants == nil {
				doc.Variants = make(map[string]*contract.Variant)
			}
			doc.Variants[codec.mediaType] = v
			continue
		}
		first, doc.Request, doc.Reply = next, v.Request, v.Reply
		for j, e := range doc.Errors {
			doc.Errors[j].Schema = v.Errors[e.Tag]
		}
	}
	doc.Defs = defs
	return doc, nil
}

// bodies are the schemas of what one codec writes; nil for an empty body. Errors have their tags as keys.
type bodies struct {
	request, reply json.RawMessage
	errors         map[string]json.RawMessage
}

func (b bodies) equal(other bodies) bool {
	same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
	return same(b.request, other.request) && same(b.reply, other.reply) && maps.EqualFunc(b.errors, other.errors, same)
}

// bodies asks a codec what it writes.
func (c *compiled) bodies(codec *wireCodec) (b bodies, err error) {
	if !c.in.empty {
		if b.request, err = codec.describe(c.in); err != nil {
			return b, fmt.Errorf("request in %s: %w", codec.mediaType, err)
		}
	}
	if !c.out.empty {
		if b.reply, err = codec.describe(c.out); err != nil {
			return b, fmt.Errorf("reply in %s: %w", codec.mediaType, err)
		}
	}
	b.errors = make(map[string]json.RawMessage, len(c.errors.members))
	for _, member := range c.errors.members {
		if member.body.empty && !codec.carries(member.body) {
			continue
		}
		if b.errors[member.tag], err = codec.describe(member.body); err != nil {
			return b, fmt.Errorf("error %s in %s: %w", member.tag, codec.mediaType, err)
		}
	}
	return b, nil
}

// staticCode returns the code of a declared error if it is always the same, else 0. That cannot be known of a mapper, nor
// of a method; but one that says the same of three values that have nothing in common hardly looks at them.
func (t *errorTable) staticCode(member *errorMember) int {
	if t.mapper != nil {
		return 0
	}
	if !member.typ.Implements(reflect.TypeFor[coder]()) {
		return wire.DefaultCode
	}
	zero, filled := reflect.New(member.body.Type), reflect.New(member.body.Type)
	fill(filled.Elem())
	values := []any{load(zero.Interface()), load(filled.Interface())}
	if member.typ.Kind() == reflect.Pointer {
		values = []any{zero.Interface(), filled.Interface()}
	}
	if !isNil(member.sample) {
		values = append(values, member.sample)
	}
	code := 0
	for _, v := range values {
		next, ok := codeOf(v)
		if !ok || code != 0 && next != code {
			return 0
		}
		code = next
	}
	return code
}

// coder is the method of a declared error that says its code.
type coder interface{ ErrorCode() int }

// codeOf asks an error, whose method may panic on a value that it does not expect.
func codeOf(v any) (code int, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	c, ok := v.(coder)
	if !ok {
		return 0, false
	}
	return wire.CleanCode(c.ErrorCode()), true
}

// fill puts something into what can be set of a value.
func fill(v reflect.Value) {
	switch {
	case !v.CanSet():
	case v.CanInt():
		v.SetInt(99)
	case v.CanUint():
		v.SetUint(99)
	case v.CanFloat():
		v.SetFloat(99)
	case v.Kind() == reflect.String:
		v.SetString("something")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	}
}

// example is a request with the reply to it, as JSON, and why they could not be encoded.
type example struct {
	request, reply json.RawMessage
	errs           [2]error
}

// exampleOf encodes the value that slot points to.
func exampleOf(t wireType, slot any) (data json.RawMessage, err error) {
	if t.empty {
		return nil, nil
	}
	defer catchPanic(&err)
	return jsoncodec.Codec.Marshal(payload.Argument(t.Type, slot))
}

// checkWords checks what the endpoint says for people.
func (s *spec) checkWords(m *mistakes) {
	if s.deprecated != nil && strings.TrimSpace(*s.deprecated) == "" {
		m.add("Deprecated", *s.deprecated, errors.New("it is empty; say why, or what to use instead"))
	}
	for i, e := range s.examples {
		if err := errors.Join(e.errs[:]...); err != nil {
			m.add("WithExample", fmt.Sprint(i+1), err)
		}
	}
}

func checkMetadata(field string, metadata map[string]string, m *mistakes) {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		switch {
		case key == "":
			m.add(field, key, errEmpty)
		case strings.HasPrefix(key, wire.MetadataPrefix):
			m.add(field, key, errors.New("keys that begin with "+wire.MetadataPrefix+" are kept for the library"))
		}
	}
}
