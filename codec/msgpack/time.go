package msgpack

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"time"

	"github.com/typednats/typednats/internal/payload"
)

// The extension types of a time: that of the specification, and one that an old library for JavaScript has.
const (
	timeExtension   = -1
	jsTimeExtension = 13
)

func encodeTime(e *encoder, v reflect.Value) error {
	t, _ := reflect.TypeAssert[time.Time](v)
	seconds, nanos := uint64(t.Unix()), uint64(t.Nanosecond())
	const id = 0xff // the byte for -1
	switch {
	case seconds>>34 != 0:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, codeExt8, 12, id), uint32(nanos))
		e.buf = binary.BigEndian.AppendUint64(e.buf, seconds)
	case nanos == 0 && seconds>>32 == 0:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, codeFixExt4, id), uint32(seconds))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, codeFixExt8, id), nanos<<34|seconds)
	}
	return nil
}

// decodeTime takes a time as the specification has it, as text, or as an array of seconds and nanoseconds, as old
// libraries have it.
func decodeTime(d *decoder, v reflect.Value) error {
	to, _ := reflect.TypeAssert[*time.Time](v.Addr())
	if d.takeNil() {
		*to = time.Time{}
		return nil
	}
	if id, payload := d.peekExtension(); payload != nil {
		if id != timeExtension && id != jsTimeExtension {
			return fmt.Errorf("an extension of type %d where a time belongs", id)
		}
		d.skip()
		return parseTime(payload, to)
	}
	c := d.code()
	if text, ok := d.bytes(c); ok {
		t, err := time.Parse(time.RFC3339Nano, string(text))
		*to = t
		return payload.InWords(err)
	}
	if n, ok := d.arrayLen(c); ok && n == 2 {
		seconds, _, ok1 := d.integer(d.code())
		if c := d.code(); ok1 {
			if nanos, _, ok2 := d.integer(c); ok2 {
				*to = time.Unix(int64(seconds), int64(nanos))
				return nil
			}
		}
	}
	return mismatch(c, "a time")
}

// peekExtension returns the type and the payload of an extension, which are not taken. The payload is nil for another kind
// of value.
func (d *decoder) peekExtension() (id int8, payload []byte) {
	c := d.data[d.pos]
	if c < endFixStr || c >= startNegativeFixInt {
		return 0, nil
	}
	h, err := readHeader(c, d.data[d.pos+1:])
	if err != nil || !isExtension(c) {
		return 0, nil
	}
	start := d.pos + 1 + h.width
	return int8(d.data[start]), d.data[start+1 : start+int(h.size)]
}

func isExtension(c byte) bool {
	return c >= codeExt8 && c <= codeExt32 || c >= codeFixExt1 && c <= codeFixExt16
}

func parseTime(payload []byte, to *time.Time) error {
	switch len(payload) {
	case 4:
		*to = time.Unix(int64(binary.BigEndian.Uint32(payload)), 0)
	case 8:
		n := binary.BigEndian.Uint64(payload)
		*to = time.Unix(int64(n&(1<<34-1)), int64(n>>34))
	case 12:
		nanos, seconds := binary.BigEndian.Uint32(payload), binary.BigEndian.Uint64(payload[4:])
		*to = time.Unix(int64(seconds), int64(nanos))
	default:
		return fmt.Errorf("%d bytes where a time belongs", len(payload))
	}
	if to.IsZero() {
		*to = to.UTC() // a zero time knows no zone
	}
	return nil
}
