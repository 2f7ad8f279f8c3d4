package explorer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/contract"
)

// golang writes schemas as types of Go that encoding/json reads and writes as the schema says.
type golang struct {
	defs    map[string]*contract.Schema
	names   map[string]string
	written map[string]bool
	decls   strings.Builder
	queue   []string
	nodes   int
}

func newGolang(doc contract.Document) *golang {
	return &golang{defs: doc.Defs, names: identifiers(slices.Sorted(maps.Keys(doc.Defs))), written: make(map[string]bool)}
}

// body returns the name of a type for a body, and has it declared.
func (g *golang) body(title string, s *contract.Schema) string {
	if s == nil {
		return "struct{}"
	}
	name := g.expression(s, 0)
	if strings.HasPrefix(name, "struct {") {
		title = free(g.names, title)
		fmt.Fprintf(&g.decls, "type %s %s\n\n", title, name)
		name = title
	}
	for len(g.queue) > 0 && g.decls.Len() < maxTypeBytes {
		definition := g.queue[0]
		g.queue = g.queue[1:]
		fmt.Fprintf(&g.decls, "type %s %s\n\n", g.names[definition], g.expression(g.defs[definition], 0))
	}
	return name
}

// expression writes a schema as a type. A value of several kinds is any.
func (g *golang) expression(s *contract.Schema, depth int) string {
	g.nodes++
	if s == nil || s.Nothing || depth > maxTypeDepth || g.nodes > maxNodes {
		return "any"
	}
	if s.Ref != "" {
		return g.reference(s.Ref)
	}
	isNull := func(t contract.Type) bool { return t == contract.Null }
	types := slices.DeleteFunc(slices.Clone(s.Types), isNull)
	if len(types) == 1 && s.AnyOf == nil {
		return nullable(g.one(s, types[0], depth), len(types) < len(s.Types))
	}
	alternatives := slices.DeleteFunc(slices.Clone(s.AnyOf), func(s *contract.Schema) bool {
		return len(s.Types) == 1 && isNull(s.Types[0])
	})
	if len(alternatives) == 1 && len(types) == 0 {
		return nullable(g.expression(alternatives[0], depth+1), len(s.AnyOf) > 1)
	}
	return "any"
}

// nullable makes a type one that can be nil.
func nullable(name string, canBeNull bool) string {
	if !canBeNull || name == "any" || strings.HasPrefix(name, "[]") || strings.HasPrefix(name, "map[") || strings.HasPrefix(name, "*") {
		return name
	}
	return "*" + name
}

func (g *golang) reference(ref string) string {
	definition := strings.TrimPrefix(ref, "#/$defs/")
	name := g.names[definition]
	if name == "" {
		return "any"
	}
	if !g.written[definition] {
		g.written[definition] = true
		g.queue = append(g.queue, definition)
	}
	return name
}

func (g *golang) one(s *contract.Schema, t contract.Type, depth int) string {
	switch t {
	case contract.Boolean:
		return "bool"
	case contract.Integer:
		return cmp.Or(intFormat(s), "int64")
	case contract.Number:
		return "float64"
	case contract.String:
		switch {
		case s.ContentEncoding == "base64":
			return "[]byte"
		case s.Format == "date-time":
			return "time.Time"
		default:
			return "string"
		}
	case contract.Array:
		return "[]" + g.expression(s.Items, depth+1)
	case contract.Object:
		return g.object(s, depth)
	case contract.Null:
		return "any"
	default:
		return "any"
	}
}

// key returns the type of a map's keys, which is that of integers or text.
func (g *golang) key(s *contract.Schema) string {
	if s != nil && slices.Equal(s.Types, []contract.Type{contract.Integer}) {
		return g.one(s, contract.Integer, 0)
	}
	return "string"
}

func (g *golang) object(s *contract.Schema, depth int) string {
	if len(s.Properties) == 0 {
		return "map[" + g.key(s.Keys) + "]" + g.expression(s.AdditionalProperties, depth+1)
	}
	var b strings.Builder
	b.WriteString("struct {\n")
	taken, required := make(map[string]bool), setOf(s.Required)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if g.nodes > maxNodes {
			b.WriteString("// …\n")
			break
		}
		tag := name
		if !required[name] {
			tag += ",omitzero"
		}
		if strings.ContainsFunc(name, isNoTag) || name == "" || name == "-" {
			fmt.Fprintf(&b, "// %q cannot be the name of a field's tag\n", clip(name, maxName))
			continue
		}
		field := goName(name)
		for taken[field] {
			field += "_"
		}
		taken[field] = true
		// A type may hold itself where it need not be.
		canBeNil := !required[name] && s.Properties[name].Ref != ""
		fmt.Fprintf(&b, "%s %s `json:\"%s\"`\n", field, nullable(g.expression(s.Properties[name], depth+1), canBeNil), tag)
	}
	b.WriteString("}")
	return b.String()
}
