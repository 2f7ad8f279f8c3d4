package body

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/typednats/typednats/contract"
)

// Problem is one thing in a value that does not fit its schema.
type Problem struct {
	Path    string // request.items[0].sku
	Message string
	// Ignored says that it is a member that whoever reads the value does not know, and ignores.
	Ignored bool
}

// String returns the problem on one line.
func (p Problem) String() string { return p.Path + ": " + p.Message }

// maxProblems is how many problems are listed.
const maxProblems = 20

// Check returns what does not fit a schema in a value that [Parse] returned, the path of each beginning with root. Of
// very many problems the last says how many more there are.
func Check(s *contract.Schema, value any, root string) []Problem {
	c := &checker{walker: newWalker(s)}
	c.check(s, value, root)
	if c.more > 0 {
		c.problems = append(c.problems, Problem{Path: root, Message: fmt.Sprintf("not listed: %d more", c.more), Ignored: !c.failed})
	}
	return c.problems
}

type checker struct {
	*walker

	problems []Problem
	more     int  // problems that are not listed
	failed   bool // there is a problem that is worse than an ignored member
	quiet    bool // only that counts, and nothing is written down
}

// fits reports whether a value fits a schema, apart from members that are ignored.
func (w *walker) fits(s *contract.Schema, value any) bool {
	w.steps += alternativeSteps
	c := &checker{walker: w, quiet: true}
	c.check(s, value, "")
	return !c.failed
}

func (c *checker) addf(path, format string, args ...any) {
	c.failed = true
	if !c.quiet {
		c.add(Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) add(p Problem) {
	if len(c.problems) == maxProblems {
		c.more++
		return
	}
	c.problems = append(c.problems, p)
}

func (c *checker) check(s *contract.Schema, value any, path string) {
	if s = c.resolve(s); s == nil || c.quiet && c.failed {
		return
	}
	if !c.enter() {
		c.addf(path, "%v", ErrTooMuch)
		return
	}
	defer c.leave()
	if s.Nothing {
		c.addf(path, "nothing may stand here")
		return
	}
	if len(s.Types) > 0 && !slices.ContainsFunc(s.Types, func(t contract.Type) bool { return isOf(t, value) }) {
		c.addf(path, "%s, want %s", description{value}, typeNames(s.Types))
		return
	}
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(v json.RawMessage) bool { return equal(v, value) }) {
		c.addf(path, "%s, want %s", description{value}, rawList(s.Enum))
	}
	if s.Const != nil && !equal(s.Const, value) {
		c.addf(path, "%s, want %s", description{value}, s.Const)
	}
	c.checkAlternatives(s, value, path)
	switch v := value.(type) {
	case map[string]any:
		c.checkObject(s, v, path)
	case []any:
		c.checkArray(s, v, path)
	case json.Number:
		c.checkNumber(s, v, path)
	case string:
		c.checkString(s, v, path)
	}
}

// checkAlternatives checks that one of several alternatives fits. If none does, the problems of the one that is meant
// are shown: the only one that is not null.
func (c *checker) checkAlternatives(s *contract.Schema, value any, path string) {
	if len(s.AnyOf) == 0 {
		return
	}
	var meant []*contract.Schema
	for _, option := range s.AnyOf {
		if c.fits(option, value) {
			if !c.quiet {
				c.check(option, value, path) // for what is ignored
			}
			return
		}
		if r := c.resolve(option); r == nil || !slices.Equal(r.Types, []contract.Type{contract.Null}) {
			meant = append(meant, option)
		}
	}
	if len(meant) == 1 && !c.quiet {
		c.check(meant[0], value, path)
		return
	}
	c.addf(path, "%s fits none of the %d alternatives", description{value}, len(s.AnyOf))
}

func (c *checker) checkObject(s *contract.Schema, object map[string]any, path string) {
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			c.addf(c.member(path, name), "it is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		below := s.AdditionalProperties
		if property, ok := s.Properties[name]; ok {
			below = property
		} else if below == nil && len(s.AnyOf) == 0 {
			if slices.Contains(s.Types, contract.Object) && !c.quiet {
				c.add(Problem{Path: member(path, name), Message: c.unknown(s), Ignored: true})
			}
			continue
		} else if s.Keys != nil {
			c.check(s.Keys, c.key(s.Keys, name), nameIn(path))
		}
		c.check(below, object[name], c.member(path, name))
	}
}

// unknown says that a member is not known, and which one may be meant.
func (c *checker) unknown(s *contract.Schema) string {
	const text = "it is not in the schema, and is ignored"
	if len(s.Properties) == 0 {
		return text
	}
	return fmt.Sprintf("%s; there are: %s", text, strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", "))
}

