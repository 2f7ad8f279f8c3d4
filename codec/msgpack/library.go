package msgpack

import (
	"errors"
	"io"
	"reflect"
	"runtime"

	"github.com/vmihailenco/msgpack/v5"
)

// Types with methods of the library, and extensions that are registered with it, are encoded and decoded by it. All others
// are not: it cuts numbers to fit, drops what it takes for empty, and overflows the stack for some structs.

const (
	// maxFrames is far above what the deepest value that can be decoded again takes, about 3,000 frames, and far
	// below the millions at which the runtime ends the process.
	maxFrames = 20_000
	// framesEvery is how many bytes are written between two looks at the stack. The look costs nothing that can be
	// measured, and a value that contains itself writes at least a byte for each level.
	framesEvery = 32 << 10
)

var (
	errExtension = errors.New("an extension where another value belongs")
	errUnread    = errors.New("the decoder stopped before the end of the value")
)

// libraryEncoder is a library encoder that appends to what an encoder has written.
type libraryEncoder struct {
	enc  *msgpack.Encoder
	buf  []byte
	look int // the length of buf at which to look at the stack
}

// encode appends the encoding of an addressable value to dst.
func (l *libraryEncoder) encode(dst []byte, v reflect.Value) ([]byte, error) {
	if l.enc == nil {
		l.enc = msgpack.NewEncoder(nil)
	}
	l.buf, l.look = dst, len(dst)+framesEvery
	l.enc.Reset(l)
	l.enc.SetCustomStructTag("json")
	l.enc.UseCompactInts(true)
	err := l.enc.EncodeValue(v)
	dst, l.buf = l.buf, nil
	return dst, err
}

// Write implements io.Writer for the library.
func (l *libraryEncoder) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	return len(p), l.checkStack()
}

// WriteByte implements io.ByteWriter for the library.
func (l *libraryEncoder) WriteByte(c byte) error {
	l.buf = append(l.buf, c)
	return l.checkStack()
}

// checkStack ends the encoding of a value that contains itself. The library would follow it until the stack
// overflows, which no recover can stop. The depth of the value is not known here, but that of the calls is.
func (l *libraryEncoder) checkStack() error {
	if len(l.buf) < l.look {
		return nil
	}
	l.look = len(l.buf) + framesEvery
	var pc [1]uintptr
	if runtime.Callers(maxFrames, pc[:]) > 0 {
		return errCycle
	}
	return nil
}

// libraryDecoder is a library decoder with the bytes of the one value that it reads.
//
// The library reads lengths and trusts them, so validate looks at all of them first. That is only enough while both
// agree on where values begin, and there is one place where they do not: asked for a map, the library skips the header
// of an extension and takes the extension's payload, which may be anything, for the map. ReadByte stops it there.
type libraryDecoder struct {
	validator
	dec  *msgpack.Decoder
	data []byte
	off  int
	next int // the first of payloads that has not been read
}

// decode decodes one whole value with a function that calls the library.
func (l *libraryDecoder) decode(data []byte, read func(*msgpack.Decoder) error) error {
	if l.dec == nil {
		l.dec = msgpack.NewDecoder(nil)
	}
	// Nothing may keep the caller's bytes, an error least of all.
	defer func() { l.data = nil }()
	if err := l.validate(data); err != nil {
		return err
	}
	l.data, l.off, l.next = data, 0, 0
	l.dec.Reset(l)
	l.dec.SetCustomStructTag("json")
	// Without it the Go type of a number in an any would depend on the number's size.
	l.dec.UseLooseInterfaceDecoding(true)
	if err := read(l.dec); err != nil {
		return err
	}
	if l.off != len(l.data) {
		return errUnread
	}
	return nil
}

// Read implements io.Reader for the library.
func (l *libraryDecoder) Read(p []byte) (int, error) {
	if l.off == len(l.data) {
		return 0, io.EOF
	}
	n := copy(p, l.data[l.off:])
	l.off += n
	for l.next < len(l.payloads) && l.payloads[l.next] < l.off {
		l.next++
	}
	return n, nil
}

// ReadByte implements io.ByteScanner for the library, which reads the first byte of every value with it and the
// payload of an extension with Read.
func (l *libraryDecoder) ReadByte() (byte, error) {
	if l.off == len(l.data) {
		return 0, io.EOF
	}
	if l.next < len(l.payloads) && l.off == l.payloads[l.next] {
		return 0, errExtension
	}
	b := l.data[l.off]
	l.off++
	return b, nil
}

// UnreadByte implements io.ByteScanner for the library.
func (l *libraryDecoder) UnreadByte() error {
	if l.off == 0 {
		return errors.New("nothing to unread")
	}
	l.off--
	return nil
}
