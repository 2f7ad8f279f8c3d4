package tsgen

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// shape says where in a value integers are read as bigint. Its fields are expressions of TypeScript, or empty.
type shape struct {
	isInt64       bool
	items, others string
	members       []string
}

type shapeOrError struct {
	shape shape
	err   error
}

func (s shape) isNothing() bool {
	return !s.isInt64 && s.items == "" && s.others == "" && len(s.members) == 0
}

// expression returns the shape in TypeScript.
func (s shape) expression() string {
	var parts []string
	if s.isInt64 {
		parts = append(parts, "int64")
	}
	if s.items != "" {
		parts = append(parts, "listOf(() => "+s.items+")")
	}
	if len(s.members) == 1 {
		parts = append(parts, "membersOf(["+s.members[0]+"])")
	} else if len(s.members) > 1 {
		parts = append(parts, "membersOf([\n  "+strings.Join(s.members, ",\n  ")+",\n])")
	}
	if s.others != "" {
		parts = append(parts, "mapOf(() => "+s.others+")")
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "{ ..." + strings.Join(parts, ", ...") + " }"
}

// shapeHelpers are the functions that shapes are made with. The compiler of a careful team wants none that is not used.
func shapeHelpers(written string) string {
	var b strings.Builder
	for _, helper := range []struct{ call, text string }{
		{"listOf(", "function listOf(items: () => Shape): Shape {\n  return { items };\n}\n"},
		{"mapOf(", "function mapOf(others: () => Shape): Shape {\n  return { others };\n}\n"},
		{"membersOf(", "function membersOf(members: [string, () => Shape][]): Shape {\n  return { members: new Map(members) };\n}\n"},
	} {
		if strings.Contains(written, helper.call) {
			b.WriteString("\n" + helper.text)
		}
	}
	return b.String()
}

// shapeName is the constant with the shape of a definition.
func shapeName(definition string) string { return "shapeOf" + definition }

// shapeOf returns an expression for the shape of a schema, or nothing if it has no bigint. A definition stands for itself,
// so that one which contains itself has an end.
func (s scope) shapeOf(schema *contract.Schema) (string, error) {
	if schema == nil || !s.bigints {
		return "", nil
	}
	if def, ok := s.definition(schema.Ref); ok {
		if !s.hasBigint[def.Name] {
			return "", nil
		}
		s.needShape(def)
		return shapeName(def.Name), nil
	}
	if schema.AnyOf != nil { // often a reference and null
		for i, alternative := range schema.AnyOf {
			others := slices.Delete(slices.Clone(schema.AnyOf), i, i+1)
			if !slices.ContainsFunc(others, func(o *contract.Schema) bool { return !isNull(o) }) {
				return s.shapeOf(alternative)
			}
		}
	}
	shape, err := s.shape(schema)
	if err != nil || shape.isNothing() {
		return "", err
	}
	return shape.expression(), nil
}

// isNull reports whether a schema is that of null alone.
func isNull(schema *contract.Schema) bool {
	return schema != nil && slices.Equal(schema.Types, []contract.Type{contract.Null})
}

// needShape says that the shape of a definition has to be written.
func (g *generator) needShape(def endpoints.Definition) {
	if !g.needed[def.Name] {
		g.needed[def.Name] = true
		g.shapes = append(g.shapes, def.Name)
	}
}

// writeShapes returns the shapes that are needed, and those that they need.
func (g *generator) writeShapes() (string, error) {
	var b strings.Builder
	for written := 0; written < len(g.shapes); written++ { //nolint:intrange // there may be more after each
		def := g.byName[g.shapes[written]]
		shape, err := scope{g, def.Scope}.shape(def.Schema)
		if err != nil {
			return "", fmt.Errorf("%s: %w", def.Name, err)
		}
		fmt.Fprintf(&b, "\nconst %s: Shape = %s;\n", shapeName(def.Name), shape.expression())
	}
	return b.String(), nil
}

// shape returns the shape of a schema.
func (s scope) shape(schema *contract.Schema) (shape, error) {
	switch {
	case schema == nil || schema.Nothing:
		return shape{}, nil
	case schema.Ref != "":
		def, ok := s.definition(schema.Ref)
		if !ok {
			return shape{}, nil
		}
		known, ok := s.shapeOfDef[def.Name]
		if !ok {
			known.shape, known.err = scope{s.generator, def.Scope}.shape(def.Schema)
			s.shapeOfDef[def.Name] = known
		}
		return known.shape, known.err
	case schema.Const != nil || schema.Enum != nil:
		return shape{isInt64: slices.ContainsFunc(s.literals(schema), isBigint)}, nil
	case schema.AnyOf != nil:
		return s.union(schema.AnyOf)
	}
	var own shape
	var err error
	for _, t := range typesOf(schema) {
		switch t {
		case contract.Integer:
			own.isInt64 = isInt64(schema)
		case contract.Array:
			own.items, err = s.shapeOf(schema.Items)
		case contract.Object:
			err = s.shapeMembers(&own, schema)
		default:
		}
		if err != nil {
			return shape{}, err
		}
	}
	return own, nil
}

// isBigint reports whether the type of one value is a bigint.
func isBigint(literal string) bool {
	digits, ok := strings.CutSuffix(literal, "n")
	return literal == "bigint" || ok && isInteger(json.Number(digits))
}

func (s scope) shapeMembers(own *shape, schema *contract.Schema) error {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		member, err := s.shapeOf(schema.Properties[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if member != "" {
			own.members = append(own.members, "["+quote(name)+", "+"() => "+member+"]")
		} else if schema.AdditionalProperties != nil {
			own.members = append(own.members, "["+quote(name)+", () => ({})]") // it is none of the others
		}
	}
	others, err := s.shapeOf(schema.AdditionalProperties)
	own.others = others
	return err
}

// union returns the shape of alternatives. A value is read as bigints or not by its place alone, so at most one of those
// of a kind may be such that it matters.
func (s scope) union(alternatives []*contract.Schema) (shape, error) {
	var whole shape
	taken, matters := map[kind]bool{}, false
	for _, alternative := range alternatives {
		own, err := s.shape(alternative)
		if err != nil {
			return shape{}, err
		}
		kinds := s.kinds(alternative)
		for kind := range kinds {
			if taken[kind] && (matters || !own.isNothing()) {
				return shape{}, fmt.Errorf("alternatives of the type %s have integers of 64 bits or not: %w", kind, errAmbiguous)
			}
			taken[kind] = true
		}
		matters = matters || !own.isNothing()
		whole.isInt64 = whole.isInt64 || own.isInt64
		whole.items += own.items
		whole.others += own.others
		whole.members = append(whole.members, own.members...)
	}
	return whole, nil
}

// kind is what a value of JSON is, as JSON.parse tells it apart.
type kind string

func (s scope) kinds(schema *contract.Schema) map[kind]bool {
	found := map[kind]bool{}
	switch def, isDefined := s.definition(schema.Ref); {
	case isDefined:
		if s.kindsOfDef[def.Name] == nil {
			s.kindsOfDef[def.Name] = scope{s.generator, def.Scope}.kinds(def.Schema)
		}
		return s.kindsOfDef[def.Name]
	case schema.Ref != "", len(typesOf(schema)) == 1 && typesOf(schema)[0] == "" && schema.AnyOf == nil && schema.Enum == nil && schema.Const == nil:
		for _, k := range []kind{"number", "array", "object"} {
			found[k] = true
		}
	case schema.AnyOf != nil:
		for _, alternative := range schema.AnyOf {
			maps.Copy(found, s.kinds(alternative))
		}
	default:
		if schema.Enum != nil || schema.Const != nil {
			for _, literal := range s.literals(schema) {
				found[kindOf(literal)] = true
			}
			return found
		}
		for _, t := range typesOf(schema) {
			switch t {
			case contract.Integer, contract.Number:
				found["number"] = true
			case contract.Array, contract.Object:
				found[kind(t)] = true
			default:
			}
		}
	}
	return found
}

// kindOf returns the kind of a type that has one value.
func kindOf(literal string) kind {
	switch {
	case literal == emptyObject || literal[0] == '{':
		return "object"
	case literal[0] == '[':
		return "array"
	case literal[0] == '"':
		return "string"
	case literal == "null" || literal == "true" || literal == "false":
		return kind(literal)
	default:
		return "number"
	}
}
