package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDocsShowWhatRuns: what the guide and the README show of the command stands in one golden file, in this order.
// Lines may be left out.
func TestDocsShowWhatRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	goldens := make([][]string, len(files))
	for i, file := range files {
		goldens[i] = linesOf(t, file)
	}
	for _, doc := range []string{"../../docs/guides/command.md", "../../README.md"} {
		blocks := consoleBlocks(linesOf(t, doc))
		if len(blocks) == 0 {
			t.Errorf("%s shows nothing", doc)
		}
		for _, block := range blocks {
			if !slices.ContainsFunc(goldens, func(golden []string) bool { return holds(golden, block) }) {
				t.Errorf("%s: no golden file has these lines:\n%s", doc, strings.Join(block, "\n"))
			}
		}
	}
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the paths are those of this repository
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

// consoleBlocks returns the fenced blocks that show a terminal.
func consoleBlocks(lines []string) [][]string {
	var blocks [][]string
	inside := false
	for _, line := range lines {
		switch {
		case line == "```console":
			inside = true
			blocks = append(blocks, nil)
		case strings.HasPrefix(line, "```"):
			inside = false
		case inside:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	return blocks
}

// holds reports whether all lines of part stand in whole, in this order.
func holds(whole, part []string) bool {
	for _, line := range part {
		i := slices.Index(whole, line)
		if i < 0 {
			return false
		}
		whole = whole[i+1:]
	}
	return true
}
