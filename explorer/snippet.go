package explorer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strings"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/example"
	"github.com/typednats/typednats/internal/subject"
)

const msgpackMediaType = "application/msgpack"

// snippet is one way to call an endpoint, to copy.
type snippet struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// snippets returns the ways to call an endpoint. There are none for a subject that is none.
func snippets(doc contract.Document) []snippet {
	if subject.Check(doc.Subject) != nil {
		return []snippet{}
	}
	request, to := example.Request(doc), subject.Fill(doc.Subject, placeholder)
	show := func(s string) string { return clip(s, maxTypeBytes) }
	list := []snippet{{"Command", example.Call(to, doc, request, show)}}
	if acceptsJSON(doc) || slices.Contains(doc.ContentTypes, msgpackMediaType) {
		list = append(list, snippet{"Go", goProgram(doc, to, request)})
	}
	if acceptsJSON(doc) {
		list = append(list, snippet{"TypeScript", typeScriptProgram(doc, to, request)})
	}
	return list
}

// placeholder stands for a wildcard, and is to be replaced.
const placeholder = "TOKEN"

// compact returns JSON on one line.
func compact(data json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return string(data)
	}
	return b.String()
}

// goProgram is a call with this library, for who does not have the descriptor. It sends a request to a subject.
func goProgram(doc contract.Document, to string, request json.RawMessage) string {
	g := newGolang(doc)
	in, out := g.body("Request", doc.Request), g.body("Reply", doc.Reply)
	imports := []string{`"context"`, `"fmt"`, `"log"`, `"time"`, ``, `"github.com/nats-io/nats.go"`, ``, `"github.com/typednats/typednats"`}
	fill, option := "", ""
	if request != nil {
		fill = goFill(request)
		imports = slices.Insert(imports, 1, `"encoding/json"`)
	}
	if !acceptsJSON(doc) {
		imports = append(imports, `"github.com/typednats/typednats/codec/msgpack"`)
		option = ", typednats.WithCallCodec(msgpack.Codec)"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "package main\n\nimport (\n%s\n)\n\n%s", strings.Join(imports, "\n"), g.decls.String())
	b.WriteString("func main() {\nnc, err := nats.Connect(nats.DefaultURL)\nif err != nil {\nlog.Fatal(err)\n}\ndefer nc.Close()\n")
	b.WriteString("ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)\ndefer cancel()\n")
	fmt.Fprintf(&b, "var request %s\n%s", in, fill)
	fmt.Fprintf(&b, "reply, err := typednats.Request[%s, %s](ctx, typednats.NewClient(nc), %q, request%s)\n",
		in, out, to, option)
	b.WriteString("if err != nil {\nlog.Fatal(err)\n}\nfmt.Printf(\"%+v\\n\", reply)\n}\n")
	formatted, err := format.Source([]byte(b.String()))
	if err != nil { // the text is more use than none
		return b.String()
	}
	return string(formatted)
}

// goFill sets the request to a sample.
func goFill(body json.RawMessage) string {
	text := compact(body)
	quoted := "`" + text + "`"
	if strings.ContainsAny(text, "`\r") {
		quoted = fmt.Sprintf("%q", text)
	}
	return "if err := json.Unmarshal([]byte(" + quoted + "), &request); err != nil {\nlog.Fatal(err)\n}\n"
}

// typeScriptProgram is a call with the client of NATS for JavaScript.
func typeScriptProgram(doc contract.Document, to string, request json.RawMessage) string {
	w := newTypeScript(doc)
	var types, reply string
	if doc.Reply != nil {
		types, reply = w.declare("Reply", doc.Reply), w.name("Reply", doc.Reply)
	}
	var b strings.Builder
	b.WriteString("import { connect } from \"@nats-io/transport-node\";\n\n")
	send := ""
	if doc.Request != nil {
		if declared := w.declare("Request", doc.Request); declared != "" {
			b.WriteString(declared + "\n\n")
		}
		send = fmt.Sprintf("const request: %s = %s;\n", w.name("Request", doc.Request), indent(request))
	}
	if types != "" {
		b.WriteString(types + "\n\n")
	}
	b.WriteString("const nc = await connect({ servers: \"localhost:4222\" });\n" + send)
	payload := `""`
	if send != "" {
		payload = "JSON.stringify(request)"
	}
	fmt.Fprintf(&b, "const msg = await nc.request(%s, %s, { timeout: 5000 });\n", literal(mustJSON(to)), payload)
	b.WriteString("const code = msg.headers?.get(\"Nats-Service-Error-Code\");\nif (code) {\n" +
		"  throw new Error(`${code}: ${msg.headers?.get(\"Nats-Service-Error\")}`);\n}\n")
	if reply != "" {
		fmt.Fprintf(&b, "console.log(msg.json<%s>());\n", reply)
	}
	b.WriteString("await nc.close();\n")
	return b.String()
}
