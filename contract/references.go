package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// errEndless says that a reference leads in a circle.
var errEndless = errors.New("refers to itself and never to a schema")

// definition returns the name of the definition that a reference is to. Other references are not to a definition of
// this document.
func definition(ref string) (name string, ok bool) {
	fragment, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok || strings.Contains(fragment, "/") {
		return "", false
	}
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(fragment), true
}

// Reference returns the reference to a definition, for [Schema.Ref].
func Reference(name string) string {
	return "#/$defs/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// roots returns the schemas of a document by their paths.
func (d Document) roots() map[string]*Schema {
	roots := map[string]*Schema{"request": d.Request, "reply": d.Reply}
	for i, e := range d.Errors {
		roots[element("errors", i)+".schema"] = e.Schema
	}
	for contentType, v := range d.Variants {
		path := member("variants", contentType)
		if v == nil {
			continue
		}
		roots[path+".request"] = v.Request
		roots[path+".reply"] = v.Reply
		for tag, s := range v.Errors {
			roots[member(path+".errors", tag)] = s
		}
	}
	return roots
}

// each calls f for each schema directly below s.
func (s *Schema) each(f func(path string, below *Schema)) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f(member("properties", name), s.Properties[name])
	}
	if s.AdditionalProperties != nil {
		f("additionalProperties", s.AdditionalProperties)
	}
	if s.Keys != nil {
		f("x-keys", s.Keys)
	}
	if s.Items != nil {
		f("items", s.Items)
	}
	for i, alternative := range s.AnyOf {
		f(element("anyOf", i), alternative)
	}
}

// checkReferences returns an error if schemas are nested too deep, if a reference is to a definition that is not there,
// or if references lead in a circle. A schema may contain itself, as a tree does; what has no meaning is a schema that
// is nothing but itself.
func checkReferences(defs, roots map[string]*Schema) error {
	all := maps.Clone(roots)
	for name, s := range defs {
		all[member("$defs", name)] = s
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if err := checkSchema(defs, all[path], path, maxDepth); err != nil {
			return err
		}
	}
	c := circles{defs: defs, state: map[*Schema]bool{}}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if err := c.check(all[path], path); err != nil {
			return err
		}
	}
	return nil
}

// checkSchema checks the references in a schema, and what a schema that was made by hand may have wrong: its depth, and
// values that are not JSON.
func checkSchema(defs map[string]*Schema, s *Schema, path string, depth int) error {
	if s == nil {
		return nil
	}
	if depth == 0 {
		return parseError(path, errTooDeep)
	}
	if name, ok := definition(s.Ref); ok && defs[name] == nil {
		return parseError(path, fmt.Errorf("there is no definition %s", quote(name)))
	}
	raws := slices.Concat(s.Enum, s.Examples, slices.Collect(maps.Values(s.Extra)))
	for _, raw := range append(raws, s.Const, s.Default) {
		if raw != nil && !json.Valid(raw) {
			return parseError(path, errors.New("has a value that is not JSON"))
		}
	}
	var first error
	s.each(func(below string, next *Schema) {
		if first == nil {
			first = checkSchema(defs, next, path+"."+below, depth-1)
		}
	})
	return first
}

// circles looks for references that lead in a circle: from a schema to what it refers to and to its alternatives, which
// all are about the same value. Its map has true for a schema that ends, false for one that is being looked at.
type circles struct {
	defs  map[string]*Schema
	state map[*Schema]bool
}

// check returns an error if a reference in s, or in a schema below it, leads in a circle.
func (c circles) check(s *Schema, path string) error {
	if s == nil {
		return nil
	}
	if !c.ends(s) {
		return parseError(path, errEndless)
	}
	var first error
	s.each(func(below string, next *Schema) {
		if first == nil {
			first = c.check(next, path+"."+below)
		}
	})
	return first
}

// ends reports whether what s says about its own value ends.
func (c circles) ends(s *Schema) bool {
	if s == nil {
		return true
	}
	if ends, seen := c.state[s]; seen {
		return ends
	}
	c.state[s] = false
	if name, ok := definition(s.Ref); ok && !c.ends(c.defs[name]) {
		return false
	}
	for _, alternative := range s.AnyOf {
		if !c.ends(alternative) {
			return false
		}
	}
	c.state[s] = true
	return true
}

// checkSize returns an error if Parse would refuse the document for its size or its depth, or if a value in it is not
// JSON. Schemas have been checked before, so their bytes can be made.
func (d Document) checkSize() error {
	for _, raw := range d.ownValues() {
		if raw != nil && !json.Valid(raw) {
			return parseError("", errors.New("has an example or a member that is not JSON"))
		}
	}
	if _, err := parseTree(d.Bytes()); err != nil {
		return parseError("", err)
	}
	return nil
}

func (d Document) ownValues() []json.RawMessage {
	values := slices.Collect(maps.Values(d.Extra))
	for _, e := range d.Examples {
		values = append(values, e.Request, e.Reply)
	}
	return values
}
