package wire

import (
	"bytes"
	"encoding/json"

	"github.com/nats-io/nats.go"
)

// A JetStream stream that takes an endpoint's subject answers each request, before the service does:
//
//	{"stream":"AUDIT","seq":1}
//
// with "domain", "duplicate" and others behind that, or with an "error" before. It has no headers. A service that replies
// with something that begins so adds a header, so that nobody takes it for one of these.
const (
	acknowledgementStart = `{"stream":"`
	refusedStoringStart  = `{"error":{`
)

// maxAcknowledgement is more than an acknowledgement has, in bytes: names of streams are at most 255 long.
const maxAcknowledgement = 4 << 10

// acknowledgement is all that a server puts into one (nats-server v2.15, JSPubAckResponse).
type acknowledgement struct {
	Stream *string `json:"stream"`
	Seq    *uint64 `json:"seq"`

	Error     json.RawMessage `json:"error"`
	Domain    json.RawMessage `json:"domain"`
	Duplicate json.RawMessage `json:"duplicate"`
	Value     json.RawMessage `json:"val"`
	Batch     json.RawMessage `json:"batch"`
	Count     json.RawMessage `json:"count"`
}

// BeginsAsAcknowledgement reports whether a body could be that of a stream's acknowledgement.
func BeginsAsAcknowledgement(body []byte) bool {
	return bytes.HasPrefix(body, []byte(acknowledgementStart)) || bytes.HasPrefix(body, []byte(refusedStoringStart))
}

// AcknowledgingStream returns the name of the stream whose acknowledgement a message is, or "".
func AcknowledgingStream(m *nats.Msg) string {
	if len(m.Header) > 0 || !BeginsAsAcknowledgement(m.Data) || len(m.Data) > maxAcknowledgement {
		return ""
	}
	var a acknowledgement
	d := json.NewDecoder(bytes.NewReader(m.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil || d.InputOffset() != int64(len(m.Data)) || a.Stream == nil || a.Seq == nil {
		return ""
	}
	return *a.Stream
}

// NotAnAcknowledgement is the header of a reply that begins as an acknowledgement does, to a request with the given
// content type: it says what is meant without it.
func NotAnAcknowledgement(requestType string) nats.Header {
	if requestType == "" {
		requestType = JSONMediaType
	}
	return nats.Header{ContentTypeHeader: {requestType}}
}
