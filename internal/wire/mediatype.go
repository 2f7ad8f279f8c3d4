package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// Media types that the library knows; every other one is just a codec's name.
const (
	JSONMediaType = "application/json"         // meant by a request that names none
	RawMediaType  = "application/octet-stream" // alone, takes any bytes

	msgpackMediaType = "application/msgpack"
)

// maxMediaType bounds a content type, in bytes: it can be part of a subject.
const maxMediaType = 128

// CanonicalMediaType drops parameters and case, which do not count when media types are compared, and knows
// the other names of MessagePack.
func CanonicalMediaType(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch mediaType {
	case "application/x-msgpack", "application/vnd.msgpack":
		return msgpackMediaType
	default:
		return mediaType
	}
}

// CheckMediaType reports what is wrong with a codec's content type, which travels as a header's value.
func CheckMediaType(contentType string) error {
	mediaType := CanonicalMediaType(contentType)
	kind, subtype, found := strings.Cut(mediaType, "/")
	if !found || kind == "" || subtype == "" || strings.Contains(mediaType, " ") || len(contentType) > maxMediaType ||
		strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("want a media type such as %q of at most %d bytes", JSONMediaType, maxMediaType)
	}
	return nil
}

// CouldBeJSON reports whether body begins as JSON does. Without a content type, a body is read as JSON: msgpack's number
// 53, and not its maps, would be taken for the digit 5. An empty body counts: the reply to it would be in JSON.
func CouldBeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) == 0 || strings.IndexByte(`{["-0123456789tfn`, body[0]) >= 0
}

// applicationTypes begins most media types. In a reply subject it is left out: every byte there is read and written
// six times on the way.
const applicationTypes = "application/"

// shortMediaType is a media type without applicationTypes.
func shortMediaType(mediaType string) string {
	if short, ok := strings.CutPrefix(mediaType, applicationTypes); ok && short != "" && !strings.Contains(short, "/") {
		return short
	}
	return mediaType
}

// longMediaType undoes shortMediaType, for the library's own codecs without an allocation.
func longMediaType(short string) string {
	switch {
	case short == "" || strings.Contains(short, "/"):
		return short
	case short == "msgpack":
		return msgpackMediaType
	case short == "octet-stream":
		return RawMediaType
	default:
		return applicationTypes + short
	}
}
