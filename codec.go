package typednats

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/payload"
	"github.com/typednats/typednats/internal/schema"
	"github.com/typednats/typednats/internal/wire"
)

// Codec turns values into message bodies and back. An endpoint names the codecs that it understands with
// [Endpoint.WithCodec]; the packages codec/json, codec/msgpack and codec/raw each hold one.
//
// Implementations must be safe for concurrent use and must not keep the byte slices they are given or return.
// The suite in codec/codectest checks an implementation.
//
// A codec may also have the method
//
//	AppendMarshal(dst []byte, v any) ([]byte, error)
//
// which appends to dst what Marshal returns. Then messages are encoded into buffers that are used again. With the method
//
//	IsNil(data []byte) bool
//
// it says whether a body is its format's null, as JSON's null is. Of a codec without it, the body is null that it makes of
// a nil pointer, if a zero value is another one. A body that is null, or empty, is not decoded: it is nil for a pointer
// type, is left to Unmarshal for a map, a slice or an interface, and is an error for any other type, unless the codec
// encodes the type's zero value in the same way. So a peer's null is never a zero value that nobody sent.
//
// With the method
//
//	CheckType(t reflect.Type) error
//
// it says which types it cannot carry: those for which encoding or decoding fails every time, or loses what a value holds
// without an error. [Endpoint.Validate] asks it for the endpoint's In and Out and for each declared error, and a call with
// [WithCallCodec] or [Request] before it sends. The error names the path to the Go field that is to blame, such as
// "PlaceRequest.Done". For a pointer type it says what holds for the type behind it. It may be asked for every call, so
// an answer that takes long to find is to be kept. A codec that was made with bad options says so for every type.
//
// With the method
//
//	Schema(t reflect.Type) (json.RawMessage, bool)
//
// it describes what it writes for values of a type, as a JSON Schema (2020-12) with its own $defs, for the contract
// document ([Endpoint.Contract]). With false, and for a codec without it, the schema is that of what encoding/json writes.
//
// A panic in a method of a value may pass through the codec: the library makes an error of it.
type Codec interface {
	// ContentType is the media type that names this codec on the wire, such as "application/json". It is
	// constant, and unique among the codecs of one endpoint.
	ContentType() string

	// Marshal encodes v, a pointer to an In, an Out or a declared error, so that methods with pointer receivers are
	// called. If the type is a pointer itself, v is that pointer, which may be nil, and not a pointer to it.
	Marshal(v any) ([]byte, error)

	// Unmarshal decodes data into v, a non-nil pointer to a zero value of the type that was encoded. For a pointer type
	// *T it is a *T; a codec that wants a **T returns an error for a *T, and is then asked with one. Unmarshal returns
	// an error for data that it cannot decode, whatever the bytes are; it never panics because of them.
	Unmarshal(data []byte, v any) error
}

// appender is the method that a codec may have.
type appender interface {
	AppendMarshal(dst []byte, v any) ([]byte, error)
}

// typeChecker is the method that a codec may have.
type typeChecker interface {
	CheckType(t reflect.Type) error
}

// describer is the method that a codec may have.
type describer interface {
	Schema(t reflect.Type) (json.RawMessage, bool)
}

// wireCodec is a codec with what is worked out once of its content type.
type wireCodec struct {
	Codec
	appender    appender // nil if it has none
	mediaType   string   // in canonical form
	requestType string   // the content type in requests: "" for JSON
	fitsToken   bool     // requestType can be part of a reply subject
	reader      *payload.Reader
}

func newWireCodec(c Codec) wireCodec {
	contentType := c.ContentType()
	w := wireCodec{Codec: c, mediaType: wire.CanonicalMediaType(contentType), reader: payload.NewReader(c)}
	w.appender, _ = c.(appender)
	if w.mediaType != wire.JSONMediaType {
		w.requestType = contentType
	}
	w.fitsToken = wire.FitsReplyToken(w.requestType)
	return w
}

// encode encodes v, into b if the codec can.
func (c *wireCodec) encode(b *buffer.Buffer, v any) ([]byte, error) {
	if c.appender == nil {
		return c.Marshal(v)
	}
	data, err := c.appender.AppendMarshal(b.Data[:0], v)
	if err != nil {
		return nil, err
	}
	b.Data = data
	return data, nil
}

// check records that the codec cannot carry a type, which is that of the endpoint's request, reply or error.
func (c *wireCodec) check(role string, t wireType, m *mistakes) {
	checker, ok := c.Codec.(typeChecker)
	if !ok || t.empty {
		return
	}
	m.add(fmt.Sprintf("%s in %s", role, c.mediaType), t.String(), checkType(checker, t.Type))
}

// describe returns the schema of what the codec writes for values of a type.
func (c *wireCodec) describe(t wireType) (s json.RawMessage, err error) {
	defer catchPanic(&err)
	if d, ok := c.Codec.(describer); ok {
		if s, ok := d.Schema(t.Type); ok {
			return s, nil
		}
	}
	return schema.Of(t.Type, schema.JSON())
}

// carries reports whether the codec encodes a type, as far as it says.
func (c *wireCodec) carries(t wireType) bool {
	checker, ok := c.Codec.(typeChecker)
	return !ok || checkType(checker, t.Type) == nil
}

// checkType asks a codec, which may be somebody's own.
func checkType(c typeChecker, t reflect.Type) (err error) {
	defer catchPanic(&err)
	return c.CheckType(t)
}
