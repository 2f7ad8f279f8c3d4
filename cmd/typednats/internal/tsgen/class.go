package tsgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// class writes the client of a set. number is that of the next endpoint that can be called, among those of all sets.
func (g *generator) class(set endpoints.Set, number *int) error {
	name := pascal(set.Name)
	if !g.names.IsFree(name) {
		name += "Client"
	}
	name = g.names.Take(name)
	methods := endpoints.Names{}
	methods.Reserve("constructor", "then", "toString", "toJSON", "valueOf", "hasOwnProperty", "isPrototypeOf",
		"propertyIsEnumerable", "toLocaleString", "prototype")
	var body strings.Builder
	for _, e := range set.Endpoints {
		method := methods.Take(camel(e.Label))
		if !e.IsJSON {
			g.leave(&body, method, e)
			continue
		}
		m := endpointMethod{scope: scope{g, *number}, Endpoint: e, name: method}
		if err := m.write(&body); err != nil {
			return fmt.Errorf("endpoint %s on %s: %w", e.Name, e.Subject, err)
		}
		*number++
	}
	g.printf("\n%s", comment("", line{text: "Calls the endpoints of " + set.Name + "."}))
	g.printf("export class %s {\n  readonly #client: Client;\n\n", name)
	g.printf("%s", comment("  ", line{text: "The connection stays open: who has made it closes it. `defaults` are for all calls."}))
	g.printf("  constructor(nc: Requester, defaults: CallOptions = {}) {\n    this.#client = { nc, defaults };\n  }\n")
	g.printf("%s}\n", body.String())
	return nil
}

// leave writes what the compiler shows to those who want to call an endpoint that takes no JSON.
func (g *generator) leave(b *strings.Builder, method string, e endpoints.Endpoint) {
	why := fmt.Sprintf("%s accepts %s, and this client sends JSON", e.Subject, strings.Join(e.ContentTypes, ", "))
	g.left = append(g.left, why)
	fmt.Fprintf(b, "\n%s", comment("  ", line{text: "Cannot be called from here: it does not accept JSON."}))
	fmt.Fprintf(b, "  declare readonly %s: %s;\n", method, quote(why))
}

// endpointMethod is one endpoint as a method.
type endpointMethod struct {
	scope
	endpoints.Endpoint

	name string
}

func (m endpointMethod) write(b *strings.Builder) error {
	reply, errors := "undefined", "never"
	if m.Reply != nil {
		reply = m.named(m.Reply, "Reply")
	}
	if len(m.Declared) > 0 {
		errors = m.union()
	}
	var parameters, arguments []string
	subject, request := "endpoint.subject", "undefined"
	if m.IsWildcard() {
		subject = "subject"
		parameters = append(parameters, "subject: "+template(m.Subject))
	}
	if m.Request != nil {
		request = "request"
		parameters = append(parameters, "request: "+m.named(m.Request, "Request"))
	}
	parameters = append(parameters, "options: CallOptions = {}")
	arguments = append(arguments, "this.#client", "endpoint", subject, request, "options")
	fields, err := m.fields()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n%s", comment("  ", m.doc()...))
	head := fmt.Sprintf("  %s(%s): Promise<Result<%s, %s>> {", m.name, strings.Join(parameters, ", "), reply, errors)
	if len(head) > maxLine {
		head = fmt.Sprintf("  %s(\n    %s,\n  ): Promise<Result<%s, %s>> {", m.name, strings.Join(parameters, ",\n    "), reply, errors)
	}
	fmt.Fprintf(b, "%s\n    const endpoint: Endpoint = {\n%s    };\n", head, fields)
	fmt.Fprintf(b, "    return call<%s, %s>(%s);\n  }\n", reply, errors, strings.Join(arguments, ", "))
	return nil
}

// named returns the type of a body, which gets a name if it is long and has none.
func (m endpointMethod) named(schema *contract.Schema, what string) string {
	text := m.expression(schema, "")
	if schema.Ref != "" || !strings.Contains(text, "\n") && len(text) < 60 {
		return text
	}
	name := m.names.Take(pascal(m.Label) + what)
	m.printf("\n%s", comment("", m.words(schema)...))
	m.generator.definition(m.scope, name, schema)
	return name
}

