package typednats

import (
	"reflect"

	"github.com/typednats/typednats/internal/buffer"
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
// which appends to dst what Marshal returns. Then messages are encoded into buffers that are used again.
type Codec interface {
	// ContentType is the media type that names this codec on the wire, such as "application/json". It is
	// constant, and unique among the codecs of one endpoint.
	ContentType() string

	// Marshal encodes v, which is an In, an Out or a declared error as the handler or the caller gave it.
	Marshal(v any) ([]byte, error)

	// Unmarshal decodes data into v, a non-nil pointer to the type that was encoded. It returns an error for
	// data that it cannot decode, whatever the bytes are; it never panics.
	Unmarshal(data []byte, v any) error
}

// appender is the method that a codec may have.
type appender interface {
	AppendMarshal(dst []byte, v any) ([]byte, error)
}

// wireCodec is a codec with what is worked out once of its content type.
type wireCodec struct {
	Codec
	appender    appender // nil if it has none
	mediaType   string   // in canonical form
	requestType string   // the content type in requests: "" for JSON
	fitsToken   bool     // requestType can be part of a reply subject
}

func newWireCodec(c Codec) wireCodec {
	contentType := c.ContentType()
	w := wireCodec{Codec: c, mediaType: wire.CanonicalMediaType(contentType)}
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

// hasEmptyBody reports whether values of a type are sent as an empty body, whatever the codec: a struct without fields
// says nothing.
func hasEmptyBody(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 0
}
