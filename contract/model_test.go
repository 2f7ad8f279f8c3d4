package contract_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/typednats/typednats/contract"
)

// model is what the tests know of schemas, told apart from what the package knows: which values they write, and how they
// read them. It is about the closed subset, and minLength for a keyword that the package does not know.
type model struct {
	defs    map[string]*contract.Schema
	msgpack bool
}

// opaque is what a schema reads that does not say what it reads.
type opaque struct{}

// resolve follows references and collects alternatives.
func (m model) resolve(s *contract.Schema) []*contract.Schema {
	switch {
	case s == nil:
		return []*contract.Schema{{}}
	case s.Nothing:
		return nil
	case s.Ref != "":
		return m.resolve(m.defs[strings.TrimPrefix(s.Ref, "#/$defs/")])
	case s.AnyOf == nil:
		return []*contract.Schema{s}
	}
	var all []*contract.Schema
	for _, alternative := range s.AnyOf {
		all = append(all, m.resolve(alternative)...)
	}
	return all
}

// takes reports whether a schema takes a value, and it means to it what it meant to who wrote it: one of the schema's
// alternatives must say so. What is opaque means anything.
func (m model) takes(s *contract.Schema, v, meaning any) bool {
	return slices.ContainsFunc(m.resolve(s), func(node *contract.Schema) bool { return m.nodeTakes(node, v, meaning) })
}

func (m model) nodeTakes(s *contract.Schema, v, meaning any) bool {
	if len(s.Types) == 0 && s.Enum == nil && s.Const == nil {
		return true
	}
	if !listed(s, v) {
		return false
	}
	switch v.(type) {
	case []any, map[string]any:
		if s.Const != nil || s.Enum != nil {
			return equal(v, meaning)
		}
	}
	has := func(t contract.Type) bool { return len(s.Types) == 0 || slices.Contains(s.Types, t) }
	switch v := v.(type) {
	case nil:
		return has(contract.Null) && equal(nil, meaning)
	case bool:
		return has(contract.Boolean) && equal(v, meaning)
	case *big.Rat:
		whole := v.IsInt() && has(contract.Integer)
		return (whole || has(contract.Number)) && inRange(s, v) && equal(rounded(s, v), meaning)
	case string:
		read, ok := readString(s, v)
		return ok && has(contract.String) && len(v) >= minLength(s) && equal(read, meaning)
	case []any:
		return has(contract.Array) && m.takesArray(s, v, meaning)
	case map[string]any:
		return has(contract.Object) && m.takesObject(s, v, meaning)
	default:
		return false
	}
}

// listed reports whether a schema that lists values lists this one.
func listed(s *contract.Schema, v any) bool {
	return (s.Const == nil || equal(parseRaw(s.Const), v)) &&
		(s.Enum == nil || slices.ContainsFunc(s.Enum, func(raw json.RawMessage) bool { return equal(parseRaw(raw), v) }))
}

func parseRaw(raw json.RawMessage) any {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(err)
	}
	if f, ok := v.(float64); ok {
		return new(big.Rat).SetFloat64(f)
	}
	return v
}

func minLength(s *contract.Schema) int {
	n := 0
	_ = json.Unmarshal(s.Extra["minLength"], &n)
	return n
}

func inRange(s *contract.Schema, v *big.Rat) bool {
	low, high := limits(s)
	return (low == nil || v.Cmp(low) >= 0) && (high == nil || v.Cmp(high) <= 0)
}

// limits returns the least and the greatest number of a schema, as far as there are such.
func limits(s *contract.Schema) (low, high *big.Rat) {
	integer := func(lowest, highest string) {
		low, _ = new(big.Rat).SetString(lowest)
		high, _ = new(big.Rat).SetString(highest)
	}
	switch s.Format {
	case "int32":
		integer("-2147483648", "2147483647")
	case "int64":
		integer("-9223372036854775808", "9223372036854775807")
	case "uint64":
		integer("0", "18446744073709551615")
	case "float":
		high = new(big.Rat).SetFloat64(math.MaxFloat32)
		low = new(big.Rat).Neg(high)
	}
	if s.Minimum != nil {
		if bound := new(big.Rat).SetFloat64(*s.Minimum); low == nil || bound.Cmp(low) > 0 {
			low = bound
		}
	}
	if s.Maximum != nil {
		if bound := new(big.Rat).SetFloat64(*s.Maximum); high == nil || bound.Cmp(high) < 0 {
			high = bound
		}
	}
	return low, high
}

func rounded(s *contract.Schema, v *big.Rat) *big.Rat {
	switch s.Format {
	case "float":
		f, _ := v.Float32()
		return new(big.Rat).SetFloat64(float64(f))
	case "double":
		f, _ := v.Float64()
		return new(big.Rat).SetFloat64(f)
	default:
		return v
	}
}

