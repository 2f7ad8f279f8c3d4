package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/wire"
)

// callResult is what `call --json` prints.
type callResult struct {
	OK    bool            `json:"ok"`
	Value json.RawMessage `json:"value,omitempty"`
	Error *callError      `json:"error,omitempty"`
}

// callError is what became of a call that failed. Tag, Code and Value are those of the service's error; a call that got
// no answer has a message alone.
type callError struct {
	Tag     string          `json:"tag,omitempty"`
	Code    int             `json:"code,omitempty"`
	Message string          `json:"message"`
	Refused string          `json:"refused,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
}

// printReply prints the reply, and returns an error if that is one.
func (t *tool) printReply(c callee, reply *nats.Msg) error {
	e, failed := wire.ParseErrorReply(reply.Header)
	schema := c.schemaOf(reply, e.Type, failed)
	data, isJSON, err := readable(c.contentTypeOf(reply), schema, reply.Data)
	if err != nil {
		t.warnf("warning: the body of the reply: %s", terminal.Safe(err.Error()))
		err = nil
	}
	if !failed && isJSON && schema != nil {
		t.warnReply(schema, data)
	}
	switch {
	case failed && t.global.json:
		out := &callError{Tag: e.Type, Code: e.Code, Message: e.Description, Refused: string(e.Refused), Value: asValue(data, isJSON)}
		if len(reply.Data) == 0 {
			out.Value = nil
		}
		err = t.printJSON(callResult{Error: out})
	case failed:
		t.warnf("%s", errorLine(e))
		t.printBody(data, isJSON)
	case t.global.json:
		return t.printJSON(callResult{OK: true, Value: asValue(data, isJSON)})
	default:
		t.printBody(data, isJSON)
	}
	if failed && err == nil {
		return &failure{code: exitService, err: errors.New(errorLine(e)), shown: true}
	}
	return err
}

// contentTypeOf returns the content type of a reply: that of the request, unless the reply names another one.
func (c callee) contentTypeOf(reply *nats.Msg) string {
	if named := wire.HeaderValue(reply.Header, wire.ContentTypeHeader); named != "" {
		return wire.CanonicalMediaType(named)
	}
	return c.sends
}

// schemaOf returns the schema that the body of a reply has, or nil.
func (c callee) schemaOf(reply *nats.Msg, tag string, failed bool) *contract.Schema {
	if c.doc == nil {
		return nil
	}
	var s contract.Schema
	var ok bool
	if failed {
		s, ok = c.doc.ErrorSchema(c.contentTypeOf(reply), tag)
	} else {
		s, ok = c.doc.ReplySchema(c.contentTypeOf(reply))
	}
	if !ok {
		return nil
	}
	return &s
}

// readable returns a body as JSON if it can be told so, else as it is.
func readable(contentType string, schema *contract.Schema, data []byte) (out []byte, isJSON bool, err error) {
	if contentType == msgpackType && len(data) > 0 {
		value, err := body.Decode(schema, data)
		if err != nil {
			return data, false, err
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err != nil {
			return data, false, err
		}
		return b.Bytes(), true, nil
	}
	return data, contentType != rawType && json.Valid(data), nil
}

// warnReply says what of a reply does not fit the contract.
func (t *tool) warnReply(schema *contract.Schema, data []byte) {
	value, err := body.Parse(data)
	if err != nil {
		return // it is valid: it has been looked at
	}
	for _, p := range body.Check(schema, value, "reply") {
		if !p.Ignored {
			t.warnf("warning: %s", terminal.Safe(p.String()))
		}
	}
}

// printBody prints a body as JSON if it is, else as text or bytes. Nothing is printed for an empty one.
func (t *tool) printBody(data []byte, isJSON bool) {
	switch {
	case len(data) == 0:
	case isJSON:
		if text, err := terminal.JSON(data); err == nil {
			t.printf("%s\n", text)
		}
	case t.isTerminal():
		t.printf("%s\n", terminal.SafeText(string(data)))
	default:
		t.printf("%s", data)
	}
}

// asValue returns a body as a JSON value: null for an empty one, a string for text, base64 in an object for other
// bytes.
func asValue(data []byte, isJSON bool) json.RawMessage {
	var v any
	switch {
	case isJSON:
		return data
	case len(data) == 0:
	case utf8.Valid(data):
		v = string(data)
	default:
		v = map[string][]byte{"base64": data}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil // none of the three fails
	}
	return out
}

// failureAsJSON prints why a call got no answer, in the form of all failures, and returns the error as one that was
// shown.
func (t *tool) failureAsJSON(err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.shown {
		return err
	}
	if printErr := t.printJSON(callResult{Error: &callError{Message: err.Error()}}); printErr != nil {
		return printErr
	}
	return &failure{code: exitCode(err), err: err, shown: true}
}
