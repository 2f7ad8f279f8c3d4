package contractfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typednats/typednats/cmd/typednats/internal/contractfile"
)

const one = `{"typednats":1,"name":"a","subject":"a","content_types":["application/json"]}`

func TestRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		one:                                  "a",
		"[" + one + "," + one + "]":          "a a",
		`{"endpoints":[` + one + `]}`:        "a",
		`[]`:                                 "error: it has no contracts",
		`{"endpoints":7}`:                    "error: not a list of contracts",
		`{}`:                                 "error: ",
		`x`:                                  "error: not JSON of contracts",
		`[` + one + `,{"typednats":2}]`:      "error: contract 2: ",
		`{"typednats":1,"endpoints":[true]}`: "error: ",
	} {
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		docs, err := contractfile.Read(path)
		if problem, fails := strings.CutPrefix(want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), problem) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %s with the path", text, err, problem)
			}
			continue
		}
		var names []string
		for _, doc := range docs {
			names = append(names, doc.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := contractfile.Read(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a file that is not there was read")
	}
}
