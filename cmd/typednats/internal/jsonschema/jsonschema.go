// Package jsonschema writes endpoints as plain JSON Schemas (2020-12), from which tools for most languages make types.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// dialect is the JSON Schema that contracts are written in.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// Mark is the member by which one knows a file that was written here.
const Mark = "x-typednats"

// schema is one file: an object with the request, the reply and the errors of an endpoint, so that tools make a type of
// each. Nobody ever sends that object.
type schema struct {
	Dialect     string                      `json:"$schema"`
	Title       string                      `json:"title"`
	Description string                      `json:"description,omitempty"`
	Deprecated  bool                        `json:"deprecated,omitempty"`
	Endpoint    endpoint                    `json:"x-typednats"`
	Type        string                      `json:"type"`
	Properties  properties                  `json:"properties"`
	Defs        map[string]*contract.Schema `json:"$defs,omitempty"`
}

type properties struct {
	Request *contract.Schema `json:"request,omitempty"`
	Reply   *contract.Schema `json:"reply,omitempty"`
	Errors  *errorList       `json:"errors,omitempty"`
}

type errorList struct {
	Type       string                      `json:"type"`
	Properties map[string]*contract.Schema `json:"properties"`
}

// endpoint is what a program has to know to make a call.
type endpoint struct {
	Subject     string          `json:"subject"`
	ContentType string          `json:"contentType"`
	Contract    string          `json:"contract"`
	TimeoutMS   int64           `json:"timeoutMs,omitempty"`
	Idempotent  bool            `json:"idempotent,omitempty"`
	Deprecated  string          `json:"deprecated,omitempty"`
	Errors      []declaredError `json:"errors,omitempty"`
}

type declaredError struct {
	Tag     string   `json:"tag"`
	Aliases []string `json:"aliases,omitempty"`
	Code    int      `json:"code,omitempty"`
}

// Of returns the schema of an endpoint, and the name of its file.
func Of(e endpoints.Endpoint) (name string, text []byte, err error) {
	s := schema{
		Dialect: dialect, Title: title(e.Label), Description: e.Description, Deprecated: e.Deprecated != "", Type: "object",
		Endpoint: endpoint{
			Subject: e.Subject, ContentType: e.ContentType, Contract: e.Digest(), TimeoutMS: e.Timeout, Idempotent: e.Idempotent,
			Deprecated: e.Deprecated,
		},
		Defs: defs(e),
	}
	s.Properties.Request, s.Properties.Reply = plain(e.Request), plain(e.Reply)
	for _, declared := range e.Declared {
		s.Endpoint.Errors = append(s.Endpoint.Errors, declaredError{Tag: declared.Tag, Aliases: declared.Aliases, Code: declared.Code})
		if declared.Schema == nil {
			continue
		}
		if s.Properties.Errors == nil {
			s.Properties.Errors = &errorList{Type: "object", Properties: map[string]*contract.Schema{}}
		}
		s.Properties.Errors.Properties[declared.Tag] = plain(declared.Schema)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return "", nil, fmt.Errorf("endpoint %s on %s: %w", e.Name, e.Subject, err)
	}
	return FileName(e.Label) + ".json", b.Bytes(), nil
}

// plain returns a schema without definitions of its own, for the file has them.
func plain(s *contract.Schema) *contract.Schema {
	if s == nil {
		return nil
	}
	bare := *s
	bare.Defs = nil
	return &bare
}

// defs returns the definitions of a document that the bodies refer to, under their own names. Each has a title, which is
// what tools call a type.
func defs(e endpoints.Endpoint) map[string]*contract.Schema {
	all := map[string]*contract.Schema{}
	for _, name := range endpoints.Needed(e) {
		def := *e.Defs[name]
		if def.Title == "" && !def.Nothing {
			def.Title = title(name)
		}
		all[name] = &def
	}
	return all
}

// title makes a name such as StockCheck from stock-check.
func title(label string) string {
	var b strings.Builder
	for _, word := range endpoints.Words(label) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	if b.Len() == 0 {
		return label
	}
	return b.String()
}

// FileName makes a name that each file system takes, and that leads nowhere else.
func FileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	if strings.Trim(name, "-") == "" {
		return "endpoint"
	}
	return name
}
