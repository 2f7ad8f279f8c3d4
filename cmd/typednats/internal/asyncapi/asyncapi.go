// Package asyncapi writes endpoints as an AsyncAPI 3.1 document, for tools that draw, mock and generate from such documents.
package asyncapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// The headers of an error reply, by which a reader tells the messages of a reply apart.
const (
	textHeader = "Nats-Service-Error"
	codeHeader = "Nats-Service-Error-Code"
	tagHeader  = "Nats-Service-Error-Type"
)

// object is a part of the document.
type object = map[string]any

// Document returns the document. The title and the version are those that it shows; contracts have none.
func Document(title, version string, sets []endpoints.Set) ([]byte, error) {
	w := &writer{channels: object{}, operations: object{}, schemas: object{}}
	var all []endpoints.Endpoint
	for _, set := range sets {
		all = append(all, set.Endpoints...)
	}
	names := endpoints.Names{Fold: strings.ToLower}
	w.defs = endpoints.Define(all, &names, key)
	for _, def := range w.defs.All() {
		w.schemas[def.Name] = w.schema(def.Schema, def.Scope)
	}
	keys := endpoints.Names{Between: "-"}
	number := 0
	for _, set := range sets {
		for _, e := range set.Endpoints {
			label := e.Label
			if len(sets) > 1 {
				label = set.Name + "-" + label
			}
			label = keys.Take(key(label))
			keys.Reserve(label + "-reply")
			w.endpoint(label, e, number)
			number++
		}
	}
	document := object{
		"asyncapi":           "3.1.0",
		"info":               object{"title": title, "version": version},
		"defaultContentType": "application/json",
		"channels":           w.channels,
		"operations":         w.operations,
	}
	if len(w.schemas) > 0 {
		document["components"] = object{"schemas": w.schemas}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	return b.Bytes(), nil
}

type writer struct {
	defs                          *endpoints.Definitions
	channels, operations, schemas object
}

// key makes a name that may be one in components, channels and operations. It means nothing else, see means.
func key(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, name)
	switch name = strings.TrimLeft(name, "_"); {
	case name == "":
		return "type"
	case means(name):
		return "named-" + name
	}
	return name
}

func reference(path ...string) object { return object{"$ref": "#/" + strings.Join(path, "/")} }

// endpoint writes an operation that a service receives, the channel for it, and that for what it answers.
func (w *writer) endpoint(label string, e endpoints.Endpoint, scope int) {
	replies := label + "-reply"
	channel := object{"messages": object{"request": w.request(e, scope)}}
	address, parameters := address(e.Subject)
	channel["address"] = address
	if len(parameters) > 0 {
		channel["parameters"] = parameters
	}
	w.channels[label] = channel
	messages := w.answers(e, scope)
	w.channels[replies] = object{"address": nil, "messages": messages}

	operation := object{
		"action":   "receive",
		"channel":  reference("channels", label),
		"messages": []any{reference("channels", label, "messages", "request")},
		"reply":    object{"channel": reference("channels", replies)},
		"summary":  e.Name,
		"x-typednats": object{
			"subject": e.Subject, "contract": e.Digest(), "contentTypes": e.ContentTypes, "idempotent": e.Idempotent, "timeoutMs": e.Timeout,
		},
	}
	description := e.Description
	if e.Deprecated != "" {
		operation["tags"] = []any{object{"name": "deprecated"}}
		description = strings.TrimSpace(description + "\n\nDeprecated: " + e.Deprecated)
	}
	if description != "" {
		operation["description"] = description
	}
	if e.QueueGroup.Name != "" {
		operation["bindings"] = object{"nats": object{"queue": e.QueueGroup.Name, "bindingVersion": "0.1.0"}}
	}
	w.operations[label] = operation
}

// address returns a subject as an address, whose wildcards are parameters. Braces have a meaning there, so those of the
// subject itself are escaped.
func address(subject string) (address string, parameters object) {
	parameters = object{}
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		switch token {
		case "*":
			name := fmt.Sprintf("token%d", i+1)
			parameters[name] = object{"description": "One token of the subject."}
			tokens[i] = "{" + name + "}"
		case ">":
			parameters["rest"] = object{"description": "One token of the subject, or several with dots in between."}
			tokens[i] = "{rest}"
		default:
			tokens[i] = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(token)
		}
	}
	return strings.Join(tokens, "."), parameters
}

func (w *writer) request(e endpoints.Endpoint, scope int) object {
	m := w.message("request", e, e.Request, scope)
	m["headers"] = object{"type": "object", "properties": object{
		"Typednats-Timeout": object{"type": "string", "description": "How long the caller waits, in milliseconds."},
	}}
	w.examples(m, e, func(example contract.Example) json.RawMessage { return example.Request })
	return m
}

// answers returns the messages that answer a request: the reply, each declared error, and every other failure. Their
// headers are such that an answer is one of them only.
func (w *writer) answers(e endpoints.Endpoint, scope int) object {
	reply := w.message("reply", e, e.Reply, scope)
	reply["headers"] = object{"type": "object", "not": object{"required": []string{codeHeader}}}
	w.examples(reply, e, func(example contract.Example) json.RawMessage { return example.Reply })
	messages := object{"reply": reply}
	keys := endpoints.Names{Between: "-"}
	keys.Reserve("reply", "failure")
	for _, declared := range e.Declared {
		m := w.message(declared.Tag, e, declared.Schema, scope)
		code := object{"type": "string"}
		if declared.Code != 0 {
			code["const"] = fmt.Sprint(declared.Code)
		}
		m["headers"] = object{
			"type": "object", "required": []string{textHeader, codeHeader, tagHeader},
			"properties": object{
				textHeader: object{"type": "string"}, codeHeader: code, tagHeader: object{"type": "string", "const": declared.Tag},
			},
		}
		messages[keys.Take(key(declared.Tag))] = m
	}
	messages["failure"] = object{
		"name": "failure", "summary": "Any other failure. The body is empty as a rule.",
		"headers": object{
			"type": "object", "required": []string{textHeader, codeHeader}, "not": object{"required": []string{tagHeader}},
			"properties": object{
				textHeader: object{"type": "string"}, codeHeader: object{"type": "string"},
				"Typednats-Refused": object{"type": "string", "description": "Why the service did not run the request."},
			},
		},
	}
	return messages
}

func (w *writer) message(name string, e endpoints.Endpoint, body *contract.Schema, scope int) object {
	m := object{"name": name, "contentType": e.ContentType}
	if body == nil {
		m["summary"] = "The body is empty."
		delete(m, "contentType")
		return m
	}
	m["payload"] = w.schema(body, scope)
	return m
}

func (w *writer) examples(m object, e endpoints.Endpoint, of func(contract.Example) json.RawMessage) {
	var list []any
	for _, example := range e.Examples {
		if value := of(example); value != nil && m["payload"] != nil && !refers(value) {
			list = append(list, object{"payload": value})
		}
	}
	if len(list) > 0 {
		m["examples"] = list
	}
}
