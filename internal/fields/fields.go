// Package fields finds the fields of a struct that are sent, by the rules of encoding/json, so that all codecs agree on
// them.
package fields

import (
	"cmp"
	"reflect"
	"slices"
)

// Tag is what the tags of a field say.
type Tag struct {
	Name                string // on the wire; empty for that of the field
	Skip                bool   // the field is not sent
	Apart               bool   // an embedded struct is a field of its own, though it has no name
	OmitEmpty, OmitZero bool
	Alias               string // another name that is understood
}

// Field is a field that is sent, or that would be if no other one had its name.
type Field struct {
	Tag

	Index []int // from the struct, through those that it embeds
	Type  reflect.Type
	Path  string // from the struct, in Go: "Base.ID"

	named bool // by its tag
}

// Struct is what is sent of a struct type.
type Struct struct {
	Fields   []Field // in the order of the source
	Embedded []Field // the structs whose fields are among them
	Shadowed []Field // lost, because one that is less deep, or that has a tag, has the name
	Doubtful []Field // lost, because another one has as much right to the name
}

// pending is a struct whose fields are to be visited.
type pending struct {
	typ   reflect.Type
	index []int
	path  string
}

// Of returns what is sent of a struct type. read reads the tags of a field.
func Of(t reflect.Type, read func(reflect.StructField) Tag) Struct {
	var s Struct
	var found []Field
	visited := map[reflect.Type]bool{}
	next := []pending{{typ: t}}
	for len(next) > 0 {
		level := next
		next = nil
		for _, p := range level {
			if visited[p.typ] { // its fields have been found less deep, or twice on this level
				s.addLost(p, read, level)
				continue
			}
			visited[p.typ] = true
			for i := range p.typ.NumField() {
				f, sent := p.field(i, read)
				switch {
				case !sent:
				case f.isFlattened(p.typ.Field(i)):
					s.Embedded = append(s.Embedded, f)
					next = append(next, pending{structType(f.Type), f.Index, f.Path + "."})
				default:
					found = append(found, f)
				}
			}
		}
	}
	s.settle(found)
	return s
}

// field returns the i-th field, and whether it is sent.
func (p pending) field(i int, read func(reflect.StructField) Tag) (Field, bool) {
	sf := p.typ.Field(i)
	if !sf.IsExported() && (!sf.Anonymous || structType(sf.Type) == nil) {
		return Field{}, false // the exported fields of an unexported struct are promoted
	}
	f := Field{Tag: read(sf), Index: append(slices.Clip(p.index), i), Type: sf.Type, Path: p.path + sf.Name}
	f.named = f.Name != ""
	if !f.named {
		f.Name = sf.Name
	}
	return f, !f.Skip
}

func (f *Field) isFlattened(sf reflect.StructField) bool {
	return sf.Anonymous && !f.named && !f.Apart && structType(sf.Type) != nil
}

// structType returns the struct type that t is, or points to without a name of its own, or nil.
func structType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// addLost records the fields of a struct that is embedded again. On one level the two are rivals; those that were found
// first are then lost, too.
func (s *Struct) addLost(p pending, read func(reflect.StructField) Tag, level []pending) {
	rivals := slices.ContainsFunc(level, func(other pending) bool { return other.typ == p.typ && other.path != p.path })
	for i := range p.typ.NumField() {
		f, sent := p.field(i, read)
		switch {
		case !sent:
		case rivals:
			s.Doubtful = append(s.Doubtful, f)
		default:
			s.Shadowed = append(s.Shadowed, f)
		}
	}
}

// settle gives each name to the one field that has the right to it.
func (s *Struct) settle(found []Field) {
	byName := map[string][]Field{}
	for _, f := range slices.Concat(found, s.Doubtful) {
		byName[f.Name] = append(byName[f.Name], f)
	}
	for _, f := range found {
		rivals := byName[f.Name]
		best := slices.MinFunc(rivals, compareRight)
		equals := 0
		for _, rival := range rivals {
			if compareRight(rival, best) == 0 {
				equals++
			}
		}
		switch {
		case compareRight(f, best) != 0:
			s.Shadowed = append(s.Shadowed, f)
		case equals > 1:
			s.Doubtful = append(s.Doubtful, f)
		default:
			s.Fields = append(s.Fields, f)
		}
	}
	slices.SortFunc(s.Fields, func(a, b Field) int { return slices.Compare(a.Index, b.Index) })
}

// compareRight is negative if a has more right to its name than b.
func compareRight(a, b Field) int {
	if n := cmp.Compare(len(a.Index), len(b.Index)); n != 0 || a.named == b.named {
		return n
	}
	if a.named {
		return -1
	}
	return 1
}
