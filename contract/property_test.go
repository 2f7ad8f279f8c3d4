package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/typednats/typednats/contract"
)

// generator makes schemas.
type generator struct {
	*rand.Rand
}

// pick returns one of several things.
func pick[T any](g generator, choices ...T) T {
	return choices[g.IntN(len(choices))]
}

// schema returns a schema with at most so many below each other.
func (g generator) schema(depth int) *contract.Schema {
	if depth == 0 {
		return g.scalar()
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		return g.object(depth)
	case 3:
		return &contract.Schema{Types: []contract.Type{contract.Object}, AdditionalProperties: g.schema(depth - 1), Keys: g.keys()}
	case 4:
		s := &contract.Schema{Types: []contract.Type{contract.Array}, Items: g.schema(depth - 1)}
		if g.IntN(3) == 0 {
			s.MinItems, s.MaxItems = new(g.IntN(2)), new(1+g.IntN(2))
		}
		return s
	case 5:
		return &contract.Schema{Ref: pick(g, "#/$defs/X", "#/$defs/Y")}
	case 6:
		return &contract.Schema{AnyOf: []*contract.Schema{g.schema(depth - 1), {Types: []contract.Type{contract.Null}}}}
	case 7:
		return &contract.Schema{AnyOf: []*contract.Schema{g.schema(depth - 1), g.schema(depth - 1)}}
	default:
		return g.scalar()
	}
}

func (g generator) object(depth int) *contract.Schema {
	s := &contract.Schema{Types: []contract.Type{contract.Object}, Properties: map[string]*contract.Schema{}}
	for _, name := range names {
		if g.IntN(2) == 0 {
			continue
		}
		p := g.schema(depth - 1)
		if g.IntN(8) == 0 {
			p.MsgpackName = pick(g, "m", "n") + name
		}
		s.Properties[name] = p
		if g.IntN(2) == 0 {
			s.Required = append(s.Required, name)
		}
	}
	switch g.IntN(8) {
	case 0:
		s.AdditionalProperties, s.Keys = g.schema(depth-1), g.keys()
	case 1:
		s.AdditionalProperties = &contract.Schema{Nothing: true}
	}
	return s
}

// keys returns what the names of a map stand for.
func (g generator) keys() *contract.Schema {
	if g.IntN(2) == 0 {
		return nil
	}
	s := &contract.Schema{Types: []contract.Type{contract.Integer}, Format: pick(g, "", "int64", "uint64")}
	if g.IntN(2) == 0 {
		s.Minimum, s.Maximum = new(pick(g, -128.0, 0)), new(pick(g, 127.0, 255))
	}
	return s
}

func (g generator) scalar() *contract.Schema {
	s := &contract.Schema{}
	switch g.IntN(9) {
	case 0, 1:
		s.Types = []contract.Type{contract.Integer}
		s.Format = pick(g, "", "int32", "int64", "uint64")
		if g.IntN(2) == 0 {
			s.Minimum = new(pick(g, 0.0, -1, -128, 1))
		}
		if g.IntN(2) == 0 {
			s.Maximum = new(pick(g, 1.0, 127, 255, 1<<53, 1<<63))
		}
	case 2:
		s.Types, s.Format = []contract.Type{contract.Number}, pick(g, "", "float", "double")
	case 3:
		s.Types = []contract.Type{contract.String}
		g.kindOfText(s)
	case 4:
		s.Types = []contract.Type{contract.Boolean}
	case 5:
		s.Types = []contract.Type{contract.String}
		s.Enum = []json.RawMessage{json.RawMessage(`"x"`), json.RawMessage(pick(g, `"y"`, `"z"`))}
	case 6:
		s.Const = json.RawMessage(pick(g, `"x"`, `1`, `2`, `true`, `null`, `{"a":"x"}`, `["x"]`))
	case 7:
		return s
	default:
		s.Types = []contract.Type{contract.Null}
	}
	if g.IntN(4) == 0 && s.Const == nil && s.Enum == nil && len(s.Types) == 1 && s.Types[0] != contract.Null {
		s.Types = append(s.Types, contract.Null)
	}
	return s
}

// kindOfText says of text what it is, or leaves it plain.
func (g generator) kindOfText(s *contract.Schema) {
	switch g.IntN(4) {
	case 0:
		s.Format = "date-time"
	case 1:
		s.ContentEncoding = "base64"
	case 2:
		s.Extra = map[string]json.RawMessage{"minLength": json.RawMessage(pick(g, "1", "3"))}
	}
}

// whole returns a schema with its definitions, which may contain themselves.
func (g generator) whole() *contract.Schema {
	s := g.schema(pick(g, 0, 0, 1, 1, 2, 3))
	s.Defs = map[string]*contract.Schema{"X": g.object(1), "Y": g.object(1)}
	return s
}

// clone goes through bytes, which is a test of those.
func clone(t *testing.T, s *contract.Schema) *contract.Schema {
	t.Helper()
	c, err := contract.ParseSchema(s.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", s.Bytes(), err)
	}
	return c
}

