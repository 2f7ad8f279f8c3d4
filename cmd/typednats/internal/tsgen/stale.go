package tsgen

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Stale says in which way a file that was kept is not the one that is made now, or nothing if it is. How lines end does not
// count, for some tools change that.
func Stale(kept, made []byte) []string {
	kept = bytes.ReplaceAll(kept, []byte("\r\n"), []byte("\n"))
	if bytes.Equal(kept, made) {
		return nil
	}
	before, after := heads(kept), heads(made)
	var why []string
	for _, subject := range slices.Sorted(maps.Keys(after)) {
		switch digest, known := before[subject]; {
		case !known:
			why = append(why, fmt.Sprintf("the contract of %s is not in it", subject))
		case digest != after[subject]:
			why = append(why, fmt.Sprintf("the contract of %s has changed", subject))
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(before)) {
		if _, known := after[subject]; !known {
			why = append(why, fmt.Sprintf("there is no contract of %s any more", subject))
		}
	}
	if len(why) == 0 {
		why = append(why, "the contracts are the same; words in them, the options or the version of this command are not, or it was edited")
	}
	return why
}

// heads returns the contracts that the head of a file names, by subject.
func heads(file []byte) map[string]string {
	digests := map[string]string{}
	for line := range strings.Lines(string(file)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), contractLine); ok {
			subject, digest, _ := strings.Cut(rest, " ")
			digests[subject] += digest
		}
	}
	return digests
}
