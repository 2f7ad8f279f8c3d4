// Package tsgen writes clients in TypeScript for the endpoints of contracts: one file, which is meant to be read.
package tsgen

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subschemas"
)

//go:embed runtime.ts
var runtime string

//go:embed json_number.ts
var numberJSON string

//go:embed json_bigint.ts
var bigintJSON string

// Int64 is what integers of 64 bits are in TypeScript.
type Int64 string

// What they can be.
const (
	Number Int64 = "number" // which rounds them beyond 2⁵³
	Bigint Int64 = "bigint"
)

// errAmbiguous is about a union in which the place of an integer does not say whether it is one of 64 bits.
var errAmbiguous = errors.New("they cannot be told apart when a reply is read; use numbers for integers of 64 bits")

// File is what was written.
type File struct {
	Text []byte
	// Left has a line for each endpoint that cannot be called, and why.
	Left []string
}

// Generate writes a client for each set. It returns an error if nothing in them can be called from TypeScript.
func Generate(sets []endpoints.Set, int64s Int64) (File, error) {
	g := &generator{
		bigints: int64s == Bigint, byName: map[string]endpoints.Definition{}, hasBigint: map[string]bool{},
		nulls: map[string]bool{}, shapeOfDef: map[string]shapeOrError{}, kindsOfDef: map[string]map[kind]bool{}, needed: map[string]bool{},
	}
	g.names.Reserve(reserved()...)
	var all []endpoints.Endpoint
	for _, set := range sets {
		all = append(all, set.Endpoints...)
	}
	callable := slices.DeleteFunc(slices.Clone(all), func(e endpoints.Endpoint) bool { return !e.IsJSON })
	if len(callable) == 0 {
		return File{}, fmt.Errorf("none of %d endpoints accepts JSON, which is what a client in TypeScript sends", len(all))
	}
	g.defs = endpoints.Define(callable, &g.names, typeName)
	for _, def := range g.defs.All() {
		g.byName[def.Name] = def
	}
	g.findBigints()
	g.head(all, int64s)
	number := 0
	for _, set := range sets {
		if err := g.class(set, &number); err != nil {
			return File{}, err
		}
	}
	g.definitions()
	shapes, err := g.writeShapes()
	if err != nil {
		return File{}, err
	}
	helpers := shapeHelpers(g.text.String() + shapes)
	g.printf("\n%s%s%s%s", g.only(runtime), g.json(), helpers, shapes) // shapes are made of what stands before them
	return File{Text: []byte(g.text.String()), Left: g.left}, nil
}

// generator writes one file.
type generator struct {
	text      strings.Builder
	names     endpoints.Names
	defs      *endpoints.Definitions
	byName    map[string]endpoints.Definition
	hasBigint map[string]bool // definitions with integers of 64 bits in them
	bigints   bool
	shapes    []string // definitions whose shapes are needed
	needed    map[string]bool

	// What is known of definitions already, so that references which meet again and again cost nothing.
	nulls      map[string]bool
	shapeOfDef map[string]shapeOrError
	kindsOfDef map[string]map[kind]bool

	left []string
}

func (g *generator) printf(format string, args ...any) { fmt.Fprintf(&g.text, format, args...) }

// reserved are the names that the file has without those of contracts, and those of others in it.
func reserved() []string {
	return append([]string{
		"Array", "BigInt", "Boolean", "Error", "JSON", "Map", "Math", "Msg", "MsgHdrs", "NatsConnection", "Number", "Object",
		"Pick", "Promise", "RangeError", "ReadonlyMap", "Readonly", "Record", "String", "Symbol", "Uint8Array", "Type",
		"listOf", "mapOf", "membersOf",
	}, names(runtime+numberJSON+bigintJSON)...)
}

// names returns what a file of TypeScript declares.
func names(file string) []string {
	var found []string
	for line := range strings.SplitSeq(file, "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return !endpoints.IsLetter(r) && (r < '0' || r > '9') })
		for i, word := range words[:min(len(words), 4)] {
			switch word {
			case "type", "interface", "class", "function", "const":
				if i+1 < len(words) && !strings.HasPrefix(line, " ") {
					found = append(found, words[i+1])
				}
			}
		}
	}
	return found
}

// head writes what the file was made of.
func (g *generator) head(all []endpoints.Endpoint, int64s Int64) {
	g.printf("// Made by \"typednats gen typescript\" from contracts. Do not edit it: make it anew when they change.\n")
	g.printf("// int64 and uint64 are of the type %s", int64s)
	if int64s == Number {
		g.printf(", which rounds them beyond 2^53")
	}
	g.printf(".\n//\n")
	for _, e := range all {
		g.printf("%s%s %s\n", contractLine, word(e.Subject), e.Digest())
	}
	g.printf("\n/* eslint-disable */\n\n")
	g.printf("import { headers as newHeaders } from \"@nats-io/nats-core\";\n")
	g.printf("import type { Msg, MsgHdrs, NatsConnection } from \"@nats-io/nats-core\";\n")
}

// contractLine begins the line of a contract in the head.
const contractLine = "// contract "

// definitions writes the types that contracts have names for.
func (g *generator) definitions() {
	for _, def := range g.defs.All() {
		s := scope{g, def.Scope}
		g.printf("\n%s", comment("", s.words(def.Schema)...))
		g.definition(s, def.Name, def.Schema)
	}
}

// definition writes one type: an interface for an object with members, so that what is shown of it is its name.
func (g *generator) definition(s scope, name string, schema *contract.Schema) {
	isObject := schema.Ref == "" && schema.Enum == nil && schema.Const == nil && schema.AnyOf == nil && !schema.Nothing
	if types := typesOf(schema); isObject && len(types) == 1 && types[0] == contract.Object {
		if text := s.object(schema, ""); strings.HasPrefix(text, "{\n") {
			g.printf("export interface %s %s\n", name, text)
			return
		}
	}
	g.printf("export type %s =%s;\n", name, broken(s.alternatives(schema, ""), "", len(name)+16))
}

// findBigints finds the definitions with integers of 64 bits in them, or in what they refer to.
func (g *generator) findBigints() {
	for found := g.bigints; found; {
		found = false
		for _, def := range slices.Backward(g.defs.All()) { // what one refers to stands behind it as a rule
			if !g.hasBigint[def.Name] && g.hasBigints(scope{g, def.Scope}, def.Schema) {
				g.hasBigint[def.Name] = true
				found = true
			}
		}
	}
}

func (g *generator) hasBigints(s scope, schema *contract.Schema) bool {
	if def, ok := s.definition(schema.Ref); ok {
		return g.hasBigint[def.Name]
	}
	if schema.Enum != nil || schema.Const != nil {
		return slices.ContainsFunc(s.literals(schema), isBigint)
	}
	return isInt64(schema) || slices.ContainsFunc(subschemas.Of(schema), func(below *contract.Schema) bool {
		return g.hasBigints(s, below)
	})
}

// json returns how values are written and read.
func (g *generator) json() string {
	if g.bigints {
		return bigintJSON
	}
	return numberJSON
}

// only returns the lines of a file that are for the type of integers that was asked for.
func (g *generator) only(file string) string {
	mine, others := " // number only", " // bigint only"
	if g.bigints {
		mine, others = others, mine
	}
	var b strings.Builder
	for line := range strings.Lines(file) {
		if strings.HasSuffix(line, others+"\n") {
			continue
		}
		b.WriteString(strings.Replace(line, mine, "", 1))
	}
	return b.String()
}
