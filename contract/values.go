package contract

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// compareEnum compares lists of values, and reports whether there is more to compare.
func (c *comparison) compareEnum(out sink, at *place, w *node, t Type, r *node) bool {
	if r.values == nil {
		return true
	}
	written := w.values[t]
	switch {
	case w.values != nil:
	case t == Null:
		written = []string{"null"}
	case t == Boolean:
		written = []string{"false", "true"}
	default:
		out.foundf(at, Breaking, RuleEnum, "%s may write any %s, %s knows %s", c.writer.who, t, c.reader.who, list(r.values[t]))
		return false
	}
	if !c.spend(len(written) + len(r.values[t])) {
		return false
	}
	known := map[string]bool{}
	for _, value := range r.values[t] {
		known[value] = true
	}
	var unknown []string
	for _, value := range written {
		if !known[value] {
			unknown = append(unknown, value)
		}
	}
	if len(unknown) > 0 {
		out.foundf(at, Breaking, RuleEnum, "%s may write %s, %s knows %s", c.writer.who, list(unknown), c.reader.who, list(r.values[t]))
	}
	return len(unknown) == 0
}

// list names the first few values of a list.
func list(values []string) string {
	const most = 8
	if len(values) == 0 {
		return "none"
	}
	words := make([]string, 0, most+1)
	for i, value := range values {
		if i == most {
			words = append(words, "…")
			break
		}
		quoted := quote(value)
		if len(value) <= maxQuoted {
			// It has the quotes of JSON.
			quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
		}
		words = append(words, quoted)
	}
	return strings.Join(words, ", ")
}

// bound is an end of a range: inclusive, or not.
type bound struct {
	at       float64
	excluded bool
}

// numbers is what a schema says about numbers.
type numbers struct {
	low, high bound
	bits      int // of a floating-point format: 24, 53, or 0 for any other
	whole     bool
	format    string // if that says it all
}

// numbersOf returns what numbers of a type are written, or read. The range of a floating-point format counts only if
// somebody could leave it: the largest double is far beyond what anybody means by a number.
func numbersOf(s *node, whole bool) numbers {
	n := numbers{low: bound{at: math.Inf(-1)}, high: bound{at: math.Inf(1)}, whole: whole}
	switch s.Format {
	case "int8", "int16", "int32", "int64":
		bits, _ := strconv.Atoi(s.Format[len("int"):])
		n.low, n.high = bound{at: -math.Ldexp(1, bits-1)}, bound{math.Ldexp(1, bits-1), true}
	case "uint8", "uint16", "uint32", "uint64":
		bits, _ := strconv.Atoi(s.Format[len("uint"):])
		n.low, n.high = bound{at: 0}, bound{math.Ldexp(1, bits), true}
	case "float":
		n.bits = 24
		n.low, n.high = bound{at: -math.MaxFloat32}, bound{at: math.MaxFloat32}
	case "double":
		n.bits = 53
	}
	if !math.IsInf(n.high.at, 1) || n.bits != 0 {
		n.format = s.Format
	}
	if whole && n.high.excluded && n.high.at <= 1<<53 {
		n.high = bound{at: n.high.at - 1}
	}
	if s.Minimum != nil && *s.Minimum > n.low.at {
		n.low, n.format = bound{at: *s.Minimum}, ""
	}
	if s.Maximum != nil && *s.Maximum < n.high.at {
		n.high, n.format = bound{at: *s.Maximum}, ""
	}
	return n
}

// only narrows numbers to those of a list.
func (n *numbers) only(values []string) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, value := range values {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return
		}
		low, high = min(low, f), max(high, f)
	}
	n.low, n.high, n.format = bound{at: low}, bound{at: high}, ""
}

// within reports whether all numbers of n are in the range of another one.
func (n *numbers) within(o numbers) bool {
	low := n.low.at > o.low.at || n.low.at == o.low.at && (n.low.excluded || !o.low.excluded)
	high := n.high.at < o.high.at || n.high.at == o.high.at && (n.high.excluded || !o.high.excluded)
	return low && high
}

// exactIn reports whether numbers keep their value in a format with so many bits.
func (n *numbers) exactIn(bits int) bool {
	if n.whole {
		limit := math.Ldexp(1, bits)
		return n.low.at >= -limit && n.high.at <= limit
	}
	return n.bits != 0 && n.bits <= bits
}

