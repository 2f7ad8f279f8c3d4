// Package contractfile reads contracts from files.
package contractfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/typednats/typednats/contract"
)

// Read returns the contracts in files, which hold one document each, an array of them, or what contracttest.Golden
// keeps.
func Read(paths ...string) ([]contract.Document, error) {
	var docs []contract.Document
	for _, path := range paths {
		data, err := os.ReadFile(path) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		more, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

// Parse returns the contracts in the bytes of one file.
func Parse(data []byte) ([]contract.Document, error) {
	if trimmed := bytes.TrimSpace(data); bytes.HasPrefix(trimmed, []byte("[")) {
		return parseList(trimmed)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("not JSON of contracts: %w", err)
	}
	if list, ok := members["endpoints"]; ok && members["typednats"] == nil {
		return parseList(list)
	}
	doc, err := contract.Parse(data)
	if err != nil {
		return nil, err
	}
	return []contract.Document{doc}, nil
}

func parseList(data []byte) ([]contract.Document, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("not a list of contracts: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("it has no contracts")
	}
	docs := make([]contract.Document, len(list))
	for i, item := range list {
		var err error
		if docs[i], err = contract.Parse(item); err != nil {
			return nil, fmt.Errorf("contract %d: %w", i+1, err)
		}
	}
	return docs, nil
}
