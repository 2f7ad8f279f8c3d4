package typednats

import (
	"errors"
	"fmt"
	"strings"

	"github.com/typednats/typednats/internal/wire"
)

// codecSet is the codecs that an endpoint understands; clients send the first.
type codecSet []wireCodec

func newCodecSet(codecs []Codec, m *mistakes) codecSet {
	var set codecSet
	for _, c := range codecs {
		if isNil(c) {
			m.add("codec", fmt.Sprintf("%T", c), errNil)
			continue
		}
		if err := wire.CheckMediaType(c.ContentType()); err != nil {
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
		contentType = wire.JSONMediaType
	}
	c := s.named(contentType)
	if c == nil {
		c = s.named(wire.CanonicalMediaType(contentType))
	}
	if c == nil && s.takesAny() {
		c = &s[0]
	}
	return c
}

// takesAny reports whether the endpoint takes raw bytes alone, and so under any name.
func (s codecSet) takesAny() bool { return len(s) == 1 && s[0].mediaType == wire.RawMediaType }

// String lists what is accepted, for the description of code 415.
func (s codecSet) String() string {
	var names []string
	for i := range s {
		names = append(names, s[i].mediaType)
	}
	return strings.Join(names, ", ")
}

// isJSON reports whether JSON is all that is accepted.
func (s codecSet) isJSON() bool { return len(s) == 1 && s[0].mediaType == wire.JSONMediaType }
