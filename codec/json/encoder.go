package json

import (
	"encoding/json"
	"sync"
)

// maxPooled is the size of a body above which its buffers are left to the garbage collector, so that one large
// message does not stay in memory.
const maxPooled = 64 << 10

// encoder is a library encoder with the buffer that it writes to.
type encoder struct {
	enc *json.Encoder
	buf []byte
}

var encoders = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	e := &encoder{}
	e.enc = json.NewEncoder(e)
	return e
}}

// Write implements io.Writer for the library, which writes once it has all of a value.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

// appendValue appends the encoding of v to dst. It returns dst as it was if v cannot be encoded.
func appendValue(dst []byte, v any) ([]byte, error) {
	e, _ := encoders.Get().(*encoder)
	e.buf = dst
	err := e.enc.Encode(v)
	out := e.buf
	e.buf = nil
	encoders.Put(e)
	if err != nil {
		return dst, err
	}
	return out[:len(out)-1], nil // without the newline that ends a value in a stream
}
