// Package markdown writes endpoints as a page for people.
package markdown

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/example"
	"github.com/typednats/typednats/internal/subject"
)

// Page returns the page: the endpoints of each set, and the types in them.
func Page(title string, sets []endpoints.Set) []byte {
	p := &page{}
	headings := endpoints.Names{Fold: slug, Between: "-"}
	headings.Reserve("Types")
	var all []endpoints.Endpoint
	for _, set := range sets {
		all = append(all, set.Endpoints...)
	}
	titles := make([]string, len(all))
	for i, e := range all {
		titles[i] = headings.Take(words(e.Label))
	}
	p.defs = endpoints.Define(all, &endpoints.Names{Fold: slug, Between: "-"}, words)
	p.printf("# Endpoints of %s\n\n", line(title))
	p.contents(all, titles)
	for i, e := range all {
		p.endpoint(titles[i], e, i)
	}
	p.types()
	return append(bytes.TrimRight(p.text.Bytes(), "\n"), '\n')
}

// page is written from top to bottom.
type page struct {
	text bytes.Buffer
	defs *endpoints.Definitions
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.text, format, args...) }

func (p *page) contents(all []endpoints.Endpoint, titles []string) {
	p.printf("| endpoint | subject | |\n| --- | --- | --- |\n")
	for i, e := range all {
		about, _, _ := strings.Cut(e.Description, "\n")
		if e.Deprecated != "" {
			about = strings.TrimSpace("Deprecated. " + about)
		}
		p.printf("| %s | %s | %s |\n", link(titles[i], titles[i]), code(e.Subject), line(about))
	}
	p.printf("\n")
}

func (p *page) endpoint(title string, e endpoints.Endpoint, scope int) {
	p.printf("## %s\n\n", line(title))
	if e.Deprecated != "" {
		p.printf("**Deprecated:** %s\n\n", line(e.Deprecated))
	}
	if e.Description != "" {
		p.printf("%s\n\n", paragraphs(e.Description))
	}
	p.printf("| | |\n| --- | --- |\n| subject | %s |\n", code(e.Subject))
	if e.IsWildcard() {
		p.printf("| | %s |\n", "`*` stands for one token, `>` at the end for one or more")
	}
	p.printf("| request | %s |\n", p.body(e.Request, scope))
	p.printf("| reply | %s |\n", p.body(e.Reply, scope))
	var types []string
	for _, contentType := range e.ContentTypes {
		types = append(types, code(contentType))
	}
	if len(types) > 0 {
		p.printf("| accepts | %s |\n", strings.Join(types, ", "))
	}
	if e.Timeout > 0 {
		p.printf("| time | %d ms at most |\n", e.Timeout)
	}
	if e.Idempotent {
		p.printf("| idempotent | running it twice does no harm |\n")
	}
	if e.QueueGroup.Disabled {
		p.printf("| queue group | none: every instance gets every request |\n")
	} else if e.QueueGroup.Name != "" {
		p.printf("| queue group | %s |\n", code(e.QueueGroup.Name))
	}
	p.printf("| contract | %s |\n\n", code(e.Digest()))
	p.errors(e, scope)
	p.examples(e)
}

func (p *page) body(s *contract.Schema, scope int) string {
	if s == nil {
		return "empty"
	}
	return p.describe(s, scope)
}

func (p *page) errors(e endpoints.Endpoint, scope int) {
	if len(e.Declared) == 0 {
		return
	}
	p.printf("It declares these errors. The tag is in the header `Nats-Service-Error-Type`, the value is the body:\n\n")
	p.printf("| tag | code | value |\n| --- | --- | --- |\n")
	for _, declared := range e.Declared {
		number := "varies"
		if declared.Code != 0 {
			number = fmt.Sprint(declared.Code)
		}
		tags := []string{code(declared.Tag)}
		for _, alias := range declared.Aliases {
			tags = append(tags, code(alias))
		}
		p.printf("| %s | %s | %s |\n", strings.Join(tags, ", or "), number, p.body(declared.Schema, scope))
	}
	p.printf("\n")
}

// examples shows calls: those of the contract, or else how one begins.
func (p *page) examples(e endpoints.Endpoint) {
	call := func(request json.RawMessage) {
		p.fence("sh", example.Call(subject.Fill(e.Subject, "any"), e.Document, request, visible))
	}
	if len(e.Examples) == 0 {
		call(example.Request(e.Document))
	}
	for _, given := range e.Examples {
		call(given.Request)
		if given.Reply != nil {
			p.fence("json", string(indent(given.Reply)))
		}
	}
}

func (p *page) types() {
	if len(p.defs.All()) == 0 {
		return
	}
	p.printf("## Types\n\n")
	for _, def := range p.defs.All() {
		p.printf("### %s\n\n", line(typeHeading(def.Name)))
		p.definition(def)
	}
}

// typeHeading is the heading above a type. An endpoint may have the name of a type for its own.
func typeHeading(name string) string { return "Type " + name }

func (p *page) definition(def endpoints.Definition) {
	s := def.Schema
	if s.Deprecated {
		p.printf("**Deprecated.**\n\n")
	}
	if s.Description != "" {
		p.printf("%s\n\n", paragraphs(s.Description))
	}
	isObject := s.Ref == "" && s.AnyOf == nil && s.Enum == nil && s.Const == nil && len(s.Properties) > 0
	if !isObject {
		p.printf("%s\n\n", p.describe(s, def.Scope))
		return
	}
	if len(s.Types) > 1 {
		p.printf("%s, with these members:\n\n", p.describe(&contract.Schema{Types: s.Types}, def.Scope))
	}
	p.printf("| member | | type | |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := s.Properties[name]
		always := "may be absent"
		if slices.Contains(s.Required, name) {
			always = ""
		}
		p.printf("| %s | %s | %s | %s |\n", code(name), always, p.describe(member, def.Scope), about(member))
	}
	if s.AdditionalProperties != nil && !s.AdditionalProperties.Nothing {
		p.printf("| any other | may be absent | %s | |\n", p.describe(s.AdditionalProperties, def.Scope))
	}
	p.printf("\n")
}

// about returns what is said of a member.
func about(s *contract.Schema) string {
	var parts []string
	if s.Deprecated && !strings.Contains(s.Description, "Deprecated:") {
		parts = append(parts, "deprecated")
	}
	if text := line(s.Description); text != "" {
		parts = append(parts, text)
	}
	for _, example := range s.Examples {
		parts = append(parts, "example: "+code(string(compact(example))))
	}
	return strings.Join(parts, "; ")
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil { // Parse has refused it
		return nil
	}
	return b.Bytes()
}

func indent(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil { // as above
		return nil
	}
	return b.Bytes()
}
