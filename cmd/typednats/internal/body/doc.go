// Package body checks the bodies of requests and replies against the schemas of a contract, and turns JSON into
// MessagePack and back, as a schema says.
//
// Schemas come from strangers. So the work is bounded: a schema that would take longer is said to be too much.
package body

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/typednats/typednats/contract"
)

// The bounds of the work for one body.
const (
	maxSteps         = 1 << 21
	alternativeSteps = 15 // what it counts to try an alternative, of which there may be some below each
	maxDepth         = 256
)

// ErrTooMuch is returned when a body or its schema takes too much work.
var ErrTooMuch = errors.New("it is nested too deeply, or its schema has too many alternatives")

// Parse reads JSON into the values that this package works with. Numbers keep their digits.
func Parse(data []byte) (any, error) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, jsonError(data, dec.InputOffset(), err)
	}
	end := dec.InputOffset()
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, jsonError(data, end, errors.New("there is more behind the value"))
	}
	return v, nil
}

// jsonError says where the mistake is.
func jsonError(data []byte, offset int64, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset = int64(len(data))
		err = errors.New("it ends too early")
	}
	before := string(data[:min(max(offset-1, 0), int64(len(data)))])
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Errorf("not JSON: line %d, column %d: %w", line, column, err)
}

// walker follows a value and its schema.
type walker struct {
	defs  map[string]*contract.Schema
	steps int
	depth int
}

func newWalker(s *contract.Schema) *walker {
	if s == nil {
		return new(walker)
	}
	return &walker{defs: s.Defs}
}

// enter counts one more step. It reports false if that is too much. The caller leaves if it reports true.
func (w *walker) enter() bool {
	if w.steps++; w.steps > maxSteps || w.depth == maxDepth {
		w.steps = maxSteps // whoever goes on elsewhere ends, too
		return false
	}
	w.depth++
	return true
}

func (w *walker) leave() { w.depth-- }

// resolve follows references. It returns nil for what says nothing: no schema, or a reference that leads nowhere.
func (w *walker) resolve(s *contract.Schema) *contract.Schema { return Resolve(w.defs, s) }

// Resolve follows the references of a schema into definitions. It returns nil for one that leads nowhere.
func Resolve(defs map[string]*contract.Schema, s *contract.Schema) *contract.Schema {
	for range maxDepth {
		if s == nil || s.Ref == "" {
			return s
		}
		s = defs[Definition(s.Ref)]
	}
	return nil
}

// Definition returns the name that a reference is to: a JSON pointer in a URI.
func Definition(ref string) string {
	name, _ := strings.CutPrefix(ref, "#/$defs/")
	if !strings.ContainsAny(name, "%~") {
		return name
	}
	if decoded, err := url.PathUnescape(name); err == nil {
		name = decoded
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}
