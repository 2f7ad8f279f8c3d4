package tsgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// scope is one document: what its references lead to.
type scope struct {
	*generator

	number int
}

// definition returns what a reference leads to.
func (s scope) definition(ref string) (endpoints.Definition, bool) {
	name, ok := s.defs.Name(s.number, ref)
	if !ok {
		return endpoints.Definition{}, false
	}
	return s.byName[name], true
}

// maxTuple is how long an array may be that is written as a tuple.
const maxTuple = 8

// expression returns the type of what a schema describes. Lines of it after the first are indented.
func (s scope) expression(schema *contract.Schema, indent string) string {
	return strings.Join(s.alternatives(schema, indent), " | ")
}

// alternatives returns the members of the union that a schema is, each of them once.
func (s scope) alternatives(schema *contract.Schema, indent string) []string {
	var all []string
	switch {
	case schema == nil:
		return []string{"unknown"}
	case schema.Nothing:
		return []string{"never"}
	case schema.Ref != "":
		if def, ok := s.definition(schema.Ref); ok {
			return []string{def.Name}
		}
		return []string{"unknown"}
	case schema.Const != nil || schema.Enum != nil:
		all = s.literals(schema)
	case schema.AnyOf != nil:
		for _, alternative := range schema.AnyOf {
			all = append(all, s.alternatives(alternative, indent)...)
		}
	default:
		for _, t := range typesOf(schema) {
			all = append(all, s.typed(schema, t, indent))
		}
	}
	if len(all) == 0 {
		return []string{"never"}
	}
	if slices.Contains(all, "unknown") {
		return []string{"unknown"}
	}
	return orderNull(unique(all))
}

// typesOf returns the types of a schema, or nothing of a schema that does not say: then it may be anything. One that
// names members and no type means an object, and so on.
func typesOf(schema *contract.Schema) []contract.Type {
	switch {
	case len(schema.Types) > 0:
		return schema.Types
	case len(schema.Properties) > 0 || len(schema.Required) > 0 || schema.AdditionalProperties != nil:
		return []contract.Type{contract.Object}
	case schema.Items != nil:
		return []contract.Type{contract.Array}
	case schema.ContentEncoding != "":
		return []contract.Type{contract.String}
	default:
		return []contract.Type{""}
	}
}

// orderNull puts null at the end, where people look for it.
func orderNull(all []string) []string {
	if i := slices.Index(all, "null"); i >= 0 {
		return append(slices.Delete(all, i, i+1), "null")
	}
	return all
}

func unique(all []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

// typed returns the type of a schema's values of one type.
func (s scope) typed(schema *contract.Schema, t contract.Type, indent string) string {
	switch t {
	case contract.Null:
		return "null"
	case contract.Boolean:
		return "boolean"
	case contract.String:
		return "string"
	case contract.Number:
		return "number"
	case contract.Integer:
		if s.bigints && isInt64(schema) {
			return "bigint"
		}
		return "number"
	case contract.Array:
		return s.array(schema, indent)
	case contract.Object:
		return s.object(schema, indent)
	default:
		return "unknown"
	}
}

// isInt64 reports whether a schema has integers that a double may not hold.
func isInt64(schema *contract.Schema) bool {
	if !slices.Contains(schema.Types, contract.Integer) || slices.Contains(schema.Types, contract.Number) {
		return false
	}
	switch schema.Format {
	case "int8", "int16", "int32", "uint8", "uint16", "uint32", "byte":
		return false
	}
	const exact = 1 << 53
	return schema.Minimum == nil || *schema.Minimum < -exact || schema.Maximum == nil || *schema.Maximum > exact
}

// literals returns the values that a schema lists.
func (s scope) literals(schema *contract.Schema) []string {
	values := schema.Enum
	if schema.Const != nil {
		values = []json.RawMessage{schema.Const}
	}
	large := slices.ContainsFunc(values, func(raw json.RawMessage) bool { return isLarge(json.Number(raw)) })
	var all []string
	for _, raw := range values {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil { // Parse has refused it
			value = nil
		}
		if isOf(schema.Types, value) {
			all = append(all, s.literal(value, large))
		}
	}
	return all
}

// isOf reports whether a value is of one of some types. Without any it is.
func isOf(types []contract.Type, value any) bool {
	if len(types) == 0 {
		return true
	}
	var t contract.Type
	switch v := value.(type) {
	case nil:
		t = contract.Null
	case bool:
		t = contract.Boolean
	case string:
		t = contract.String
	case json.Number:
		f, err := v.Float64()
		if slices.Contains(types, contract.Number) || err != nil || f == math.Trunc(f) {
			return slices.Contains(types, contract.Number) || slices.Contains(types, contract.Integer)
		}
		t = contract.Number
	case []any:
		t = contract.Array
	default:
		t = contract.Object
	}
	return slices.Contains(types, t)
}

// literal returns the type of one value. With large, integers are bigints where those are asked for.
func (s scope) literal(value any, large bool) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return quote(v)
	case json.Number:
		return s.numberLiteral(v, large)
	case []any:
		elements := make([]string, len(v))
		for i, element := range v {
			elements[i] = s.literal(element, false)
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case map[string]any:
		members := []string{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, key(name)+": "+s.literal(v[name], false))
		}
		if len(members) == 0 {
			return emptyObject
		}
		return "{ " + strings.Join(members, "; ") + " }"
	default:
		return "unknown"
	}
}

