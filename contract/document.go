package contract

import (
	"encoding/json"
)

// Version is the version of the format of documents, their member "typednats".
const Version = 1

// Document is the contract of one endpoint: what a client has to know to call it, in a form that any language reads.
//
// It is a plain value. A Document that was made by hand is not checked until [Document.Validate] does; one that comes
// from [Parse] has been. It can be read by several goroutines at a time. Its maps and slices belong to whoever made it.
type Document struct {
	// Name is the endpoint's name.
	Name string
	// Subject is where requests go. It may have wildcards.
	Subject string
	// Parameters are the names of the parts of the subject that a request fills in. Nothing writes them yet.
	Parameters []string
	// Description is for people.
	Description string
	// Deprecated is the reason why the endpoint should not be used any more. It is not deprecated if that is empty.
	Deprecated string
	// Idempotent says that running a request twice does no harm, so that a client may send it again.
	Idempotent bool
	// Timeout is how long a call waits whose context has no deadline, and the most a handler gets, in milliseconds.
	// With 0 the endpoint does not say.
	Timeout int64
	// QueueGroup is what the endpoint says of its queue group.
	QueueGroup QueueGroup
	// ContentTypes are what the service accepts. The first is what a client sends if it is not told otherwise.
	ContentTypes []string
	// Request is what a client sends, Reply what the service answers. With nil the body is empty.
	Request, Reply *Schema
	// Examples are for people.
	Examples []Example
	// Errors are the declared errors, in the order in which the endpoint declares them.
	Errors []Error
	// Variants holds the bodies for those content types in which they look different. The keys are content types.
	Variants map[string]*Variant
	// Defs are the schemas that others refer to by name, as #/$defs/name.
	Defs map[string]*Schema
	// Extra holds the members of a parsed document that this version of the library does not know. They are kept, and
	// count in the digest, and mean nothing.
	Extra map[string]json.RawMessage
}

// QueueGroup is what an endpoint says of its queue group. The zero value leaves it to the service.
type QueueGroup struct {
	// Name is the group. With an empty one, the service's counts.
	Name string
	// Disabled says that there is none: every instance gets every request.
	Disabled bool
}

// Example is a request with the reply to it, as JSON. Either may be nil.
type Example struct {
	Request, Reply json.RawMessage
}

// Error is one declared error.
type Error struct {
	// Tag is what the service sends to say which error it is.
	Tag string
	// Aliases are tags that a client understands as this error, too.
	Aliases []string
	// Code is the error's code if that is always the same, else 0.
	Code int
	// Schema is the error's body. With nil it is empty.
	Schema *Schema
}

// Variant is what bodies look like under one content type. It takes the place of all schemas outside of it, so that a
// reply that is nil here is empty with this content type.
type Variant struct {
	Request, Reply *Schema
	// Errors holds the bodies of declared errors by their tags. A tag that is not here has an empty body.
	Errors map[string]*Schema
}

// RequestSchema returns the schema of requests under a content type, with the definitions that it refers to, and false
// if the body is empty.
func (d Document) RequestSchema(contentType string) (Schema, bool) {
	return d.complete(d.bodies(contentType).Request)
}

// ReplySchema is [Document.RequestSchema] for replies.
func (d Document) ReplySchema(contentType string) (Schema, bool) {
	return d.complete(d.bodies(contentType).Reply)
}

// ErrorSchema is [Document.RequestSchema] for the declared error with a tag. It is false for an unknown tag, too.
func (d Document) ErrorSchema(contentType, tag string) (Schema, bool) {
	return d.complete(d.bodies(contentType).Errors[tag])
}

func (d Document) complete(s *Schema) (Schema, bool) {
	if s == nil {
		return Schema{}, false
	}
	whole := *s
	whole.Defs = d.Defs
	return whole, true
}

// bodies returns what bodies look like under a content type.
func (d Document) bodies(contentType string) Variant {
	if v := d.Variants[contentType]; v != nil {
		return *v
	}
	errors := make(map[string]*Schema, len(d.Errors))
	for _, e := range d.Errors {
		errors[e.Tag] = e.Schema
	}
	return Variant{Request: d.Request, Reply: d.Reply, Errors: errors}
}

// Bytes returns the document as canonical JSON: the form of RFC 8785, in which there is one way to write a value. What
// is empty, false or 0 is left out.
//
// RFC 8785 knows numbers as doubles. An integer beyond 2⁵³ in an example or an enum would change there, and is written
// as it stands.
func (d Document) Bytes() []byte {
	return appendCanonical(nil, d.tree())
}

// MarshalJSON returns [Document.Bytes]. It never fails.
func (d Document) MarshalJSON() ([]byte, error) {
	return d.Bytes(), nil
}

// UnmarshalJSON is [Parse].
func (d *Document) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// tree returns the document as parseTree would return its bytes.
func (d Document) tree() map[string]any {
	t := withExtra(d.Extra)
	t["typednats"] = json.Number("1")
	putString(t, "name", d.Name)
	putString(t, "subject", d.Subject)
	putStrings(t, "parameters", d.Parameters)
	putString(t, "description", d.Description)
	putString(t, "deprecated", d.Deprecated)
	putTrue(t, "idempotent", d.Idempotent)
	putInt(t, "timeout_ms", d.Timeout)
	if d.QueueGroup.Disabled {
		t["queue_group"] = false
	} else {
		putString(t, "queue_group", d.QueueGroup.Name)
	}
	putStrings(t, "content_types", d.ContentTypes)
	putSchema(t, "request", d.Request)
	putSchema(t, "reply", d.Reply)
	if len(d.Examples) > 0 {
		list := make([]any, len(d.Examples))
		for i, e := range d.Examples {
			example := map[string]any{}
			putRaw(example, "request", e.Request)
			putRaw(example, "reply", e.Reply)
			list[i] = example
		}
		t["examples"] = list
	}
	if len(d.Errors) > 0 {
		list := make([]any, len(d.Errors))
		for i, e := range d.Errors {
			list[i] = e.tree()
		}
		t["errors"] = list
	}
	if len(d.Variants) > 0 {
		variants := make(map[string]any, len(d.Variants))
		for contentType, v := range d.Variants {
			variants[contentType] = v.tree()
		}
		t["variants"] = variants
	}
	putSchemas(t, "$defs", d.Defs)
	return t
}

func (e Error) tree() map[string]any {
	t := map[string]any{}
	putString(t, "tag", e.Tag)
	putStrings(t, "aliases", e.Aliases)
	putInt(t, "code", int64(e.Code))
	putSchema(t, "schema", e.Schema)
	return t
}

func (v *Variant) tree() map[string]any {
	t := map[string]any{}
	if v == nil {
		return t
	}
	putSchema(t, "request", v.Request)
	putSchema(t, "reply", v.Reply)
	putSchemas(t, "errors", v.Errors)
	return t
}