func readString(s *contract.Schema, v string) (any, bool) {
	switch {
	case s.Format == "date-time":
		at, err := time.Parse(time.RFC3339Nano, v)
		return at, err == nil
	case s.ContentEncoding == "base64":
		data, err := base64.StdEncoding.DecodeString(v)
		return data, err == nil
	default:
		return v, true
	}
}

func (m model) takesArray(s *contract.Schema, v []any, meaning any) bool {
	if s.MinItems != nil && len(v) < *s.MinItems || s.MaxItems != nil && len(v) > *s.MaxItems {
		return false
	}
	meant, ok := meaning.([]any)
	if !isOpaque(meaning) && (!ok || len(meant) != len(v)) {
		return false
	}
	for i, element := range v {
		each := any(opaque{})
		if ok {
			each = meant[i]
		}
		if !m.takes(s.Items, element, each) {
			return false
		}
	}
	return true
}

func (m model) wireName(s *contract.Schema, name string) string {
	if p := s.Properties[name]; m.msgpack && p != nil && p.MsgpackName != "" {
		return p.MsgpackName
	}
	return name
}

// takesObject: a member that is ignored means nothing any more.
func (m model) takesObject(s *contract.Schema, v map[string]any, meaning any) bool {
	for _, name := range s.Required {
		if _, there := v[m.wireName(s, name)]; !there {
			return false
		}
	}
	named := map[string]*contract.Schema{}
	for name, p := range s.Properties {
		named[m.wireName(s, name)] = p
	}
	meant, ok := meaning.(map[string]any)
	if !isOpaque(meaning) && !ok {
		return false
	}
	for name, value := range v {
		p, known := named[name]
		if !known {
			p = s.AdditionalProperties
		}
		if !known && !m.takesName(s, name) {
			return false
		}
		if p == nil && !known {
			if ok {
				return false
			}
			continue
		}
		each := any(opaque{})
		if ok {
			each = meant[name]
		}
		if !m.takes(p, value, each) {
			return false
		}
	}
	return true
}

// A name that stands for a number is its text in JSON. In msgpack it is none, so it has a mark here that no text has.
const isNumberMark = "#"

// takesName reports whether a schema takes the name of a member that it has no name for.
func (m model) takesName(s *contract.Schema, name string) bool {
	digits, isNumber := strings.CutPrefix(name, isNumberMark)
	if s.Keys == nil || s.AdditionalProperties == nil {
		return !isNumber
	}
	n, ok := new(big.Rat).SetString(digits)
	return ok && isNumber == m.msgpack && m.takes(s.Keys, n, n)
}

// anyName returns a name for a member of a map.
func (m model) anyName(r *rand.Rand, s *contract.Schema) string {
	if s.Keys == nil {
		return names[r.IntN(len(names))]
	}
	v, _, _ := m.write(r, s.Keys, 2)
	n, ok := v.(*big.Rat)
	switch {
	case !ok:
		return "0"
	case m.msgpack:
		return isNumberMark + n.RatString()
	default:
		return n.RatString()
	}
}

// equal reports whether two meanings are one. What is opaque has any.
func equal(a, b any) bool {
	switch a := a.(type) {
	case *big.Rat:
		if b, ok := b.(*big.Rat); ok {
			return a.Cmp(b) == 0
		}
	case []byte:
		if b, ok := b.([]byte); ok {
			return slices.Equal(a, b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Equal(b)
		}
	case []any:
		if b, ok := b.([]any); ok {
			return slices.EqualFunc(a, b, equal)
		}
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			return maps.EqualFunc(a, b, equal)
		}
	case nil, bool, string:
		if isScalar(b) {
			return a == b
		}
	}
	return isOpaque(a) || isOpaque(b)
}

func isOpaque(v any) bool {
	_, ok := v.(opaque)
	return ok
}

func isScalar(v any) bool {
	switch v.(type) {
	case nil, bool, string:
		return true
	default:
		return false
	}
}

// write returns a value that a schema writes, with what it means, and false if it finds none. A schema writes members that
// it names, and others only if it has a schema for them.
func (m model) write(r *rand.Rand, s *contract.Schema, depth int) (v, meaning any, ok bool) {
	nodes := m.resolve(s)
	if depth == 0 || len(nodes) == 0 {
		return nil, nil, false
	}
	node := nodes[r.IntN(len(nodes))]
	v, meaning, ok = m.writeNode(r, node, depth-1)
	return v, meaning, ok && m.nodeTakes(node, v, opaque{})
}

