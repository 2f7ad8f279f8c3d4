package msgpack

import (
	"encoding/binary"
	"reflect"
)

// decoder decodes one value. All of the data was validated before, so what a header promises is there.
type decoder struct {
	*plans
	validator

	data    []byte
	pos     int
	library libraryDecoder
}

// decode decodes data into what v points to.
func (d *decoder) decode(data []byte, v reflect.Value) error {
	p := d.of(v.Type().Elem())
	if p.bad != nil {
		return in("", p.bad)
	}
	if err := d.validate(data); err != nil {
		return in("", err)
	}
	defer func() { d.data = nil }() // nothing may keep the caller's bytes
	d.data, d.pos = data, 0
	if err := p.decode(d, v.Elem()); err != nil {
		return in("", err)
	}
	return nil
}

// code takes the first byte of a value.
func (d *decoder) code() byte {
	c := d.data[d.pos]
	d.pos++
	return c
}

// takeNil takes a nil, if the value is one.
func (d *decoder) takeNil() bool {
	if d.data[d.pos] != codeNil {
		return false
	}
	d.pos++
	return true
}

// take takes n bytes, which cannot be appended to.
func (d *decoder) take(n int) []byte {
	start := d.pos
	d.pos += n
	return d.data[start:d.pos:d.pos]
}

// number takes a number of 1, 2, 4 or 8 bytes.
func (d *decoder) number(width int) uint64 {
	switch b := d.take(width); width {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

// arrayLen takes the length of an array whose code is c. It returns false for another kind of value.
func (d *decoder) arrayLen(c byte) (int, bool) {
	switch {
	case c >= endFixMap && c < endFixArray:
		return int(c - endFixMap), true
	case c == codeArray16:
		return int(d.number(2)), true
	case c == codeArray32:
		return int(d.number(4)), true
	default:
		return 0, false
	}
}

// mapLen takes the length of a map whose code is c. It returns false for another kind of value.
func (d *decoder) mapLen(c byte) (int, bool) {
	switch {
	case c >= endFixInt && c < endFixMap:
		return int(c - endFixInt), true
	case c == codeMap16:
		return int(d.number(2)), true
	case c == codeMap32:
		return int(d.number(4)), true
	default:
		return 0, false
	}
}

// bytes takes text or bytes whose code is c. It returns false for another kind of value.
func (d *decoder) bytes(c byte) ([]byte, bool) {
	switch {
	case c >= endFixArray && c < endFixStr:
		return d.take(int(c - endFixArray)), true
	case c == codeStr8, c == codeBin8:
		return d.take(int(d.number(1))), true
	case c == codeStr16, c == codeBin16:
		return d.take(int(d.number(2))), true
	case c == codeStr32, c == codeBin32:
		return d.take(int(d.number(4))), true
	default:
		return nil, false
	}
}

// skip goes to the end of the value.
func (d *decoder) skip() {
	for owed := 1; owed > 0; owed-- {
		c := d.code()
		if n, ok := d.arrayLen(c); ok {
			owed += n
			continue
		}
		if n, ok := d.mapLen(c); ok {
			owed += 2 * n
			continue
		}
		if _, ok := d.bytes(c); ok || c < endFixInt || c >= startNegativeFixInt {
			continue
		}
		h, _ := readHeader(c, d.data[d.pos:])
		d.pos += h.width + int(h.size)
	}
}