func (c *checker) checkArray(s *contract.Schema, list []any, path string) {
	if s.MinItems != nil && len(list) < *s.MinItems {
		c.addf(path, "%d elements, want %d at least", len(list), *s.MinItems)
	}
	if s.MaxItems != nil && len(list) > *s.MaxItems {
		c.addf(path, "%d elements, want %d at most", len(list), *s.MaxItems)
	}
	for i, element := range list {
		c.check(s.Items, element, c.element(path, i))
	}
}

func (c *checker) checkNumber(s *contract.Schema, n json.Number, path string) {
	low, high := formatBounds(s.Format)
	if low == nil && high == nil && s.Minimum == nil && s.Maximum == nil {
		return
	}
	value, ok := number(n)
	if !ok {
		c.addf(path, "%s is too large", n)
		return
	}
	if s.Minimum != nil {
		low = new(big.Rat).SetFloat64(*s.Minimum)
	}
	if s.Maximum != nil {
		high = new(big.Rat).SetFloat64(*s.Maximum)
	}
	if low != nil && value.Cmp(low) < 0 {
		c.addf(path, "%s, want %s at least", n, low.RatString())
	}
	if high != nil && value.Cmp(high) > 0 {
		c.addf(path, "%s, want %s at most", n, high.RatString())
	}
}

// formatBounds returns what a number of a format can be, nil for no bounds.
func formatBounds(format string) (low, high *big.Rat) {
	power := func(bits uint) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), bits)) }
	one := big.NewRat(1, 1)
	switch format {
	case "int32":
		return new(big.Rat).Neg(power(31)), new(big.Rat).Sub(power(31), one)
	case "int64":
		return new(big.Rat).Neg(power(63)), new(big.Rat).Sub(power(63), one)
	case "uint64":
		return new(big.Rat), new(big.Rat).Sub(power(64), one)
	default:
		return nil, nil
	}
}

func (c *checker) checkString(s *contract.Schema, text, path string) {
	if s.ContentEncoding == "base64" {
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			c.addf(path, "%s, want bytes in base64", description{text})
		}
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			c.addf(path, "%s, want a time, such as 2006-01-02T15:04:05Z", description{text})
		}
	}
}

// isOf reports whether a value has a type.
func isOf(t contract.Type, value any) bool {
	switch v := value.(type) {
	case nil:
		return t == contract.Null
	case bool:
		return t == contract.Boolean
	case string, binaryText:
		return t == contract.String
	case []any:
		return t == contract.Array
	case map[string]any:
		return t == contract.Object
	case json.Number:
		return t == contract.Number || t == contract.Integer && isInteger(v)
	default:
		return false
	}
}

// isInteger reports whether a number has no fraction.
func isInteger(n json.Number) bool {
	if !strings.ContainsAny(n.String(), ".eE") {
		return len(n) <= maxDigits
	}
	exact, ok := number(n)
	return ok && exact.IsInt()
}

// maxDigits bounds the digits and the exponent of a number that is looked at as an exact one.
const maxDigits = 400

// number returns a number exactly, and false for one that no double and no integer of 64 bits can be.
func number(n json.Number) (*big.Rat, bool) {
	text := n.String()
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if e, ok := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10); !ok || e.CmpAbs(big.NewInt(maxDigits)) > 0 {
			return nil, false
		}
	}
	if len(text) > 2*maxDigits {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// equal reports whether a value is the one that JSON says.
func equal(data json.RawMessage, value any) bool {
	want, err := Parse(data)
	return err == nil && same(want, value)
}

func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		other, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, ok1 := number(a)
		y, ok2 := number(other)
		return a == other || ok1 && ok2 && x.Cmp(y) == 0
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, same)
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, other, same)
	default:
		return a == b // nil, a bool or a string: b may be a slice or a map, but then the types differ
	}
}

// description names a value in a message.
type description struct{ value any }

// String implements [fmt.Stringer].
func (d description) String() string {
	switch v := d.value.(type) {
	case nil:
		return "null"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	case string:
		return fmt.Sprintf("%.64q", v)
	case binaryText:
		return "bytes"
	default:
		return fmt.Sprint(v)
	}
}

// typeNames are types in a message.
type typeNames []contract.Type

// String implements [fmt.Stringer].
func (types typeNames) String() string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, " or ")
}

// rawList are values in a message.
type rawList []json.RawMessage

// String implements [fmt.Stringer].
func (values rawList) String() string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	if len(texts) > 1 {
		return "one of " + strings.Join(texts, ", ")
	}
	return strings.Join(texts, "")
}

// member and element return the paths of what stands in a value. Who is quiet needs none.
func (c *checker) member(path, name string) string {
	if c.quiet {
		return ""
	}
	return member(path, name)
}

func (c *checker) element(path string, i int) string {
	if c.quiet {
		return ""
	}
	return fmt.Sprintf("%s[%d]", path, i)
}

// nameIn returns the path of the name of a member.
func nameIn(path string) string { return path + ", a name" }

// member returns the path of a member.
func member(path, name string) string { return path + "." + name }