func (m model) writeNode(r *rand.Rand, s *contract.Schema, depth int) (v, meaning any, ok bool) {
	if s.Const != nil {
		v = parseRaw(s.Const)
		return v, v, true
	}
	if len(s.Enum) > 0 {
		v = parseRaw(s.Enum[r.IntN(len(s.Enum))])
		return v, v, true
	}
	types := s.Types
	if len(types) == 0 {
		types = []contract.Type{contract.Null, contract.Boolean, contract.Integer, contract.Number, contract.String, contract.Array, contract.Object}
	}
	switch types[r.IntN(len(types))] {
	case contract.Boolean:
		v = r.IntN(2) == 0
	case contract.Integer:
		v = anyNumber(r, s, true)
	case contract.Number:
		v = anyNumber(r, s, false)
	case contract.String:
		text := anyString(r, s)
		meaning, ok = readString(s, text)
		return text, meaning, ok
	case contract.Array:
		return m.anyArray(r, s, depth)
	case contract.Object:
		return m.anyObject(r, s, depth)
	case contract.Null:
	}
	return v, v, true
}

// anyNumber returns a number at a limit, beside one, or of those that are easily lost.
func anyNumber(r *rand.Rand, s *contract.Schema, whole bool) *big.Rat {
	var choices []*big.Rat
	for _, text := range []string{"0", "1", "-1", "127", "200", "4294967296", "16777217", "9007199254740993", "18446744073709551616", "1e30", "0.5", "0.1"} {
		n, _ := new(big.Rat).SetString(text)
		choices = append(choices, n)
	}
	low, high := limits(s)
	for _, limit := range []*big.Rat{low, high} {
		if limit != nil {
			choices = append(choices, limit, new(big.Rat).Add(limit, big.NewRat(1, 1)), new(big.Rat).Sub(limit, big.NewRat(1, 1)))
		}
	}
	choices = slices.DeleteFunc(choices, func(n *big.Rat) bool { return whole && !n.IsInt() || !inRange(s, n) })
	if len(choices) == 0 {
		return new(big.Rat)
	}
	return rounded(s, choices[r.IntN(len(choices))])
}

func anyString(r *rand.Rand, s *contract.Schema) string {
	switch {
	case s.Format == "date-time":
		return "2026-01-02T03:04:05.006Z"
	case s.ContentEncoding == "base64":
		return "aGk="
	}
	return []string{"", "x", "y", "text", "aGk=", "2026-01-02T03:04:05.006Z", "text with words"}[r.IntN(7)]
}

func (m model) anyArray(r *rand.Rand, s *contract.Schema, depth int) (any, any, bool) {
	least, most := 0, 3
	if s.MinItems != nil {
		least = *s.MinItems
	}
	if s.MaxItems != nil {
		most = *s.MaxItems
	}
	array, meant := []any{}, []any{}
	for range least + r.IntN(max(most, least)-least+1) {
		v, meaning, ok := m.write(r, s.Items, depth)
		if !ok && len(array) >= least {
			break
		}
		if !ok {
			return nil, nil, false
		}
		array, meant = append(array, v), append(meant, meaning)
	}
	return array, meant, true
}

// names are few, so that two schemas often have some in common.
var names = []string{"a", "b", "c", "A"}

func (m model) anyObject(r *rand.Rand, s *contract.Schema, depth int) (any, any, bool) {
	object, meant := map[string]any{}, map[string]any{}
	if s.AdditionalProperties != nil {
		for range r.IntN(3) {
			if v, meaning, ok := m.write(r, s.AdditionalProperties, depth); ok {
				name := m.anyName(r, s)
				object[name], meant[name] = v, meaning
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		wire := m.wireName(s, name)
		delete(object, wire)
		delete(meant, wire)
		needed := slices.Contains(s.Required, name)
		if !needed && r.IntN(2) == 0 {
			continue
		}
		v, meaning, ok := m.write(r, s.Properties[name], depth)
		if ok {
			object[wire], meant[wire] = v, meaning
		} else if needed {
			return nil, nil, false
		}
	}
	return object, meant, true
}

// TestModel: the model itself finds what is wrong, so that a property that holds says something.
func TestModel(t *testing.T) {
	t.Parallel()
	one := big.NewRat(1, 1)
	for _, test := range []struct {
		schema string
		value  any
		want   bool
	}{
		{`{"type":"integer","maximum":1}`, one, true},
		{`{"type":"integer","maximum":0}`, one, false},
		{`{"type":"string"}`, one, false},
		{`{"enum":[1,2]}`, one, true},
		{`{"enum":[3]}`, one, false},
		{`{"type":"string","format":"date-time"}`, "x", false},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, map[string]any{"a": one}, false},
		{`{"type":"object","properties":{"b":{}},"required":["b"]}`, map[string]any{"a": one}, false},
		{`{"type":"object","additionalProperties":{"type":"string"}}`, map[string]any{"a": one}, false},
		{`{"type":"array","items":{"type":"string"}}`, []any{one}, false},
		{`{"type":"array","maxItems":0}`, []any{one}, false},
	} {
		s, err := contract.ParseSchema([]byte(test.schema))
		if err != nil {
			t.Fatal(err)
		}
		if got := (model{}).takes(s, test.value, opaque{}); got != test.want {
			t.Errorf("%s takes %v: %v, want %v", test.schema, test.value, got, test.want)
		}
	}
}
