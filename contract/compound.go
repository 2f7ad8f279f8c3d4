package contract

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// compareArrays compares lengths and elements.
func (c *comparison) compareArrays(out sink, at *place, w, r *node) {
	least, most := lengths(w)
	low, high := lengths(r)
	if least < low || most > high {
		out.foundf(at, Breaking, RuleLength, "%s writes %s, %s reads %s", c.writer.who, count(least, most), c.reader.who, count(low, high))
	}
	if most > 0 {
		out.later(at.element(), w.Items, r.Items)
	}
}

func lengths(s *node) (least, most int) {
	most = math.MaxInt
	if s.MinItems != nil {
		least = *s.MinItems
	}
	if s.MaxItems != nil {
		most = *s.MaxItems
	}
	return least, most
}

func count(least, most int) string {
	switch {
	case least == most:
		return strconv.Itoa(least) + " elements"
	case most == math.MaxInt && least == 0:
		return "any number of elements"
	case most == math.MaxInt:
		return strconv.Itoa(least) + " elements or more"
	default:
		return strconv.Itoa(least) + " to " + strconv.Itoa(most) + " elements"
	}
}

// fields is what a schema says about the members of objects, by the names that cross the wire.
type fields struct {
	named    map[string]*Schema
	required map[string]bool
	others   *Schema // nil: none are written, and all are ignored
	twice    bool    // two members have one name in msgpack
}

func (c *comparison) fields(s *Schema) fields {
	f := fields{
		named:    make(map[string]*Schema, len(s.Properties)),
		required: make(map[string]bool, len(s.Required)),
		others:   s.AdditionalProperties,
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		wire := c.wireName(s, name)
		f.twice = f.twice || f.named[wire] != nil
		f.named[wire] = s.Properties[name]
	}
	for _, name := range s.Required {
		name = c.wireName(s, name)
		f.required[name] = true
		if f.named[name] == nil {
			// It is there, and nothing else is said about it.
			f.named[name] = cmp.Or(s.AdditionalProperties, c.anything)
		}
	}
	c.spend(len(f.named) + len(f.required))
	return f
}

// wireName returns the name of a member on the wire.
func (c *comparison) wireName(s *Schema, name string) string {
	if p := s.Properties[name]; c.msgpack && p != nil && p.MsgpackName != "" {
		return p.MsgpackName
	}
	return name
}

// compareObjects compares members. A writer writes those that it names, and others only if it has a schema for them. A
// reader ignores those that it does not name, unless it has a schema for them.
func (c *comparison) compareObjects(out sink, at *place, w, r *node) {
	written, read := c.fields(w.Schema), c.fields(r.Schema)
	if written.twice || read.twice {
		out.foundf(at, Warning, RuleKeyword, "cannot tell: two members have the same name in msgpack")
	}
	for _, name := range slices.Sorted(maps.Keys(read.required)) {
		switch {
		case written.required[name]:
		case written.named[name] != nil:
			out.foundf(at.member(name), Breaking, RuleRequired, "%s may leave it out, %s needs it", c.writer.who, c.reader.who)
		case written.others != nil:
			out.foundf(at.member(name), Breaking, RuleRequired, "%s need not write it, %s needs it", c.writer.who, c.reader.who)
		default:
			out.foundf(at.member(name), Breaking, RuleRequired, "%s does not write it, %s needs it", c.writer.who, c.reader.who)
		}
	}
	var folded map[string][]string
	for _, name := range slices.Sorted(maps.Keys(written.named)) {
		if known := read.named[name]; known != nil {
			out.later(at.member(name), written.named[name], known)
			continue
		}
		if folded == nil {
			folded = foldedNames(read.named)
		}
		if written.named[name].Nothing {
			continue
		}
		c.compareUnknown(out, at.member(name), written.named[name], read)
		if r.Keys != nil && read.takesOthers() {
			out.later(at.names(), c.key(name), r.Keys)
		}
		c.compareFolded(out, at.member(name), written.named[name], read, folded[fold(name)])
	}
	if written.others == nil || written.others.Nothing {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(read.named)) {
		if written.named[name] == nil {
			out.later(at.member(name), written.others, read.named[name])
		}
	}
	c.compareUnknown(out, at.others(), written.others, read)
	switch {
	case read.takesOthers():
		c.compareKeys(out, at.names(), w.Keys, r.Keys)
	case read.others == nil && c.msgpack: // what ignores a name has to read it
		c.compareKeys(out, at.names(), w.Keys, nil)
	}
}

// takesOthers reports whether members are read that have no name here.
func (f fields) takesOthers() bool { return f.others != nil && !f.others.Nothing }

// key returns the schema of what a name stands for.
func (c *comparison) key(name string) *Schema {
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && !c.msgpack && strconv.FormatInt(n, 10) == name {
		return &Schema{Const: json.RawMessage(name)}
	}
	return &Schema{Const: appendCanonical(nil, name)}
}

// compareKeys compares what the names of other members stand for. In JSON all of them are text to who wants no more.
func (c *comparison) compareKeys(out sink, at *place, w, r *Schema) {
	if w == nil && r == nil || r == nil && !c.msgpack {
		return
	}
	out.later(at, cmp.Or(w, c.text), cmp.Or(r, c.text))
}

// compareUnknown is about a member that the reader does not name.
func (c *comparison) compareUnknown(out sink, at *place, w *Schema, read fields) {
	switch {
	case read.others == nil && c.ignoring:
	case read.others == nil:
		out.foundf(at, Warning, RuleIgnored, "%s writes it, %s ignores it", c.writer.who, c.reader.who)
	case read.others.Nothing:
		out.foundf(at, Breaking, RuleClosed, "%s writes it, %s refuses what it does not know", c.writer.who, c.reader.who)
	default:
		out.later(at, w, read.others)
	}
}

// compareFolded is about a member whose name the reader spells with other capitals: Go's encoding/json takes the one for
// the other, and no other reader does.
func (c *comparison) compareFolded(out sink, at *place, w *Schema, read fields, names []string) {
	if c.msgpack {
		return
	}
	for _, name := range names {
		if !c.spend(1) {
			return
		}
		out.foundf(at, Warning, RuleCase, "%s reads %s, and in Go takes the one for the other", c.reader.who, quote(name))
		out.later(at, w, read.named[name])
	}
}

func foldedNames(named map[string]*Schema) map[string][]string {
	folded := make(map[string][]string, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		folded[fold(name)] = append(folded[fold(name)], name)
	}
	return folded
}

func fold(name string) string {
	return strings.ToLower(strings.ToUpper(name))
}
