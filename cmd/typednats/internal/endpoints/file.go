package endpoints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/typednats/typednats/contract"
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
	docs, err := parse(data)
	if err != nil {
		return Set{}, fmt.Errorf("read %s: %w", where, err)
	}
	set, err := NewSet(name, docs...)
	if err != nil {
		return Set{}, fmt.Errorf("read %s: %w", where, err)
	}
	return set, nil
}

// errNoContracts is about JSON that is something else.
var errNoContracts = errors.New(`want a contract document, an array of them, or an object with "endpoints", as contracttest.Golden writes it`)

func parse(data []byte) ([]contract.Document, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil, fmt.Errorf("it is empty: %w", errNoContracts)
	}
	var list []json.RawMessage
	if data[0] == '[' {
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		return parseAll(list)
	}
	var object struct {
		Version   json.RawMessage   `json:"typednats"`
		Endpoints []json.RawMessage `json:"endpoints"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoContracts, err)
	}
	switch {
	case object.Version != nil:
		list = []json.RawMessage{data}
	case object.Endpoints != nil:
		list = object.Endpoints
	default:
		return nil, errNoContracts
	}
	return parseAll(list)
}

func parseAll(list []json.RawMessage) ([]contract.Document, error) {
	docs := make([]contract.Document, len(list))
	for i, raw := range list {
		doc, err := contract.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		docs[i] = doc
	}
	return docs, nil
}
