package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Parse reads a document that anybody may have written, and validates it. It refuses more than 1 MiB and what is nested
// more than 64 deep. An error says where it is: "contract: request.properties.count.type: …".
//
// What Parse does not know is kept, in Extra, so that nothing is lost on the way through an older program. Keywords
// that it knows must have values that JSON Schema allows.
func Parse(data []byte) (Document, error) {
	tree, err := parseTree(data)
	if err != nil {
		return Document{}, parseError("", err)
	}
	var p parser
	d := p.document(tree)
	if p.err != nil {
		return Document{}, p.err
	}
	if err := d.Validate(); err != nil {
		return Document{}, err
	}
	return d, nil
}

// ParseSchema reads a schema, with the bounds of [Parse]. It may have definitions of its own, and each reference in it
// to a definition must be to one of those if there are any.
func ParseSchema(data []byte) (*Schema, error) {
	tree, err := parseTree(data)
	if err != nil {
		return nil, parseError("", err)
	}
	var p parser
	s := p.schema("", tree)
	if p.err != nil {
		return nil, p.err
	}
	if len(s.Defs) > 0 {
		if err := checkReferences(s.Defs, map[string]*Schema{"": s}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// parseError says where in a document something is wrong.
func parseError(path string, err error) error {
	if path == "" {
		return fmt.Errorf("contract: %w", err)
	}
	return fmt.Errorf("contract: %s: %w", path, err)
}

// parser makes values of a tree. It keeps the first error, and what it makes after that means nothing.
type parser struct {
	err error
}

func (p *parser) failf(path, format string, args ...any) {
	if p.err == nil {
		p.err = parseError(path, fmt.Errorf(format, args...))
	}
}

// members is an object whose members are taken out one by one, so that what is left is what is not known.
type members struct {
	p    *parser
	path string
	left map[string]any
}

func (p *parser) members(path string, tree any) members {
	object, ok := tree.(map[string]any)
	if !ok {
		p.failf(path, "is %s and not an object", kindOf(tree))
	}
	return members{p: p, path: path, left: object}
}

func (m members) at(name string) string {
	return member(m.path, name)
}

func (m members) take(name string) (any, bool) {
	value, ok := m.left[name]
	delete(m.left, name)
	return value, ok
}

func (m members) text(name string) string {
	value, ok := m.take(name)
	if !ok {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a string", kindOf(value))
	}
	return s
}

func (m members) flag(name string) bool {
	value, ok := m.take(name)
	if !ok {
		return false
	}
	b, ok := value.(bool)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a boolean", kindOf(value))
	}
	return b
}

// whole takes a whole number between two bounds, and zero for one that is not there.
func (m members) whole(name string, low, high int64) (n int64, ok bool) {
	value, ok := m.take(name)
	if !ok {
		return 0, false
	}
	number, ok := value.(json.Number)
	f, err := number.Float64()
	if !ok || err != nil || f != math.Trunc(f) || f < float64(low) || f > float64(high) {
		m.p.failf(m.at(name), "is not a whole number between %d and %d", low, high)
		return 0, false
	}
	return int64(f), true
}

// length takes a bound of an array's length.
func (m members) length(name string) *int {
	n, ok := m.whole(name, 0, math.MaxInt32)
	if !ok {
		return nil
	}
	length := int(n)
	return &length
}

// bound takes a bound of numbers. A large one counts only as RFC 8785 writes it: another one is not what a double holds,
// and is left where it is, among what is not compared.
func (m members) bound(name string) *float64 {
	value, ok := m.left[name]
	if !ok {
		return nil
	}
	number, ok := value.(json.Number)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a number", kindOf(value))
		return nil
	}
	f, err := number.Float64()
	if err != nil || isLargeInteger(number) && strconv.FormatFloat(f, 'f', -1, 64) != string(number) {
		return nil
	}
	delete(m.left, name)
	return &f
}

func (m members) list(name string) []any {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		m.p.failf(m.at(name), "is %s and not an array", kindOf(value))
	}
	return list
}

