package typednats

import (
	"context"
	"reflect"
	"time"

	"github.com/typednats/typednats/contract"
)

// Endpoint is the contract of one request-reply endpoint: its name and subject, the types of its requests (In),
// replies (Out) and declared errors (Err), and the codecs and wire tags that servers and clients must agree on.
// [Endpoint.Handle] binds a handler to it, [RequestService] calls through it.
//
// Err is [Never] for an endpoint without domain errors, a concrete error type for an endpoint with one, or an
// interface whose members are listed with [Endpoint.FailsWith].
//
// An Endpoint is an immutable value, safe for concurrent use: every method returns a changed copy and never alters
// the receiver, so one base endpoint can be shared and specialised. The methods can be called in any order.
// Mistakes are recorded and reported by [Endpoint.Validate], [NewService] and [RequestService]; nothing panics. The
// zero value is not a usable endpoint and is reported the same way.
type Endpoint[In, Out any, Err error] struct {
	d *descriptor
}

// NewEndpoint returns the descriptor of an endpoint. Its name is also its subject unless [Endpoint.InSubject] says
// otherwise, and consists of letters, digits, dashes and underscores (ADR-32). Its codec is JSON unless
// [Endpoint.WithCodec] says otherwise.
func NewEndpoint[In, Out any, Err error](name string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{&descriptor{spec: spec{
		name:    name,
		in:      reflect.TypeFor[In](),
		out:     reflect.TypeFor[Out](),
		errType: reflect.TypeFor[Err](),
	}}}
}

// InGroup prefixes the subject with the group's name. The last call counts.
func (e Endpoint[In, Out, Err]) InGroup(g Group) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.group = &g })}
}

// InSubject replaces the name in the subject; the group's prefix stays. The wildcards * and > are allowed: clients
// of such an endpoint say with [Endpoint.At] where they send. The last call counts.
func (e Endpoint[In, Out, Err]) InSubject(subject string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.subject = &subject })}
}

// At is the concrete subject that a client of a wildcard endpoint sends to: the whole subject, group included. It
// must match the endpoint's pattern. A descriptor with At is for clients; [NewService] refuses it.
func (e Endpoint[In, Out, Err]) At(subject string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.at = &subject })}
}

// WithQueueGroup sets the endpoint's queue group, overriding its group's and the service's. Each request goes to one
// member of a queue group. The last call of WithQueueGroup and [Endpoint.WithoutQueueGroup] counts.
func (e Endpoint[In, Out, Err]) WithQueueGroup(name string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.queue = queuePolicy{kind: queueNamed, name: name} })}
}

// WithoutQueueGroup makes every instance receive every request. A client gets the reply that comes first.
func (e Endpoint[In, Out, Err]) WithoutQueueGroup() Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.queue = queuePolicy{kind: queueDisabled} })}
}

// WithMetadata adds an entry to the metadata that $SRV.INFO shows for the endpoint (ADR-32). The last value given
// for a key counts; an empty key is a mistake.
func (e Endpoint[In, Out, Err]) WithMetadata(key, value string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.describe(key, value) })}
}

// WithCodec sets the codecs of the endpoint, overriding the default of JSON alone. Clients send c; servers accept c
// and the others and answer in the request's codec. The last call counts.
func (e Endpoint[In, Out, Err]) WithCodec(c Codec, alsoAccept ...Codec) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.codecs = append([]Codec{c}, alsoAccept...) })}
}

// WithErrorMapper sets how declared errors get the description and the code that clients of any language see. The
// default is the error's Error text, and its ErrorCode method if it has one, else 500.
func (e Endpoint[In, Out, Err]) WithErrorMapper(m ErrorMapper[Err]) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.mapper = eraseMapper(m) })}
}

// FailsWith declares the errors that cross the wire as themselves: one value of each member of Err, whose fields do
// not matter. A concrete Err is declared without it. The wire tag of a member is the bare name of its Go type.
// Declaring a member again changes nothing.
func (e Endpoint[In, Out, Err]) FailsWith(members ...Err) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) {
		for _, m := range members {
			s.declare(declaration{member: m})
		}
	})}
}

// FailsWithTag declares one error as [Endpoint.FailsWith] does, with an explicit wire tag in place of the default
// one. Called again for the same member it adds an alias: a tag that is understood but not sent, so that a tag can
// be renamed while old and new peers run side by side.
func (e Endpoint[In, Out, Err]) FailsWithTag(tag string, member Err) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.declare(declaration{member: member, tag: tag, explicit: true}) })}
}

