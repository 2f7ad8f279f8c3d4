package msgpack

import (
	"errors"
	"io"

	"github.com/vmihailenco/msgpack/v5"
)

var (
	errExtension = errors.New("msgpack: an extension where another value belongs")
	errUnread    = errors.New("msgpack: the decoder stopped before the end of the value")
)

// decoder is a library decoder with the bytes that it reads.
//
// The library reads lengths and trusts them, so validate looks at all of them first. That is only enough while both
// agree on where values begin, and there is one place where they do not: asked for a map, the library skips the header
// of an extension and takes the extension's payload, which may be anything, for the map. ReadByte stops it there.
type decoder struct {
	validator
	dec  *msgpack.Decoder
	data []byte
	off  int
	next int // the first of payloads that has not been read
}

func newDecoder() *decoder {
	return &decoder{dec: msgpack.NewDecoder(nil)}
}

func (d *decoder) decode(data []byte, v any) error {
	// Nothing may keep the caller's bytes, an error least of all.
	defer func() { d.data = nil }()
	if err := d.validate(data); err != nil {
		return err
	}
	d.data, d.off, d.next = data, 0, 0
	d.dec.Reset(d)
	d.dec.SetCustomStructTag("json")
	// Without it the Go type of a number in an any would depend on the number's size.
	d.dec.UseLooseInterfaceDecoding(true)
	if err := d.dec.Decode(v); err != nil {
		return err
	}
	if d.off != len(d.data) {
		return errUnread
	}
	return nil
}

// Read implements io.Reader for the library.
func (d *decoder) Read(p []byte) (int, error) {
	if d.off == len(d.data) {
		return 0, io.EOF
	}
	n := copy(p, d.data[d.off:])
	d.off += n
	for d.next < len(d.payloads) && d.payloads[d.next] < d.off {
		d.next++
	}
	return n, nil
}

// ReadByte implements io.ByteScanner for the library, which reads the first byte of every value with it and the
// payload of an extension with Read.
func (d *decoder) ReadByte() (byte, error) {
	if d.off == len(d.data) {
		return 0, io.EOF
	}
	if d.next < len(d.payloads) && d.off == d.payloads[d.next] {
		return 0, errExtension
	}
	b := d.data[d.off]
	d.off++
	return b, nil
}

// UnreadByte implements io.ByteScanner for the library.
func (d *decoder) UnreadByte() error {
	if d.off == 0 {
		return errors.New("msgpack: nothing to unread")
	}
	d.off--
	return nil
}
