package explorer

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/typednats/typednats/contract"
)

// form returns what the type does not say of numbers and texts.
func form(s *contract.Schema) string {
	if format := intFormat(s); format != "" {
		return format
	}
	var parts []string
	for _, part := range []string{s.Format, s.ContentEncoding, s.ContentMediaType} {
		if part != "" {
			parts = append(parts, clip(part, maxShort))
		}
	}
	number := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		parts = append(parts, number(s.Minimum)+" to "+number(s.Maximum))
	case s.Minimum != nil:
		parts = append(parts, number(s.Minimum)+" or more")
	case s.Maximum != nil:
		parts = append(parts, number(s.Maximum)+" or less")
	}
	return strings.Join(parts, ", ")
}

// intFormat returns the integer type of Go that a schema means, if it means one. The smaller ones have bounds instead of a
// format.
func intFormat(s *contract.Schema) string {
	if !slices.Contains(s.Types, contract.Integer) {
		return ""
	}
	if s.Minimum == nil || s.Maximum == nil {
		if s.Format == "uint64" || s.Format == "int64" {
			return s.Format
		}
		return ""
	}
	for bits := 8; bits <= 32; bits *= 2 {
		switch {
		case *s.Minimum == -math.Ldexp(1, bits-1) && *s.Maximum == math.Ldexp(1, bits-1)-1:
			return "int" + strconv.Itoa(bits)
		case *s.Minimum == 0 && *s.Maximum == math.Ldexp(1, bits)-1:
			return "uint" + strconv.Itoa(bits)
		}
	}
	return ""
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}
