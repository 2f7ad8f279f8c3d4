package msgpack

import (
	"errors"
	"runtime"

	"github.com/vmihailenco/msgpack/v5"
)

const (
	// maxFrames is far above what the deepest value that can be decoded again takes, about 3,000 frames, and far
	// below the millions at which the runtime ends the process.
	maxFrames = 20_000
	// framesEvery is how many bytes are written between two looks at the stack. The look costs nothing that can be
	// measured, and a value that contains itself writes at least a byte for each level.
	framesEvery = 32 << 10
)

var errCycle = errors.New("msgpack: the value nests too deeply, or contains itself")

// encoder is a library encoder with the buffer that it writes to.
type encoder struct {
	validator
	enc  *msgpack.Encoder
	buf  []byte
	look int // the length of buf at which to look at the stack
}

func newEncoder() *encoder {
	return &encoder{enc: msgpack.NewEncoder(nil)}
}

func (e *encoder) encode(v any) error {
	e.buf, e.look = e.buf[:0], framesEvery
	e.enc.Reset(e)
	e.enc.SetCustomStructTag("json")
	e.enc.UseCompactInts(true)
	if err := e.enc.Encode(v); err != nil {
		return err
	}
	// A method of the value may have written anything, and the library writes interned strings if a tag says so. That
	// is better known here than at the other end.
	return e.validate(e.buf)
}

// Write implements io.Writer for the library.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), e.checkStack()
}

// WriteByte implements io.ByteWriter for the library.
func (e *encoder) WriteByte(c byte) error {
	e.buf = append(e.buf, c)
	return e.checkStack()
}

// checkStack ends the encoding of a value that contains itself. The library would follow it until the stack
// overflows, which no recover can stop. The depth of the value is not known here, but that of the calls is.
func (e *encoder) checkStack() error {
	if len(e.buf) < e.look {
		return nil
	}
	e.look = len(e.buf) + framesEvery
	var pc [1]uintptr
	if runtime.Callers(maxFrames, pc[:]) > 0 {
		return errCycle
	}
	return nil
}