// below returns a schema and all below it, its definitions included.
func below(s *contract.Schema) []*contract.Schema {
	if s == nil {
		return nil
	}
	all := []*contract.Schema{s}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = append(all, below(s.Properties[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Defs)) {
		all = append(all, below(s.Defs[name])...)
	}
	for _, alternative := range s.AnyOf {
		all = append(all, below(alternative)...)
	}
	return append(append(all, below(s.AdditionalProperties)...), below(s.Items)...)
}

// change changes one place of a schema in one way.
func (g generator) change(s *contract.Schema) {
	all := below(s)
	at := all[g.IntN(len(all))]
	if g.IntN(2) == 0 {
		at = s // definitions may not be in use
	}
	fresh := func() { defs := at.Defs; *at = *g.schema(1); at.Defs = defs }
	switch {
	case at.Properties != nil && g.IntN(4) > 0:
		g.changeMember(at)
	case slices.Contains(at.Types, contract.String) && at.Enum == nil && g.IntN(2) == 0:
		at.Format, at.ContentEncoding, at.Extra = "", "", nil
		g.kindOfText(at)
	case slices.Contains(at.Types, contract.Boolean) && g.IntN(2) == 0:
		at.Enum = []json.RawMessage{json.RawMessage(pick(g, "true", "false"))}
	case len(at.Types) > 0 && g.IntN(3) == 0:
		if i := slices.Index(at.Types, contract.Null); i >= 0 && len(at.Types) > 1 {
			at.Types = slices.Delete(at.Types, i, i+1)
		} else {
			at.Types = append(at.Types, contract.Null)
		}
	case at.Enum != nil:
		at.Enum = append(at.Enum, json.RawMessage(pick(g, `"y"`, `"w"`)))
	case slices.Contains(at.Types, contract.Integer) && g.IntN(2) == 0:
		if g.IntN(2) == 0 {
			at.Types[slices.Index(at.Types, contract.Integer)] = contract.Number
			at.Maximum, at.Format = nil, pick(g, "", "float", "double")
			return
		}
		at.Maximum, at.Format = new(pick(g, 1.0, 127, 255, 1<<53, 1<<63, 1<<64)), pick(g, "", "int32", "int64", "uint64")
	case slices.Contains(at.Types, contract.Number) && g.IntN(2) == 0:
		at.Format = pick(g, "", "float", "double")
	case at.AdditionalProperties != nil && g.IntN(2) == 0:
		at.Keys = g.keys()
	case at.MaxItems != nil:
		at.MaxItems, at.MinItems = new(1+g.IntN(3)), new(g.IntN(2))
	default:
		fresh()
	}
}

// changeMember changes one member of an object: whether it is there, is required, and its name.
func (g generator) changeMember(at *contract.Schema) {
	name := pick(g, names...)
	switch i := slices.Index(at.Required, name); {
	case at.Properties[name] != nil && g.IntN(6) == 0:
		at.Properties[name].MsgpackName = pick(g, "", "m"+name, "n"+name)
	case i >= 0 && g.IntN(2) == 0:
		at.Required = slices.Delete(at.Required, i, i+1)
	case i >= 0:
		at.Required = slices.Delete(at.Required, i, i+1)
		delete(at.Properties, name)
	case at.Properties[name] != nil && g.IntN(3) > 0:
		at.Required = append(at.Required, name)
	case at.Properties[name] != nil:
		delete(at.Properties, name)
	default:
		at.Properties[name] = g.schema(1)
	}
}

// TestFitsMeansThat: without a finding, each value that the writer writes is taken by the reader, and means the same to
// it. Half of the pairs differ in one or two places, which is what changes of contracts are like.
func TestFitsMeansThat(t *testing.T) {
	t.Parallel()
	const pairs = 6_000
	fit := 0
	values := 0
	for seed := range pairs {
		g := generator{rand.New(rand.NewPCG(uint64(seed), 1))} //nolint:gosec // the same pairs on each run
		writer := g.whole()
		reader := g.whole()
		if g.IntN(4) > 0 {
			reader = clone(t, writer)
			for range 1 + g.IntN(2) {
				g.change(reader)
			}
		}
		for _, s := range []*contract.Schema{writer, reader} {
			if findings := contract.Fits(*s, *s); len(findings) > 0 {
				t.Fatalf("seed %d: %s does not fit itself: %v", seed, s.Bytes(), findings)
			}
		}
		if len(contract.Fits(*writer, *reader)) > 0 {
			continue
		}
		fit++
		for i := range 20 {
			w, r := model{writer.Defs, i%4 == 3}, model{reader.Defs, i%4 == 3}
			v, meaning, ok := w.write(g.Rand, writer, 6)
			if !ok {
				continue
			}
			values++
			if !r.takes(reader, v, meaning) {
				t.Fatalf("seed %d: nothing was found, but the value %s that means %s does not mean that to the reader\nwriter %s\nreader %s",
					seed, show(v), show(meaning), writer.Bytes(), reader.Bytes())
			}
		}
	}
	t.Logf("of %d pairs %d fit, shown with %d values", pairs, fit, values)
	if fit < pairs/20 || values < fit {
		t.Errorf("only %d of %d pairs fit, with %d values: this shows too little", fit, pairs, values)
	}
}

func show(v any) string {
	switch v := v.(type) {
	case *big.Rat:
		return v.RatString()
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = show(element)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+":"+show(v[name]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	default:
		return fmt.Sprintf("%#v", v)
	}
}
