package endpoints

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subschemas"
)

// Definitions are the schemas of several documents that others refer to, each with one name for all of them. Definitions
// that have the same name and say the same are one.
type Definitions struct {
	all    []Definition
	names  map[place]string
	scopes []map[string]*contract.Schema // the definitions of each document
}

// Definition is one of them.
type Definition struct {
	// Name is what it is called here.
	Name string
	// Schema is what it says. References in it are those of the endpoint that Scope is.
	Schema *contract.Schema
	Scope  int
}

// place is a definition in one document.
type place struct {
	scope int
	name  string
}

// Define returns the definitions that the bodies of endpoints need, in the order in which they are met: those of the first
// endpoint before those of the second. The names are handed out by names, after spell has made of each what the language
// allows. The position of an endpoint is its scope.
func Define(all []Endpoint, names *Names, spell func(string) string) *Definitions {
	var order []place
	needed := map[place]*contract.Schema{}
	for scope, e := range all {
		for _, name := range Needed(e) {
			p := place{scope: scope, name: name}
			needed[p] = e.Defs[name]
			order = append(order, p)
		}
	}
	d := &Definitions{names: map[place]string{}}
	for _, e := range all {
		d.scopes = append(d.scopes, e.Defs)
	}
	same := alike(order, needed, d.scopes)
	given := map[[sha256.Size]byte]string{}
	for _, p := range order {
		name, ok := given[same[p]]
		if !ok {
			name = names.Take(spell(p.name))
			given[same[p]] = name
			d.all = append(d.all, Definition{Name: name, Schema: needed[p], Scope: p.scope})
		}
		d.names[p] = name
	}
	return d
}

// Needed returns the names of the definitions in a document that the bodies of an endpoint refer to, in the order in which
// they are met.
func Needed(e Endpoint) []string {
	var names []string
	seen := map[string]bool{}
	visit := func(s *contract.Schema) {
		walk(e.Defs, s, func(name string, _ *contract.Schema) bool {
			if seen[name] {
				return false
			}
			seen[name] = true
			names = append(names, name)
			return true
		})
	}
	visit(e.Request)
	visit(e.Reply)
	for _, declared := range e.Declared {
		visit(declared.Schema)
	}
	return names
}

// All returns the definitions in their order.
func (d *Definitions) All() []Definition { return d.all }

// Name returns the name of the definition that a reference of an endpoint is to, and false if it is to something else.
func (d *Definitions) Name(scope int, ref string) (string, bool) {
	name, _, ok := target(d.scopes[scope], ref)
	if !ok {
		return "", false
	}
	name, ok = d.names[place{scope: scope, name: name}]
	return name, ok
}

// target returns the definition that a reference of a document is to, and false if it is to something else.
func target(defs map[string]*contract.Schema, ref string) (name string, schema *contract.Schema, ok bool) {
	name, ok = strings.CutPrefix(ref, "#/$defs/")
	if !ok || strings.Contains(name, "/") {
		return "", nil, false
	}
	if decoded, err := url.PathUnescape(name); err == nil {
		name = decoded
	}
	name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	return name, defs[name], defs[name] != nil
}

// walk calls enter for the definitions that a schema and those below it refer to, and goes on with what is in them if enter
// returns true.
func walk(defs map[string]*contract.Schema, s *contract.Schema, enter func(name string, to *contract.Schema) bool) {
	if s == nil {
		return
	}
	if name, to, ok := target(defs, s.Ref); ok && enter(name, to) {
		walk(defs, to, enter)
	}
	for _, below := range subschemas.Of(s) {
		walk(defs, below, enter)
	}
}

// alike returns for each definition what it has in common with all that have its name and say the same, the definitions
// that they refer to included. It begins with what each says by itself, and looks one reference further until that
// tells no more of them apart, so that definitions which refer to each other need no end.
func alike(order []place, schemas map[place]*contract.Schema, scopes []map[string]*contract.Schema) map[place][sha256.Size]byte {
	same := make(map[place][sha256.Size]byte, len(order))
	references := make(map[place][]place, len(order))
	for _, p := range order {
		same[p] = sha256.Sum256(slices.Concat([]byte(mustJSON(p.name)), schemas[p].Bytes()))
		walk(scopes[p.scope], schemas[p], func(name string, _ *contract.Schema) bool {
			references[p] = append(references[p], place{scope: p.scope, name: name})
			return false
		})
	}
	for classes, round := 0, 0; ; round++ {
		distinct := map[[sha256.Size]byte]bool{}
		for _, digest := range same {
			distinct[digest] = true
		}
		if len(distinct) == classes {
			return same
		}
		if round == maxRounds {
			return apart(same)
		}
		classes = len(distinct)
		next := make(map[place][sha256.Size]byte, len(order))
		for _, p := range order {
			h := sha256.New()
			own := same[p]
			h.Write(own[:])
			for _, to := range references[p] {
				digest := same[to]
				h.Write(digest[:])
			}
			next[p] = [sha256.Size]byte(h.Sum(nil))
		}
		same = next
	}
}

// maxRounds is how far references are followed to tell definitions apart. Only a document that wants to be a burden needs
// more.
const maxRounds = 32

// apart makes definitions of different documents different.
func apart(same map[place][sha256.Size]byte) map[place][sha256.Size]byte {
	for p, digest := range same {
		same[p] = sha256.Sum256(binary.BigEndian.AppendUint64(digest[:], uint64(p.scope))) //nolint:gosec // it counts documents
	}
	return same
}

// mustJSON returns a text as JSON, which ends where the text does.
func mustJSON(s string) string {
	data, err := json.Marshal(s)
	if err != nil { // a text can always be written
		return s
	}
	return string(data)
}
