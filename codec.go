package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Codec turns values into message bodies and back. An endpoint names the codecs that it understands with
// [Endpoint.WithCodec]; the packages codec/json, codec/msgpack and codec/raw each hold one.
//
// Implementations must be safe for concurrent use and must not keep the byte slices they are given or return.
// The suite in codec/codectest checks an implementation.
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

// codecSet is the codecs that an endpoint understands; clients send the first.
type codecSet struct {
	codecs     []Codec
	mediaTypes []string // of codecs, in canonical form
}

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
		mediaType := canonicalMediaType(c.ContentType())
		if slices.Contains(set.mediaTypes, mediaType) {
			m.add("codec", c.ContentType(), errors.New("two codecs have this content type"))
			continue
		}
		set.codecs = append(set.codecs, c)
		set.mediaTypes = append(set.mediaTypes, mediaType)
	}
	return set
}

// first is the codec that clients send.
func (s codecSet) first() Codec { return s.codecs[0] }

// forContentType returns the codec that a Content-Type names; an empty one means JSON. An endpoint that takes raw
// bytes alone takes them under any name.
func (s codecSet) forContentType(contentType string) (Codec, bool) {
	mediaType := jsonMediaType
	if contentType != "" {
		mediaType = canonicalMediaType(contentType)
	}
	if i := slices.Index(s.mediaTypes, mediaType); i >= 0 {
		return s.codecs[i], true
	}
	if len(s.codecs) == 1 && s.mediaTypes[0] == rawMediaType {
		return s.codecs[0], true
	}
	return nil, false
}

// String lists what is accepted, for the description of code 415.
func (s codecSet) String() string { return strings.Join(s.mediaTypes, ", ") }

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