// Idempotent says that running a request twice does no harm, so that a client may send it again after it may have
// been received.
func (e Endpoint[In, Out, Err]) Idempotent() Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.idempotent = true })}
}

// WithTimeout sets how long a request of the endpoint may take. A call waits for so long if its context has no deadline,
// overriding the client's default; and the handler's context ends then, counted from when the service received the
// request, also if the caller waits longer or, as clients of other makes, does not say. d is positive. The last call
// counts.
func (e Endpoint[In, Out, Err]) WithTimeout(d time.Duration) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.timeout = &d })}
}

// WithDescription says, for people, what the endpoint does. It is part of the contract document, and not of its digest:
// better words change nothing for programs. The last call counts.
func (e Endpoint[In, Out, Err]) WithDescription(text string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.description = text })}
}

// Deprecated says that the endpoint should not be used any more, and why, or what to use instead. It is served as before:
// the reason is in the contract document, and who compares documents is told. An empty reason is a mistake. The last call
// counts.
func (e Endpoint[In, Out, Err]) Deprecated(reason string) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.deprecated = &reason })}
}

// WithExample adds a request with the reply to it to the contract document, for people and for tools that try an endpoint.
// The values are encoded at once, as JSON; values that cannot be are a mistake.
func (e Endpoint[In, Out, Err]) WithExample(in In, out Out) Endpoint[In, Out, Err] {
	return Endpoint[In, Out, Err]{e.d.with(func(s *spec) { s.exemplify(&in, &out) })}
}

// Name returns the endpoint's name.
func (e Endpoint[In, Out, Err]) Name() string { return e.d.specification().name }

// Subject returns the effective subject: the one given to [Endpoint.At], else the group's prefix and the subject or
// name, joined with a dot.
func (e Endpoint[In, Out, Err]) Subject() string { return e.d.specification().address() }

// Validate returns every mistake in the descriptor, joined, or nil. Each names the endpoint, the field and the bad
// value, and is an [ErrInvalidEndpoint].
func (e Endpoint[In, Out, Err]) Validate() error {
	_, err := e.d.compile()
	return err
}

// Contract returns the endpoint as a document that other languages read and [contract.Diff] compares: subject, content
// types, and JSON Schemas of requests, replies and declared errors, which are made from the Go types. It is the same for a
// descriptor with [Endpoint.At]. The error is that of [Endpoint.Validate], or says what about a type cannot be described.
//
// The document is made when it is first asked for, and kept; each caller gets a copy of its own.
//
// The fields of structs can say more with the tags doc:"a description", enum:"a,b" (the values that there are, for text and
// numbers, and lists of them), example:"a" and deprecated:"the reason". A type with the method
//
//	JSONSchema() json.RawMessage
//
// describes itself; that is for types with MarshalJSON, of which nothing is known otherwise. It is called on a zero value.
func (e Endpoint[In, Out, Err]) Contract() (contract.Document, error) { return e.d.document() }

func (e Endpoint[In, Out, Err]) descriptor() *descriptor { return e.d }

// Handle binds h to the endpoint. What h returns reaches the client so:
//
//   - an error that is, or wraps, a declared member of Err arrives as that member;
//   - a [*ServiceError], see [Errorf], arrives with its code and description;
//   - any other error, or a panic, arrives as code 500 with a fixed description; the error itself goes to the
//     service's Logger and ErrorHandler only.
//
// Handlers run concurrently, up to a bound; see [WithMaxConcurrent]. The context ends when the caller's deadline
// passes, and when the service gives up waiting for the handler while it stops.
func (e Endpoint[In, Out, Err]) Handle(
	h func(context.Context, In) (Out, error), opts ...HandlerOption,
) BoundEndpoint {
	if h == nil {
		return bind(e.d, nil, opts)
	}
	return bind(e.d, valueHandler[In, Out](h), opts)
}

// HandleWith binds h to the endpoint as [Endpoint.Handle] does. Use it if the handler needs the request's subject
// or headers, or sends headers back.
func (e Endpoint[In, Out, Err]) HandleWith(
	h func(context.Context, *ServiceRequest[In]) (Out, error), opts ...HandlerOption,
) BoundEndpoint {
	if h == nil {
		return bind(e.d, nil, opts)
	}
	return bind(e.d, requestHandler[In, Out](h), opts)
}
