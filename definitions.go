package typednats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subschemas"
)

// definitions are the $defs of a contract document, into which the schemas of its bodies bring theirs.
type definitions map[string]*contract.Schema

// add parses the schemas of one codec, and takes their definitions.
func (d definitions) add(b bodies) (*contract.Variant, error) {
	v := &contract.Variant{}
	var err error
	if v.Request, err = d.take(b.request); err != nil {
		return nil, err
	}
	if v.Reply, err = d.take(b.reply); err != nil {
		return nil, err
	}
	for _, tag := range slices.Sorted(maps.Keys(b.errors)) {
		s, err := d.take(b.errors[tag])
		if err != nil {
			return nil, err
		}
		if v.Errors == nil {
			v.Errors = make(map[string]*contract.Schema)
		}
		v.Errors[tag] = s
	}
	return v, nil
}

// take returns a schema without the definitions in it, which become those of the document. One of a name that means
// something else there gets another name, and so does one that refers to such a one.
func (d definitions) take(data json.RawMessage) (*contract.Schema, error) {
	if data == nil {
		return nil, nil //nolint:nilnil // there is no body
	}
	s, err := contract.ParseSchema(data)
	if err != nil {
		return nil, err
	}
	own := s.Defs
	s.Defs = nil
	renamed := d.rivals(own)
	rename(s, renamed)
	for name, def := range own {
		rename(def, renamed)
		if to, ok := renamed[name]; ok {
			name = to
		}
		d[name] = def
	}
	return s, nil
}

// rivals returns new names for those of the definitions that mean something else in the document.
func (d definitions) rivals(own map[string]*contract.Schema) map[string]string {
	renamed := make(map[string]string)
	for again := true; again; {
		again = false
		for _, name := range slices.Sorted(maps.Keys(own)) {
			there, taken := d[name]
			if _, done := renamed[name]; done || !taken {
				continue
			}
			if bytes.Equal(there.Bytes(), own[name].Bytes()) && !refers(own[name], renamed) {
				continue
			}
			free := name
			for i := 2; d[free] != nil || own[free] != nil; i++ {
				free = name + "_" + strconv.Itoa(i)
			}
			own[free] = own[name] // it is taken now
			renamed[name] = free
			again = true
		}
	}
	for _, free := range renamed {
		delete(own, free)
	}
	return renamed
}

// refers reports whether a schema refers to one of the names.
func refers(s *contract.Schema, names map[string]string) bool {
	found := false
	each(s, func(s *contract.Schema) {
		for name := range names {
			found = found || s.Ref == contract.Reference(name) || inExtra(s, name)
		}
	})
	return found
}

// rename changes the references in a schema to names that have become others.
func rename(s *contract.Schema, renamed map[string]string) {
	each(s, func(s *contract.Schema) {
		for from, to := range renamed {
			if s.Ref == contract.Reference(from) {
				s.Ref = contract.Reference(to)
				break
			}
		}
		for _, from := range slices.Backward(slices.Sorted(maps.Keys(renamed))) { // A_2 is to be A_3 before A becomes A_2
			for keyword, raw := range s.Extra { // what a codec of somebody else has written, perhaps
				s.Extra[keyword] = bytes.ReplaceAll(raw, quotedReference(from), quotedReference(renamed[from]))
			}
		}
	})
}

func inExtra(s *contract.Schema, name string) bool {
	for _, raw := range s.Extra {
		if bytes.Contains(raw, quotedReference(name)) {
			return true
		}
	}
	return false
}

func quotedReference(name string) []byte { return fmt.Appendf(nil, "%q", contract.Reference(name)) }

// each calls f for a schema and all below it.
func each(s *contract.Schema, f func(*contract.Schema)) {
	if s == nil {
		return
	}
	f(s)
	for _, below := range subschemas.Of(s) {
		each(below, f)
	}
}