func (m members) texts(name string) []string {
	list := m.list(name)
	if len(list) == 0 {
		return nil
	}
	texts := make([]string, len(list))
	for i, value := range list {
		s, ok := value.(string)
		if !ok {
			m.p.failf(element(m.at(name), i), "is %s and not a string", kindOf(value))
		}
		texts[i] = s
	}
	return texts
}

// raw takes a value as it is, in its canonical form.
func (m members) raw(name string) json.RawMessage {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	return appendCanonical(nil, value)
}

func (m members) rawList(name string) []json.RawMessage {
	list := m.list(name)
	if list == nil {
		return nil
	}
	raws := make([]json.RawMessage, len(list))
	for i, value := range list {
		raws[i] = appendCanonical(nil, value)
	}
	return raws
}

func (m members) schema(name string) *Schema {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	return m.p.schema(m.at(name), value)
}

func (m members) schemas(name string) map[string]*Schema {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	named := m.p.members(m.at(name), value)
	if len(named.left) == 0 {
		return nil
	}
	schemas := make(map[string]*Schema, len(named.left))
	for _, name := range slices.Sorted(maps.Keys(named.left)) {
		schemas[name] = m.p.schema(named.at(name), named.left[name])
	}
	return schemas
}

// rest returns what was not taken.
func (m members) rest() map[string]json.RawMessage {
	if len(m.left) == 0 {
		return nil
	}
	rest := make(map[string]json.RawMessage, len(m.left))
	for name, value := range m.left {
		rest[name] = appendCanonical(nil, value)
	}
	return rest
}

// document reads a document.
func (p *parser) document(tree any) Document {
	m := p.members("", tree)
	if version, ok := m.whole("typednats", 1, math.MaxInt32); !ok {
		p.failf("typednats", "is missing: this is no contract document")
	} else if version != Version {
		p.failf("typednats", "is version %d of the format, and this program knows version %d", version, Version)
	}
	d := Document{
		Name:         m.text("name"),
		Subject:      m.text("subject"),
		Parameters:   m.texts("parameters"),
		Description:  m.text("description"),
		Deprecated:   m.text("deprecated"),
		Idempotent:   m.flag("idempotent"),
		ContentTypes: m.texts("content_types"),
		Request:      m.schema("request"),
		Reply:        m.schema("reply"),
		Defs:         m.schemas("$defs"),
	}
	d.Timeout, _ = m.whole("timeout_ms", 0, 1<<53)
	if d.QueueGroup.Disabled = m.left["queue_group"] == false; d.QueueGroup.Disabled {
		m.take("queue_group")
	}
	d.QueueGroup.Name = m.text("queue_group")
	for i, tree := range m.list("examples") {
		e := p.members(element("examples", i), tree)
		d.Examples = append(d.Examples, Example{Request: e.raw("request"), Reply: e.raw("reply")})
	}
	for i, tree := range m.list("errors") {
		d.Errors = append(d.Errors, p.declared(element("errors", i), tree))
	}
	if tree, ok := m.take("variants"); ok {
		d.Variants = p.variants(tree)
	}
	d.Extra = m.rest()
	return d
}

// declared reads a declared error. What else is in it is not kept.
func (p *parser) declared(path string, tree any) Error {
	m := p.members(path, tree)
	code, _ := m.whole("code", 0, math.MaxInt32)
	return Error{Tag: m.text("tag"), Aliases: m.texts("aliases"), Code: int(code), Schema: m.schema("schema")}
}

func (p *parser) variants(tree any) map[string]*Variant {
	named := p.members("variants", tree)
	if len(named.left) == 0 {
		return nil
	}
	variants := make(map[string]*Variant, len(named.left))
	for _, contentType := range slices.Sorted(maps.Keys(named.left)) {
		m := p.members(named.at(contentType), named.left[contentType])
		variants[contentType] = &Variant{Request: m.schema("request"), Reply: m.schema("reply"), Errors: m.schemas("errors")}
	}
	return variants
}

