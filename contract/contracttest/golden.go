// Package contracttest keeps the contracts of endpoints in files, and fails a test when a change breaks somebody.
package contracttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/contract"
)

// Variable is the environment variable that tells [Golden] to write files.
const Variable = "TYPEDNATS_CONTRACT"

// What the variable can be.
const (
	updating  = "update"  // write what breaks nobody
	accepting = "accept:" // write all, for the reason behind it
)

// Golden compares the contracts of endpoints with those in a file, which is kept with the code, and fails the test if they
// differ. One line in the package of a contract does for all of it:
//
//	contracttest.Golden(t, "testdata/inventory.json", Inventory.Endpoints()...)
//
// A change that breaks nobody asks for an update of the file:
//
//	TYPEDNATS_CONTRACT=update go test ./...
//
// A breaking one fails with what it breaks, for whom, and what to do instead. To make it all the same, accept it for a
// reason. The reason is kept in the file, beside what was accepted, and is shown by a review:
//
//	TYPEDNATS_CONTRACT='accept: no client of before 2.0 is left' go test ./...
//
// An environment variable, unlike a flag, also reaches packages that have no such test. In CI it is not set: nothing is
// written there.
func Golden(tb testing.TB, path string, endpoints ...typednats.Descriptor) {
	tb.Helper()
	docs, err := documents(endpoints)
	if err != nil {
		tb.Fatalf("contracttest: %v", err)
		return
	}
	old, err := read(path)
	switch mode := os.Getenv(Variable); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		tb.Fatalf("contracttest: %v", err)
	case err != nil && mode == "":
		tb.Fatalf("contracttest: there is no file %s; write it with\n\n\t%s\n", path, command(updating))
	default:
		if text := compare(old, docs, path, mode); text != "" {
			tb.Fatal("contracttest: " + text)
		}
	}
}

// documents returns the contracts of endpoints, in the order of their names and subjects.
func documents(endpoints []typednats.Descriptor) ([]contract.Document, error) {
	var docs []contract.Document
	var errs []error
	for i, e := range endpoints {
		if e == nil {
			errs = append(errs, fmt.Errorf("endpoint %d is nil", i+1))
			continue
		}
		doc, err := e.Contract()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		docs = append(docs, doc)
	}
	slices.SortStableFunc(docs, func(a, b contract.Document) int {
		return strings.Compare(a.Name+" "+a.Subject, b.Name+" "+b.Subject)
	})
	return docs, errors.Join(errs...)
}

// compare returns why a test is to fail, or nothing. It writes the file if the mode says so.
func compare(old file, docs []contract.Document, path, mode string) string {
	reason, isAccepted := strings.CutPrefix(mode, accepting)
	reason = strings.TrimSpace(reason)
	switch {
	case mode != "" && mode != updating && !isAccepted:
		return fmt.Sprintf("%s is %q: want %q, or %q and a reason", Variable, mode, updating, accepting)
	case isAccepted && reason == "":
		return fmt.Sprintf("%s says %q without a reason", Variable, accepting)
	}
	next := file{Endpoints: docs, Accepted: old.Accepted}
	if bytes.Equal(next.bytes(), old.bytes()) {
		return ""
	}
	findings := contract.DiffAll(old.Endpoints, docs)
	broken := slices.DeleteFunc(slices.Clone(findings), func(f contract.Finding) bool { return f.Level != contract.Breaking })
	if len(broken) > 0 && !isAccepted {
		return fmt.Sprintf("the change of %s breaks somebody:\n\n%s\nIf nobody is left whom it hurts, accept it, and say why:\n\n\t%s\n",
			path, list(findings), command(accepting+" the reason"))
	}
	if mode == "" {
		return fmt.Sprintf("the contracts differ from %s, and break nobody:\n\n%s\nUpdate the file:\n\n\t%s\n",
			path, list(findings), command(updating))
	}
	for _, f := range broken {
		next.Accepted = append(next.Accepted, accepted{Finding: f.String(), Reason: reason})
	}
	if err := next.write(path); err != nil {
		return err.Error()
	}
	return ""
}

// list returns findings, one on a line.
func list(findings []contract.Finding) string {
	if len(findings) == 0 {
		return "\tonly words differ\n"
	}
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "\t%v\n", f)
	}
	return b.String()
}

func command(mode string) string { return fmt.Sprintf("%s='%s' go test ./...", Variable, mode) }

// file is what is kept.
type file struct {
	Accepted  []accepted          `json:"accepted,omitempty"` // breaking changes that were made, the last at the end
	Endpoints []contract.Document `json:"endpoints"`
}

// accepted is a breaking change that was made for a reason.
type accepted struct {
	Finding string `json:"finding"`
	Reason  string `json:"reason"`
}

// bytes returns the file as it is written: one line for each keyword, so that a review shows what has changed.
func (f file) bytes() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(f) //nolint:errchkjson // documents never fail, and all else is text
	return b.Bytes()
}

func (f file) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is kept with the code
		return err
	}
	return os.WriteFile(path, f.bytes(), 0o644) //nolint:gosec // as above
}

func read(path string) (file, error) {
	var f file
	data, err := os.ReadFile(path) //nolint:gosec // the path is that of the test
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}
