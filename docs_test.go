package typednats_test

import (
	"context"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// markdown is one document, apart from the code in it.
type markdown struct {
	path   string
	prose  string
	blocks []codeBlock
}

// codeBlock is a fenced block of a document.
type codeBlock struct {
	at    string // path:line
	info  string // what stands behind the opening fence
	lines []string
}

func readMarkdown(t *testing.T, path string) markdown {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the paths are those of this repository
	if err != nil {
		t.Fatal(err)
	}
	doc := markdown{path: path}
	var open *codeBlock
	for i, line := range strings.Split(string(data), "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &codeBlock{at: fmt.Sprintf("%s:%d", path, i+1), info: info}
		case fence:
			doc.blocks = append(doc.blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			doc.prose += line + "\n"
		}
	}
	if open != nil {
		t.Errorf("%s: the code block does not end", open.at)
	}
	return doc
}

// documents returns the project's documents.
func documents(t *testing.T) []markdown {
	t.Helper()
	paths, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, filepath.Join("otel", "README.md"))
	for _, path := range filesUnder(t, "docs") {
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
	}
	docs := make([]markdown, len(paths))
	for i, path := range paths {
		docs[i] = readMarkdown(t, path)
	}
	return docs
}

func filesUnder(t *testing.T, root string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestDocsShowWhatRuns: the lines of each Go block and of each output stand in one example, in this order. Lines may be
// left out. The files and the output in the README are for TestReadmeProgram.
func TestDocsShowWhatRuns(t *testing.T) {
	t.Parallel()
	sources := make(map[string][]string)
	for _, path := range filesUnder(t, ".") {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "example") && strings.HasSuffix(name, "_test.go") || strings.Contains("/"+path, "/examples/") {
			sources[path] = readLines(t, path)
		}
	}
	for _, doc := range documents(t) {
		for _, block := range doc.blocks {
			if block.info != "go" && block.info != "text" || doc.path == readme && (isFile(block) || block.info == "text") {
				continue
			}
			if block.info == "go" {
				code := strings.Join(block.lines, "\n")
				if formatted, err := format.Source([]byte(code)); err != nil || string(formatted) != code {
					t.Errorf("%s: the code is not formatted (%v)", block.at, err)
				}
			}
			found := false
			for _, source := range sources {
				found = found || holds(source, block.lines)
			}
			if !found {
				t.Errorf("%s: no example has these lines", block.at)
			}
		}
	}
}

// readLines returns the lines of a Go file, without indentation. A line of a comment is what stands in it, too.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the paths are those of this repository
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.SplitSeq(string(data), "\n") {
		line = strings.TrimSpace(line)
		lines = append(lines, line)
		if comment, ok := strings.CutPrefix(line, "// "); ok {
			lines = append(lines, comment)
		}
	}
	return lines
}

// holds reports whether all lines of part stand in whole, in this order.
func holds(whole, part []string) bool {
	for _, line := range part {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		i := slices.Index(whole, line)
		if i < 0 {
			return false
		}
		whole = whole[i+1:]
	}
	return true
}

var (
	linkRegexp    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	inlineCode    = regexp.MustCompile("`[^`\n]*`")
	headingRegexp = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInSlug     = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestDocsLinksResolve: what a relative link names is there, the heading included.
func TestDocsLinksResolve(t *testing.T) {
	t.Parallel()
	for _, doc := range documents(t) {
		for _, match := range linkRegexp.FindAllStringSubmatch(inlineCode.ReplaceAllString(doc.prose, ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target, heading, _ := strings.Cut(match[1], "#")
			path := doc.path
			if target != "" {
				path = filepath.Join(filepath.Dir(doc.path), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s: %v", doc.path, match[1], err)
				continue
			}
			if heading != "" && !slices.Contains(slugs(readMarkdown(t, path).prose), heading) {
				t.Errorf("%s links to %s: there is no such heading", doc.path, match[1])
			}
		}
	}
}

// slugs returns the fragments by which the headings of a document are linked to, as GitHub makes them.
func slugs(prose string) []string {
	var list []string
	for _, match := range headingRegexp.FindAllStringSubmatch(prose, -1) {
		slug := notInSlug.ReplaceAllString(strings.ToLower(match[1]), "")
		list = append(list, strings.ReplaceAll(slug, " ", "-"))
	}
	return list
}

// TestDocsFileMap: the design page has each file of the root and of the rooms behind it.
func TestDocsFileMap(t *testing.T) {
	t.Parallel()
	design := readMarkdown(t, filepath.Join("docs", "design.md")).prose
	for _, room := range []string{"", "internal/server/", "internal/wire/", "internal/subject/", "internal/replies/", "explorer/"} {
		paths, err := filepath.Glob(room + "*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if !strings.HasSuffix(path, "_test.go") && !strings.Contains(design, "\n| `"+path+"` |") {
				t.Errorf("docs/design.md does not say what lives in %s", path)
			}
		}
	}
}

// The texts that people search for in the page about errors are those that the code writes.
func TestDocsTroubleshootingTexts(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, path := range filesUnder(t, ".") {
		if filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
			code.WriteString(strings.Join(readLines(t, path), "\n"))
		}
	}
	for _, err := range []error{
		nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrPermissionViolation, nats.ErrMaxPayload, nats.ErrSlowConsumer,
		context.DeadlineExceeded,
	} {
		code.WriteString(err.Error() + "\n")
	}
	source := strings.NewReplacer(`\"`, `"`, `" + wire.MetadataPrefix + "`, "typednats.", `"+wire.MetadataPrefix+"`, "typednats.").Replace(code.String())
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(
		readMarkdown(t, filepath.Join("docs", "guides", "troubleshooting.md")).prose, -1)
	if len(rows) < 30 {
		t.Errorf("%d texts", len(rows))
	}
	for _, row := range rows {
		for part := range strings.SplitSeq(row[1], "…") {
			part = strings.TrimSuffix(strings.TrimSpace(part), ", id")
			if !strings.Contains(source, strings.TrimPrefix(part, "typednats: ")) {
				t.Errorf("%q: nothing says %q", row[1], part)
			}
		}
	}
}