// union writes the type of the declared errors, and returns its name.
func (m endpointMethod) union() string {
	name := m.names.Take(pascal(m.Label) + "Errors")
	all := make([]string, len(m.Declared))
	for i, declared := range m.Declared {
		value := emptyObject
		if declared.Schema != nil {
			value = m.named(declared.Schema, pascal(declared.Tag))
		}
		all[i] = "Declared<" + quote(declared.Tag) + ", " + value + ">"
	}
	m.printf("\n%s", comment("", line{text: "The errors that `" + m.name + "` declares."}))
	m.printf("export type %s =%s;\n", name, broken(all, "", len(name)+16))
	return name
}

// fields returns what a call has to know of its endpoint.
func (m endpointMethod) fields() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "      subject: %s,\n", quote(m.Subject))
	if m.Timeout > 0 {
		fmt.Fprintf(&b, "      timeout: %d,\n", min(m.Timeout, maxTimeout))
	}
	if m.Request == nil {
		b.WriteString("      takesNothing: true,\n")
	}
	switch {
	case m.Reply == nil:
		b.WriteString("      isEmpty: true,\n")
	case m.takesNull(m.Reply):
		b.WriteString("      isNullable: true,\n")
	}
	if m.Reply != nil && m.namesStream(m.Reply) {
		b.WriteString("      mayBeStream: true,\n")
	}
	if err := m.field(&b, "      ", m.Reply); err != nil {
		return "", fmt.Errorf("reply: %w", err)
	}
	if len(m.Declared) == 0 {
		return b.String(), nil
	}
	list := make([]string, len(m.Declared))
	for i, declared := range m.Declared {
		tags := []string{quote(declared.Tag)}
		for _, alias := range declared.Aliases {
			tags = append(tags, quote(alias))
		}
		var rest strings.Builder
		if declared.Schema == nil || m.expression(m.resolved(declared.Schema), "") == emptyObject {
			rest.WriteString(", isEmpty: true")
		}
		shape, err := m.shapeOf(declared.Schema)
		if err != nil {
			return "", fmt.Errorf("error %s: %w", declared.Tag, err)
		}
		if shape != "" {
			rest.WriteString(", shape: " + shape)
		}
		list[i] = fmt.Sprintf("{ tags: [%s]%s }", strings.Join(tags, ", "), rest.String())
	}
	whole := "      errors: [" + strings.Join(list, ", ") + "],\n"
	isLong := len(list) > 1 && !slices.ContainsFunc(list, func(e string) bool { return !strings.Contains(e, "], ") })
	if isLong || len(whole)-1 > maxLine || strings.Contains(whole[:len(whole)-1], "\n") {
		whole = "      errors: [\n        " + strings.Join(list, ",\n        ") + ",\n      ],\n"
	}
	b.WriteString(whole)
	return b.String(), nil
}

func (m endpointMethod) field(b *strings.Builder, indent string, schema *contract.Schema) error {
	shape, err := m.shapeOf(schema)
	if err == nil && shape != "" {
		fmt.Fprintf(b, "%sshape: %s,\n", indent, shape)
	}
	return err
}

// namesStream reports whether a reply has a member that the acknowledgement of a stream has. A client in Go takes one for the
// reply then, too.
func (m endpointMethod) namesStream(reply *contract.Schema) bool {
	reply = m.resolved(reply)
	for _, alternative := range append([]*contract.Schema{reply}, reply.AnyOf...) { // such as what may be null
		for name := range m.resolved(alternative).Properties {
			if strings.EqualFold(name, "stream") || strings.EqualFold(name, "seq") {
				return true
			}
		}
	}
	return false
}

// resolved returns the definition that a schema refers to, or the schema.
func (m endpointMethod) resolved(schema *contract.Schema) *contract.Schema {
	if def, ok := m.definition(schema.Ref); ok {
		return def.Schema
	}
	return schema
}

// maxTimeout is the longest time that a timer of JavaScript knows, in milliseconds.
const maxTimeout = 1<<31 - 1

// doc returns what is said of an endpoint.
func (m endpointMethod) doc() []line {
	var lines []line
	if m.Description != "" {
		lines = append(lines, line{text: m.Description}, line{})
	}
	lines = append(lines, line{text: "Subject: `" + m.Subject + "`"})
	if m.Idempotent {
		lines = append(lines, line{text: "Running it twice does no harm."})
	}
	if m.QueueGroup.Disabled {
		lines = append(lines, line{text: "Every instance gets the request; the first reply counts."})
	}
	if m.Deprecated != "" {
		lines = append(lines, line{"deprecated", m.Deprecated})
	}
	return lines
}
