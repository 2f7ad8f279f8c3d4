package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// parser makes values of a tree. It keeps the first error, and what it makes after that means nothing.
type parser struct {
	err error
}

func (p *parser) failf(path, format string, args ...any) {
	if p.err == nil {
		p.err = parseError(path, fmt.Errorf(format, args...))
	}
}

// members is an object whose members are taken out one by one, so that what is left is what is not known.
type members struct {
	p    *parser
	path string
	left map[string]any
}

func (p *parser) members(path string, tree any) members {
	object, ok := tree.(map[string]any)
	if !ok {
		p.failf(path, "is %s and not an object", kindOf(tree))
	}
	return members{p: p, path: path, left: object}
}

func (m members) at(name string) string {
	return member(m.path, name)
}

func (m members) take(name string) (any, bool) {
	value, ok := m.left[name]
	delete(m.left, name)
	return value, ok
}

func (m members) text(name string) string {
	value, ok := m.take(name)
	if !ok {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a string", kindOf(value))
	}
	return s
}

func (m members) flag(name string) bool {
	value, ok := m.take(name)
	if !ok {
		return false
	}
	b, ok := value.(bool)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a boolean", kindOf(value))
	}
	return b
}

// whole takes a whole number between two bounds, and zero for one that is not there.
func (m members) whole(name string, low, high int64) (n int64, ok bool) {
	value, ok := m.take(name)
	if !ok {
		return 0, false
	}
	number, ok := value.(json.Number)
	f, err := number.Float64()
	if !ok || err != nil || f != math.Trunc(f) || f < float64(low) || f > float64(high) {
		m.p.failf(m.at(name), "is not a whole number between %d and %d", low, high)
		return 0, false
	}
	return int64(f), true
}

// length takes a bound of an array's length.
func (m members) length(name string) *int {
	n, ok := m.whole(name, 0, math.MaxInt32)
	if !ok {
		return nil
	}
	length := int(n)
	return &length
}

// bound takes a bound of numbers. A large one counts only as RFC 8785 writes it: another one is not what a double holds,
// and is left where it is, among what is not compared.
func (m members) bound(name string) *float64 {
	value, ok := m.left[name]
	if !ok {
		return nil
	}
	number, ok := value.(json.Number)
	if !ok {
		m.p.failf(m.at(name), "is %s and not a number", kindOf(value))
		return nil
	}
	f, err := number.Float64()
	if err != nil || isLargeInteger(number) && strconv.FormatFloat(f, 'f', -1, 64) != string(number) {
		return nil
	}
	delete(m.left, name)
	return &f
}

func (m members) list(name string) []any {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		m.p.failf(m.at(name), "is %s and not an array", kindOf(value))
	}
	return list
}

func (m members) texts(name string) []string {
	list := m.list(name)
	if len(list) == 0 {
		return nil
	}
	texts := make([]string, len(list))
	for i, value := range list {
		s, ok := value.(string)
		if !ok {
			m.p.failf(element(m.at(name), i), "is %s and not a string", kindOf(value))
		}
		texts[i] = s
	}
	return texts
}

// raw takes a value as it is, in its canonical form.
func (m members) raw(name string) json.RawMessage {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	return appendCanonical(nil, value)
}

func (m members) rawList(name string) []json.RawMessage {
	list := m.list(name)
	if list == nil {
		return nil
	}
	raws := make([]json.RawMessage, len(list))
	for i, value := range list {
		raws[i] = appendCanonical(nil, value)
	}
	return raws
}

func (m members) schema(name string) *Schema {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	return m.p.schema(m.at(name), value)
}

func (m members) schemas(name string) map[string]*Schema {
	value, ok := m.take(name)
	if !ok {
		return nil
	}
	named := m.p.members(m.at(name), value)
	if len(named.left) == 0 {
		return nil
	}
	schemas := make(map[string]*Schema, len(named.left))
	for _, name := range slices.Sorted(maps.Keys(named.left)) {
		schemas[name] = m.p.schema(named.at(name), named.left[name])
	}
	return schemas
}

// rest returns what was not taken.
func (m members) rest() map[string]json.RawMessage {
	if len(m.left) == 0 {
		return nil
	}
	rest := make(map[string]json.RawMessage, len(m.left))
	for name, value := range m.left {
		rest[name] = appendCanonical(nil, value)
	}
	return rest
}

// kindOf says what a value is, in the words of JSON.
func kindOf(tree any) string {
	switch tree.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}
