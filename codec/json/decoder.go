//go:build !goexperiment.jsonv2

package json

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
)

// decoder is a library decoder with the message that it reads. A new one for each message, as [json.Unmarshal] makes
// it, costs more allocations than the values in most messages.
type decoder struct {
	dec  *json.Decoder
	data []byte // not read yet
}

var decoders = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	d := &decoder{}
	d.dec = json.NewDecoder(d)
	return d
}}

// Read implements io.Reader for the library.
func (d *decoder) Read(p []byte) (int, error) {
	if len(d.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.data)
	d.data = d.data[n:]
	return n, nil
}

// decode is [json.Unmarshal]. A decoder that has failed, or not read all of its message, is not used again.
func decode(data []byte, v any) error {
	if len(data) > maxPooled {
		return json.Unmarshal(data, v)
	}
	d, _ := decoders.Get().(*decoder)
	d.data = data
	before := d.dec.InputOffset()
	if err := d.dec.Decode(v); err != nil {
		return json.Unmarshal(data, v) // whose errors speak of one message, not of a stream
	}
	rest := data[d.dec.InputOffset()-before:]
	if len(rest) == 0 {
		d.data = nil // which is empty, and would keep the message all the same
		decoders.Put(d)
		return nil
	}
	if len(bytes.TrimLeft(rest, " \t\r\n")) > 0 {
		return json.Unmarshal(data, v)
	}
	return nil
}
