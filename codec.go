package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
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

// Media types with a meaning of their own; every other one is just a codec's name.
const (
	jsonMediaType = "application/json"         // meant by a request that names none
	rawMediaType  = "application/octet-stream" // alone, takes any bytes
)

// maxMediaType bounds a content type, in bytes: it can be part of a subject.
const maxMediaType = 128

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
	w := wireCodec{Codec: c, mediaType: canonicalMediaType(contentType)}
	w.appender, _ = c.(appender)
	if w.mediaType != jsonMediaType {
		w.requestType = contentType
	}
	w.fitsToken = fitsReplyToken(w.requestType)
	return w
}

// encode encodes v, into b if the codec can.
func (c *wireCodec) encode(b *buffer, v any) ([]byte, error) {
	if c.appender == nil {
		return c.Marshal(v)
	}
	data, err := c.appender.AppendMarshal(b.data[:0], v)
	if err != nil {
		return nil, err
	}
	b.data = data
	return data, nil
}

// maxPooledBuffer is the size above which a buffer is left to the garbage collector, in bytes, so that one large
// message does not stay in memory.
const maxPooledBuffer = 64 << 10

// buffer holds a body until it is published: nats.go copies what it publishes.
type buffer struct {
	data []byte
}

var buffers = sync.Pool{New: func() any { return new(buffer) }} //nolint:gochecknoglobals // nobody can tell what is in it

func newBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// release gives the buffer back; what was encoded into it must not be used any more. It stands nil.
func (b *buffer) release() {
	if b != nil && cap(b.data) <= maxPooledBuffer {
		buffers.Put(b)
	}
}

// codecSet is the codecs that an endpoint understands; clients send the first.
type codecSet []wireCodec

func newCodecSet(codecs []Codec, m *mistakes) codecSet {
	var set codecSet
	for _, c := range codecs {
		if isNil(c) {
			m.add("codec", fmt.Sprintf("%T", c), errNil)
			continue
		}
		if err := checkMediaType(c.ContentType()); err != nil {
			m.add("codec", c.ContentType(), err)
			continue
		}
		next := newWireCodec(c)
		if set.named(next.mediaType) != nil {
			m.add("codec", c.ContentType(), errors.New("two codecs have this content type"))
			continue
		}
		set = append(set, next)
	}
	return set
}

// named returns the codec with a media type in canonical form, or nil.
func (s codecSet) named(mediaType string) *wireCodec {
	for i := range s {
		if s[i].mediaType == mediaType {
			return &s[i]
		}
	}
	return nil
}

// forContentType returns the codec that a Content-Type names; an empty one means JSON. It returns nil if there is none.
// An endpoint that takes raw bytes alone takes them under any name.
func (s codecSet) forContentType(contentType string) *wireCodec {
	if contentType == "" {
		contentType = jsonMediaType
	}
	c := s.named(contentType)
	if c == nil {
		c = s.named(canonicalMediaType(contentType))
	}
	if c == nil && len(s) == 1 && s[0].mediaType == rawMediaType {
		c = &s[0]
	}
	return c
}

// String lists what is accepted, for the description of code 415.
func (s codecSet) String() string {
	var names []string
	for i := range s {
		names = append(names, s[i].mediaType)
	}
	return strings.Join(names, ", ")
}

// canonicalMediaType drops parameters and case, which do not count when media types are compared.
func canonicalMediaType(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// checkMediaType reports what is wrong with a codec's content type, which travels as a header's value.
func checkMediaType(contentType string) error {
	mediaType := canonicalMediaType(contentType)
	kind, subtype, found := strings.Cut(mediaType, "/")
	if !found || kind == "" || subtype == "" || strings.Contains(mediaType, " ") || len(contentType) > maxMediaType ||
		strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("want a media type such as %q of at most %d bytes", jsonMediaType, maxMediaType)
	}
	return nil
}

// isNil reports whether an interface holds nothing, or a nil pointer or function, which could only panic when it is
// used.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer, reflect.Func:
		return rv.IsNil()
	default:
		return false
	}
}
