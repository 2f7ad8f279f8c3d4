package nodetest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGuideShowsWhatRuns: what the guide shows of other languages and their output stands in a file that is run here.
func TestGuideShowsWhatRuns(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../../../docs/guides/other-languages.md")
	if err != nil {
		t.Fatal(err)
	}
	var run [][]string
	for _, pattern := range []string{"testdata/node/*.ts", "testdata/node/*.js", "testdata/node/*.py", "testdata/*.txt"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path) //nolint:gosec // it is the test's own
			if err != nil {
				t.Fatal(err)
			}
			run = append(run, strings.Split(string(data), "\n"))
		}
	}
	shown := map[string]int{}
	blocks := strings.Split(string(guide), "\n```")
	for i := 1; i < len(blocks); i += 2 { // every other one is between fences
		language, block, _ := strings.Cut(blocks[i], "\n")
		shown[language]++
		if language == "go" || language == "sh" {
			continue // the first are checked with the library; the second install things
		}
		lines := strings.Split(block, "\n")
		if !slices.ContainsFunc(run, func(file []string) bool { return holds(file, lines) }) {
			t.Errorf("nothing that is run has these lines of %s:\n%s", language, block)
		}
	}
	for _, language := range []string{"ts", "js", "python", "console"} {
		if shown[language] == 0 {
			t.Errorf("the guide shows nothing of %s", language)
		}
	}
}

// holds reports whether all lines stand in a file, one behind the other.
func holds(file, lines []string) bool {
	for i := range file {
		if len(file)-i >= len(lines) && slices.Equal(file[i:i+len(lines)], lines) {
			return true
		}
	}
	return false
}
