package endpoints

import (
	"strconv"
	"strings"
	"unicode"
)

// Names hands out names that differ. The zero value is ready to use.
type Names struct {
	// Fold returns what two names have in common if they cannot stand beside each other. With nil they are compared as
	// they are.
	Fold func(string) string
	// Between stands before the number of a name that is taken; "_" if it is empty, as in the $defs of a contract.
	Between string

	taken   map[string]bool
	numbers map[string]int // the next number behind a name
}

// Reserve takes names that may not be handed out.
func (n *Names) Reserve(names ...string) {
	for _, name := range names {
		n.take(name)
	}
}

// IsFree reports whether nobody has a name.
func (n *Names) IsFree(name string) bool {
	if n.Fold != nil {
		name = n.Fold(name)
	}
	return !n.taken[name]
}

// Take returns a name that nobody has: the given one, or that with a number behind it.
func (n *Names) Take(name string) string {
	between := n.Between
	if between == "" {
		between = "_"
	}
	free := name
	i := max(2, n.numbers[name]) // those before are taken
	for ; !n.take(free); i++ {
		free = name + between + strconv.Itoa(i)
	}
	if n.numbers == nil {
		n.numbers = map[string]int{}
	}
	n.numbers[name] = i
	return free
}

func (n *Names) take(name string) bool {
	if n.Fold != nil {
		name = n.Fold(name)
	}
	if n.taken[name] {
		return false
	}
	if n.taken == nil {
		n.taken = map[string]bool{}
	}
	n.taken[name] = true
	return true
}

// Words returns the parts of a name, at everything that is neither a letter nor a digit.
func Words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !IsLetter(r) && (r < '0' || r > '9') })
}

// IsLetter reports whether a character may stand in a name of any of the languages that are written here: a letter of a
// script that they have all known for long.
func IsLetter(r rune) bool {
	if r < unicode.MaxASCII {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.IsLetter(r) && (r < 0x2000 && !unicode.Is(unicode.Lm, r) || r >= 0x3041 && r <= 0xD7A3 && unicode.Is(unicode.Lo, r))
}
