// Package shellword writes words of a command line, for people to paste into a shell.
package shellword

import "strings"

// plain are the characters that mean nothing to a shell, wherever they stand.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@"

// Quote writes text as one word of a POSIX shell, of bash or of zsh: as it is if nothing in it means anything to them, else
// in quotes. What must not reach a terminal or a page is for the caller to take out before.
func Quote(text string) string {
	if IsPlain(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// IsPlain reports whether text is a word without quotes.
func IsPlain(text string) bool {
	return text != "" && strings.Trim(text, plain) == ""
}
