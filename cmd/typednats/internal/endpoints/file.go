package endpoints

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/contractfile"
)

// maxFile bounds a file, which may hold many documents of 1 MiB.
const maxFile = 64 << 20

// ReadFile reads the contracts in a file: one document, an array of them, or what contracttest.Golden keeps.
func ReadFile(path string) (Set, error) {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return Set{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return Read(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), path, f)
}

// Read reads contracts as [ReadFile] does, from anywhere. Errors say that they are about where.
func Read(name, where string, r io.Reader) (Set, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Set{}, fmt.Errorf("read %s: %w", where, err)
	}
	if len(data) > maxFile {
		return Set{}, fmt.Errorf("read %s: it has more than %d bytes", where, maxFile)
	}
	docs, err := contractfile.Parse(data)
	if err != nil {
		return Set{}, fmt.Errorf("read %s: %w", where, err)
	}
	set, err := NewSet(name, docs...)
	if err != nil {
		return Set{}, fmt.Errorf("read %s: %w", where, err)
	}
	return set, nil
}