func (s scope) numberLiteral(n json.Number, large bool) string {
	if large && s.bigints {
		if isInteger(n) {
			return string(n) + "n"
		}
		return "bigint"
	}
	f, err := n.Float64()
	if err != nil || isLarge(n) {
		return "number" // a literal would be another number
	}
	return strconv.FormatFloat(f+0, 'f', -1, 64)
}

func isInteger(n json.Number) bool {
	return n != "" && strings.Trim(strings.TrimPrefix(string(n), "-"), "0123456789") == ""
}

// isLarge reports whether a number is an integer that a double may not hold.
func isLarge(n json.Number) bool {
	if !isInteger(n) {
		return false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return err != nil || i > 1<<53 || i < -1<<53
}

func (s scope) array(schema *contract.Schema, indent string) string {
	if n := schema.MinItems; n != nil && schema.MaxItems != nil && *n == *schema.MaxItems && *n <= maxTuple {
		item := s.expression(schema.Items, indent)
		return "[" + strings.Join(slices.Repeat([]string{item}, *n), ", ") + "]"
	}
	all := s.alternatives(schema.Items, indent)
	if len(all) > 1 {
		return "(" + strings.Join(all, " | ") + ")[]"
	}
	return all[0] + "[]"
}

// emptyObject is the type of an object in which nothing is.
const emptyObject = "Record<string, never>"

// object returns the type of an object. Nothing but what the schema names can be in what is sent; what comes may have more,
// which nobody asks for.
func (s scope) object(schema *contract.Schema, indent string) string {
	others := schema.AdditionalProperties
	if others != nil && others.Nothing {
		others = nil
	}
	if len(schema.Properties) == 0 && len(schema.Required) == 0 {
		if others == nil {
			return emptyObject
		}
		return "{ [name: string]: " + s.expression(others, indent) + " }"
	}
	return "{\n" + s.members(schema, others, indent+"  ") + indent + "}"
}

// members returns the members of an object, one on a line.
func (s scope) members(schema, others *contract.Schema, indent string) string {
	var b strings.Builder
	names := slices.Collect(maps.Keys(schema.Properties))
	for _, name := range schema.Required {
		if schema.Properties[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		member := schema.Properties[name]
		mark := "?"
		if slices.Contains(schema.Required, name) {
			mark = ""
		}
		b.WriteString(comment(indent, s.words(member)...))
		b.WriteString(indent + key(name) + mark + ":" + broken(s.alternatives(member, indent), indent, len(key(name)+mark)+3) + ";\n")
	}
	if others != nil {
		b.WriteString(comment(indent, line{text: "All others are " + s.expression(others, "")}))
		b.WriteString(indent + "[name: string]: unknown;\n")
	}
	return b.String()
}

// maxLine is how long a line of code is before it is broken, as far as it can be.
const maxLine = 120

// broken returns a union behind a colon or an equals sign, with a line for each member if it is long.
func broken(all []string, indent string, before int) string {
	whole := strings.Join(all, " | ")
	if len(all) == 1 || len(indent)+before+len(whole) <= maxLine || strings.Contains(whole, "\n") {
		return " " + whole
	}
	return "\n" + indent + "  | " + strings.Join(all, "\n"+indent+"  | ")
}

// words returns what is said to people of a schema.
func (s scope) words(schema *contract.Schema) []line {
	if schema == nil {
		return nil
	}
	text := schema.Description
	if text == "" {
		text = schema.Title
	}
	if note := s.note(schema); note != "" && text != "" {
		text += " (" + note + ")"
	} else if note != "" {
		text = note
	}
	lines := []line{{text: text}}
	for _, example := range schema.Examples {
		lines = append(lines, line{"example", string(example)})
	}
	if schema.Deprecated {
		lines = append(lines, line{tag: "deprecated"})
	}
	return lines
}

// note returns what a type does not say.
func (s scope) note(schema *contract.Schema) string {
	switch {
	case schema.ContentEncoding == "base64":
		return "bytes, in base64"
	case schema.ContentEncoding != "":
		return "in " + schema.ContentEncoding
	case schema.Format == "date-time":
		return "date and time as in RFC 3339"
	case schema.Enum != nil || schema.Const != nil:
		return ""
	case slices.Contains(schema.Types, contract.Integer) && schema.Format != "":
		return schema.Format
	case slices.Contains(schema.Types, contract.Integer):
		return strings.TrimSpace("integer" + bounds(schema))
	case slices.Contains(schema.Types, contract.Number):
		return strings.TrimSpace(bounds(schema))
	case slices.Contains(schema.Types, contract.String) && schema.Format != "":
		return schema.Format
	default:
		return ""
	}
}

func bounds(schema *contract.Schema) string {
	text := ""
	if schema.Minimum != nil {
		text += " from " + plainNumber(*schema.Minimum)
	}
	if schema.Maximum != nil {
		text += " to " + plainNumber(*schema.Maximum)
	}
	return text
}

func plainNumber(f float64) string {
	if math.Abs(f) < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(f)
}

// takesNull reports whether null is one of the values that a schema describes.
func (s scope) takesNull(schema *contract.Schema) bool {
	all := s.alternatives(schema, "")
	if slices.Contains(all, "null") || slices.Contains(all, "unknown") {
		return true
	}
	for _, alternative := range all {
		def, ok := s.byName[alternative]
		if !ok {
			continue
		}
		takes, known := s.nulls[def.Name]
		if !known {
			takes = scope{s.generator, def.Scope}.takesNull(def.Schema)
			s.nulls[def.Name] = takes
		}
		if takes {
			return true
		}
	}
	return false
}
