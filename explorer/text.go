package explorer

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/typednats/typednats/internal/wire"
)

// clip shortens a text that came from anybody, and shows what would do something unseen: control characters, and those that
// turn the direction of writing.
func clip(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return utf8.RuneError
		}
		return r
	}, wire.CutText(s, limit))
}

// clipMetadata keeps the first few keys.
func clipMetadata(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	clipped := make(map[string]string, min(len(m), maxMetadata))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if len(clipped) == maxMetadata {
			break
		}
		clipped[clip(key, maxShort)] = clip(m[key], maxShort)
	}
	return clipped
}
