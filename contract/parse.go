package contract

import (
	"fmt"
	"maps"
	"math"
	"slices"
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
		Keys:                 m.schema("x-keys"),
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