func (n *numbers) String() string {
	kind := "number"
	if n.whole {
		kind = "integer"
	}
	switch {
	case n.format != "":
		return "any " + n.format
	case math.IsInf(n.low.at, -1) && math.IsInf(n.high.at, 1):
		return "any " + kind
	case math.IsInf(n.low.at, -1):
		return kind + "s up to " + n.high.String()
	case math.IsInf(n.high.at, 1):
		return kind + "s from " + n.low.String()
	default:
		return kind + "s from " + n.low.String() + " to " + n.high.String()
	}
}

func (b bound) String() string {
	switch {
	case b.excluded:
		return "below " + strconv.FormatFloat(b.at, 'g', -1, 64)
	case math.Abs(b.at) <= 1<<53:
		return strconv.FormatFloat(b.at, 'f', -1, 64)
	default:
		return strconv.FormatFloat(b.at, 'g', -1, 64)
	}
}

// compareNumbers compares ranges, and asks whether the reader rounds.
func (c *comparison) compareNumbers(out sink, at *place, w *node, t Type, r *node) {
	whole := t == Integer && !slices.Contains(r.types, Number)
	written, read := numbersOf(w, t == Integer), numbersOf(r, whole)
	if w.values != nil {
		written.only(w.values[t])
	}
	if !isNumberFormat(r.Format) && r.Format != w.Format {
		out.foundf(at, Warning, RuleFormat, "cannot tell: %s reads numbers of the format %s", c.reader.who, quote(r.Format))
	}
	if !written.within(read) {
		out.foundf(at, Breaking, RuleRange, "%s may write %s, %s reads %s", c.writer.who, &written, c.reader.who, &read)
		return
	}
	// A number without a format is a double to most languages, so it is to readers of integers. What is written without
	// one has been read without one before.
	bits := read.bits
	if bits == 0 && !read.whole && written.whole && r.types != nil {
		bits = 53
	}
	if bits != 0 && !written.exactIn(bits) {
		out.foundf(at, Warning, RuleRounding, "%s may write %s, %s rounds to %d bits", c.writer.who, &written, c.reader.who, bits)
	}
}

// isNumberFormat reports whether a format is compared, or is not about numbers.
func isNumberFormat(format string) bool {
	switch format {
	case "", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double", dateTime:
		return true
	default:
		return false
	}
}

// dateTime is the format of times. Msgpack has a type of its own for them, and every language reads them as something
// else than a string.
const dateTime = "date-time"

// compareStrings compares the forms of strings.
func (c *comparison) compareStrings(out sink, at *place, w, r *node) {
	if w.ContentEncoding != r.ContentEncoding {
		out.foundf(at, Breaking, RuleEncoding, "%s writes %s, %s reads %s", c.writer.who, encoding(w), c.reader.who, encoding(r))
	}
	wf, rf := stringFormat(w), stringFormat(r)
	switch {
	case wf == rf:
	case wf == dateTime || rf == dateTime || wf != "" && rf != "":
		out.foundf(at, Breaking, RuleFormat, "%s writes %s, %s reads %s", c.writer.who, text(wf), c.reader.who, text(rf))
	case rf != "":
		out.foundf(at, Warning, RuleFormat, "cannot tell: %s reads %s, %s writes any text", c.reader.who, text(rf), c.writer.who)
	}
	switch wm, rm := w.ContentMediaType, r.ContentMediaType; {
	case rm == wm || rm == "":
	case wm == "":
		out.foundf(at, Warning, RuleEncoding, "cannot tell: %s reads %s, %s does not say what it writes", c.reader.who, quote(rm), c.writer.who)
	default:
		out.foundf(at, Breaking, RuleEncoding, "%s writes %s, %s reads %s", c.writer.who, quote(wm), c.reader.who, quote(rm))
	}
}

// stringFormat returns the format of strings. One of numbers is not about them.
func stringFormat(s *node) string {
	if isNumberFormat(s.Format) && s.Format != dateTime {
		return ""
	}
	return s.Format
}

func text(format string) string {
	if format == "" {
		return "any text"
	}
	return "text of the format " + quote(format)
}

func encoding(s *node) string {
	if s.ContentEncoding == "" {
		return "text"
	}
	return "bytes in " + quote(s.ContentEncoding)
}
