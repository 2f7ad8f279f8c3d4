package contract

import (
	"maps"
	"slices"
	"strings"
)

// isHarmless reports whether a keyword that is not compared cannot matter: it says nothing about values. Keywords that
// begin with x- are for programs other than this one.
func isHarmless(keyword string) bool {
	switch keyword {
	case "$schema", "$comment", "$anchor", "$defs", "definitions", "readOnly", "writeOnly":
		return true
	default:
		return strings.HasPrefix(keyword, "x-")
	}
}

// isLocal reports whether a keyword that is not compared is about its value alone and only ever refuses some, so that
// the same keyword with the same value means the same on both sides. One that has members written which properties do not
// name, such as minProperties, is not.
func isLocal(keyword string) bool {
	switch keyword {
	case "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minimum", "maximum", "minLength", "maxLength", "pattern",
		"uniqueItems", "maxProperties":
		return true
	default:
		return false
	}
}

// keywords tells of what the reader may refuse for reasons that are not compared.
func (c *comparison) keywords(out sink, at *place, w, r *node) {
	for _, keyword := range slices.Sorted(maps.Keys(r.Extra)) {
		if isHarmless(keyword) || !c.spend(1) {
			continue
		}
		if isLocal(keyword) && w.Extra[keyword] != nil && canonical(w.Extra[keyword]) == canonical(r.Extra[keyword]) {
			continue
		}
		out.foundf(at, Warning, RuleKeyword, "cannot tell: %s has the keyword %s, which is not compared", c.reader.who, quote(keyword))
	}
}

// unjudged tells of what the writer may write for reasons that are not compared. A keyword that only ever refuses values
// makes it write less, which hurts nobody.
func (c *comparison) unjudged(out sink, at *place, w *node) {
	for _, keyword := range slices.Sorted(maps.Keys(w.Extra)) {
		if !isHarmless(keyword) && !isLocal(keyword) && c.spend(1) {
			out.foundf(at, Warning, RuleKeyword, "cannot tell: %s has the keyword %s, which is not compared", c.writer.who, quote(keyword))
		}
	}
}

// hasMsgpackNames reports whether a member below one of some schemas, or of some definitions, has another name in
// msgpack, or one that is no text there.
func hasMsgpackNames(defs map[string]*Schema, schemas ...*Schema) bool {
	for _, s := range slices.AppendSeq(schemas, maps.Values(defs)) {
		if namesMsgpack(s, maxDepth) {
			return true
		}
	}
	return false
}

// namesMsgpack takes what is nested too deep to look at for a schema with such names, which costs time alone.
func namesMsgpack(s *Schema, depth int) bool {
	if s == nil {
		return false
	}
	names := s.MsgpackName != "" || s.Keys != nil || depth == 0
	if !names {
		s.each(func(_ string, below *Schema) {
			names = names || namesMsgpack(below, depth-1)
		})
	}
	return names
}
