package explorer

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// identifiers returns a name for each definition that a program can have. No two are the same.
func identifiers(definitions []string) map[string]string {
	names, taken := make(map[string]string, len(definitions)), make(map[string]bool)
	for _, definition := range definitions {
		name := identifier(definition)
		for taken[name] {
			name += "_"
		}
		taken[name], names[definition] = true, name
	}
	return names
}

// identifier is a name of letters, digits and _, and begins with a capital one as names of types do.
func identifier(s string) string {
	name := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, clip(s, maxName))
	if name == "" || !unicode.IsLetter(rune(name[0])) {
		name = "T" + name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// free is an identifier that no definition has.
func free(names map[string]string, title string) string {
	name := identifier(title)
	for slices.Contains(slices.Collect(maps.Values(names)), name) {
		name += "_"
	}
	return name
}

// isNoTag is about characters that a tag in Go cannot have, or not in this form.
func isNoTag(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.$/@:#!?", r)
}

// goName is the name of a field: sku_code is SkuCode, and id is ID.
func goName(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		switch upper := strings.ToUpper(word); upper {
		case "ID", "URL", "SKU", "API", "HTTP", "JSON", "IP", "UUID":
			b.WriteString(upper)
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return identifier(b.String())
}
