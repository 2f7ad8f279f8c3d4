// Package other has types of the names that those of the tests have.
package other

// Base is another one.
type Base struct {
	Other bool `json:"other"`
}

// Tree is the type of that name in internal/schema/schematest, at another import path.
type Tree struct {
	Value    string          `json:"value"`
	Children []*Tree         `json:"children"`
	ByName   map[string]Tree `json:"by_name"`
	Parent   *Tree           `json:"parent"`
}
