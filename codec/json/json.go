// Package json holds the JSON codec, on encoding/json.
package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Codec is the JSON codec with its defaults: as encoding/json reads and writes, and unknown fields are ignored.
var Codec = New()

// Encoding is a JSON codec. It is immutable and safe for concurrent use; the zero value is [Codec].
//
// Marshal writes what [json.Marshal] writes, with <, > and & in strings as \u003c, \u003e and \u0026. Every
// JSON reader understands both forms, and the escaped one stays harmless when a tool shows it in a web page.
//
// Unmarshal reads exactly one value: anything but white space after it is an error, and so is nesting deeper than
// encoding/json's limit of 10,000 levels.
//
// A mistake in the options of [New] is the error of Marshal, AppendMarshal and Unmarshal.
type Encoding struct {
	refuseUnknown bool
	nilOption     bool // one was given
}

// Option changes what [New] makes. A nil Option is a mistake.
type Option func(*Encoding)

// WithoutUnknownFields makes Unmarshal refuse an object with a key that its struct has no field for, overriding the
// default of ignoring it. Then a field cannot be added to a payload before every reader knows it.
//
// Keys that occur twice, or match a field only by ignoring case, are accepted either way: encoding/json cannot tell.
func WithoutUnknownFields() Option {
	return func(e *Encoding) { e.refuseUnknown = true }
}

// New returns a JSON codec. New() equals [Codec].
func New(opts ...Option) Encoding {
	var e Encoding
	for _, opt := range opts {
		if opt == nil {
			e.nilOption = true
			continue
		}
		opt(&e)
	}
	return e
}

// check returns what is wrong with the options.
func (e Encoding) check() error {
	if e.nilOption {
		return errors.New("json: New: an Option is nil")
	}
	return nil
}

// ContentType returns "application/json".
func (Encoding) ContentType() string { return "application/json" }

// Marshal returns the JSON encoding of v.
func (e Encoding) Marshal(v any) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// AppendMarshal appends the JSON encoding of v to dst.
func (e Encoding) AppendMarshal(dst []byte, v any) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return appendValue(dst, v)
}

// IsNil reports whether data holds null and nothing else.
func (Encoding) IsNil(data []byte) bool {
	if len(data) == 0 || data[0] == '{' { // most are objects
		return false
	}
	return string(bytes.Trim(data, " \t\r\n")) == "null"
}

// Unmarshal decodes data, which must hold one JSON value, into v, a non-nil pointer. Its errors can be shown to whoever
// sent the data: they name no Go type. That of encoding/json is in their tree.
func (e Encoding) Unmarshal(data []byte, v any) error {
	if err := e.check(); err != nil {
		return err
	}
	if !e.refuseUnknown {
		return explain(decode(data, v), v)
	}
	return explain(decodeStrictly(data, v), v)
}

// decodeStrictly refuses unknown fields.
func decodeStrictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("json: no value: %w", err)
		}
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("json: data after the value")
	}
	return nil
}
