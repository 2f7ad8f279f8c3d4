package contract

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// shape is a schema without references and alternatives: the nodes of which a value satisfies at least one.
type shape struct {
	nodes []*node
	mixed bool // there is more to it, which is not compared
	open  bool // one of the nodes takes everything
	raw   bool // one of the nodes is a body that is not JSON
}

// onlyRaw reports whether all nodes are bodies that are not JSON.
func (s *shape) onlyRaw() bool {
	return s.raw && !slices.ContainsFunc(s.nodes, func(n *node) bool { return !n.raw })
}

// shape flattens a schema. It looks at each schema once, so that references which meet again and again cost nothing.
func (c *comparison) shape(s *Schema, of *side) *shape {
	if known := of.shapes[s]; known != nil {
		return known
	}
	f := flattening{comparison: c, defs: of.defs, seen: map[*Schema]bool{}, shape: &shape{}}
	f.add(s)
	f.mergeLists()
	for _, n := range f.nodes {
		f.open = f.open || n.open
		f.raw = f.raw || n.raw
	}
	of.shapes[s] = f.shape
	return f.shape
}

type flattening struct {
	*comparison
	*shape

	defs map[string]*Schema
	seen map[*Schema]bool
}

func (f *flattening) add(s *Schema) {
	if s == nil {
		s = f.anything
	}
	if f.seen[s] || s.Nothing {
		return
	}
	if f.seen[s] = true; !f.spend(1 + len(s.Enum)) {
		f.mixed = true
		return
	}
	if s.Ref == "" && s.AnyOf == nil {
		f.nodes = append(f.nodes, newNode(s))
		return
	}
	f.mixed = f.mixed || !s.saysNothing() || s.Ref != "" && s.AnyOf != nil
	if s.Ref != "" {
		name, ok := definition(s.Ref)
		if target := f.defs[name]; ok && target != nil {
			f.add(target)
			return
		}
		f.mixed = true
		f.nodes = append(f.nodes, newNode(f.anything))
	}
	for _, alternative := range s.AnyOf {
		f.add(alternative)
	}
}

// mergeLists makes one alternative of those that are only lists of values, as other languages write an enum.
func (f *flattening) mergeLists() {
	isList := func(n *node) bool { return n.list }
	if first := slices.IndexFunc(f.nodes, isList); first < 0 || !slices.ContainsFunc(f.nodes[first+1:], isList) {
		return
	}
	merged := &node{Schema: f.anything, list: true, values: map[Type][]string{}}
	for _, n := range f.nodes {
		if !n.list {
			continue
		}
		for _, t := range n.types {
			if merged.values[t] == nil {
				merged.types = append(merged.types, t)
			}
			merged.values[t] = append(merged.values[t], n.values[t]...)
		}
	}
	f.nodes = append(slices.DeleteFunc(f.nodes, isList), merged)
}

// node is a schema without references and alternatives.
type node struct {
	*Schema

	types  []Type            // what it writes, or nil if it does not say
	values map[Type][]string // what it lists, in canonical form, or nil if it does not
	list   bool              // it is a list of values and nothing else
	open   bool              // it takes everything
	raw    bool              // it is a body that is not JSON
}

func newNode(s *Schema) *node {
	n := &node{Schema: s, types: s.Types}
	says := !s.saysNothing()
	if s.Enum == nil && s.Const == nil {
		n.open = !says
		n.raw = len(s.Types) == 0 && s.ContentMediaType != ""
		return n
	}
	plain := *s
	plain.Types, plain.Enum, plain.Const = nil, nil, nil
	n.list = plain.saysNothing()
	n.types, n.values = []Type{}, map[Type][]string{}
	for _, value := range s.listed() {
		tree := rawTree(value)
		t := typeOf(tree)
		if len(s.Types) > 0 && !slices.Contains(s.Types, t) && (t != Integer || !slices.Contains(s.Types, Number)) {
			continue
		}
		if n.values[t] == nil {
			n.types = append(n.types, t)
		}
		n.values[t] = append(n.values[t], string(appendCanonical(nil, tree)))
	}
	return n
}

// listed returns the values that a schema lists.
func (s *Schema) listed() []json.RawMessage {
	switch {
	case s.Const == nil:
		return s.Enum
	case s.Enum == nil:
		return []json.RawMessage{s.Const}
	}
	constant := canonical(s.Const)
	for _, value := range s.Enum {
		if canonical(value) == constant {
			return []json.RawMessage{s.Const}
		}
	}
	return nil
}

// saysNothing reports whether a schema has nothing but a reference, alternatives and annotations.
func (s *Schema) saysNothing() bool {
	for keyword := range s.Extra {
		if !isHarmless(keyword) {
			return false
		}
	}
	return len(s.Types) == 0 && s.Format == "" && s.Minimum == nil && s.Maximum == nil && s.Enum == nil && s.Const == nil &&
		len(s.Properties) == 0 && len(s.Required) == 0 && s.AdditionalProperties == nil &&
		s.Items == nil && s.MinItems == nil && s.MaxItems == nil && s.ContentEncoding == "" && s.ContentMediaType == ""
}

// canonical returns the one form of a value.
func canonical(value json.RawMessage) string {
	return string(appendCanonical(nil, rawTree(value)))
}

// typeOf returns the type of a value. A number without a fraction is an integer.
func typeOf(tree any) Type {
	switch v := tree.(type) {
	case bool:
		return Boolean
	case json.Number:
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) {
			return Integer
		}
		return Number
	case string:
		return String
	case []any:
		return Array
	case map[string]any:
		return Object
	default:
		return Null
	}
}

// takes reports whether a node reads values of a type.
func (n *node) takes(t Type) bool {
	return n.types == nil && !n.raw || slices.Contains(n.types, t) || t == Integer && slices.Contains(n.types, Number)
}

// String says in a few words what a node is.
func (n *node) String() string {
	switch {
	case n.open:
		return "anything"
	case n.raw:
		return "bytes of " + form(n.ContentMediaType, n.Format, n.ContentEncoding)
	case n.types == nil:
		return "something with conditions"
	case len(n.types) == 0:
		return "nothing"
	}
	words := make([]string, len(n.types))
	for i, t := range n.types {
		words[i] = withArticle(t)
	}
	return strings.Join(words, " or ")
}

// String says in a few words what a shape is.
func (s *shape) String() string {
	var words []string
	for _, n := range s.nodes {
		if word := n.String(); !slices.Contains(words, word) && len(words) < 7 {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " or ")
}

// form names what is not empty of some words that a stranger may have written.
func form(words ...string) string {
	var quoted []string
	for _, word := range words {
		if word != "" {
			quoted = append(quoted, quote(word))
		}
	}
	return strings.Join(quoted, " ")
}

func withArticle(t Type) string {
	switch t {
	case Integer, Array, Object:
		return "an " + string(t)
	case Null:
		return "null"
	default:
		return "a " + string(t)
	}
}

func plural(t Type) string {
	if t == Null {
		return "null"
	}
	return string(t) + "s"
}