// schema reads a schema. The tree bounds the depth.
func (p *parser) schema(path string, tree any) *Schema {
	if all, ok := tree.(bool); ok {
		return &Schema{Nothing: !all}
	}
	m := p.members(path, tree)
	s := &Schema{
		Ref:                  m.text("$ref"),
		Types:                p.types(m),
		Format:               m.text("format"),
		Minimum:              m.bound("minimum"),
		Maximum:              m.bound("maximum"),
		Enum:                 m.rawList("enum"),
		Const:                m.raw("const"),
		Properties:           m.schemas("properties"),
		Required:             m.texts("required"),
		AdditionalProperties: m.schema("additionalProperties"),
		Items:                m.schema("items"),
		MinItems:             m.length("minItems"),
		MaxItems:             m.length("maxItems"),
		ContentEncoding:      m.text("contentEncoding"),
		ContentMediaType:     m.text("contentMediaType"),
		MsgpackName:          m.text("x-msgpack-name"),
		Title:                m.text("title"),
		Description:          m.text("description"),
		Deprecated:           m.flag("deprecated"),
		Examples:             m.rawList("examples"),
		Default:              m.raw("default"),
	}
	if list := m.list("anyOf"); list != nil {
		if len(list) == 0 {
			p.failf(m.at("anyOf"), "is empty")
		}
		s.AnyOf = make([]*Schema, len(list))
		for i, tree := range list {
			s.AnyOf[i] = p.schema(element(m.at("anyOf"), i), tree)
		}
	}
	if path == "" {
		s.Defs = m.schemas("$defs")
	}
	s.Extra = m.rest()
	return s
}

func (p *parser) types(m members) []Type {
	value, ok := m.take("type")
	if !ok {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if len(list) == 0 {
		p.failf(m.at("type"), "is empty")
	}
	types := make([]Type, len(list))
	for i, value := range list {
		name, _ := value.(string)
		switch types[i] = Type(name); types[i] {
		case Null, Boolean, Integer, Number, String, Array, Object:
		default:
			p.failf(m.at("type"), "has something that is no type of JSON Schema")
		}
	}
	return types
}

// kindOf says what a value is, in the words of JSON.
func kindOf(tree any) string {
	switch tree.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

// Validate returns what is wrong with a document, all of it, or nil: a name or a subject that cannot be one, content
// types that are missing or twice there, tags that mean two errors, references that lead nowhere or in a circle, values
// that are not JSON. [Parse] has called it.
func (d Document) Validate() error {
	var mistakes []error
	wrong := func(path, format string, args ...any) {
		mistakes = append(mistakes, parseError(path, fmt.Errorf(format, args...)))
	}
	if !isName(d.Name) {
		wrong("name", "%s is not a name: letters, digits, - and _", quote(d.Name))
	}
	if !isSubject(d.Subject) {
		wrong("subject", "%s is not a subject", quote(d.Subject))
	}
	if d.Timeout < 0 {
		wrong("timeout_ms", "is negative")
	}
	if !isDistinct(d.ContentTypes) {
		wrong("content_types", "has one that is empty, or there twice")
	}
	var tags []string
	for i, e := range d.Errors {
		tags = append(append(tags, e.Tag), e.Aliases...)
		if e.Code < 0 {
			wrong(element("errors", i)+".code", "is negative")
		}
	}
	if !isDistinct(tags) {
		wrong("errors", "has a tag that is empty, or there twice")
	}
	if err := checkReferences(d.Defs, d.roots()); err != nil {
		mistakes = append(mistakes, err)
	} else if err := d.checkSize(); err != nil {
		mistakes = append(mistakes, err)
	}
	return errors.Join(mistakes...)
}
