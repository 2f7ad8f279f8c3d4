package msgpack

import (
	"fmt"
	"math"
	"reflect"
)

func decodeBool(d *decoder, v reflect.Value) error {
	switch c := d.code(); c {
	case codeTrue:
		v.SetBool(true)
	case codeFalse, codeNil:
		v.SetBool(false)
	default:
		return mismatch(c, "a boolean")
	}
	return nil
}

// integer takes an integer whose code is c, which is negative only if the second result says so. The third is false for
// another kind of value.
func (d *decoder) integer(c byte) (n uint64, negative, ok bool) {
	switch {
	case c < endFixInt:
		return uint64(c), false, true
	case c >= startNegativeFixInt:
		return uint64(int8(c)), true, true
	}
	switch c {
	case codeUint8, codeUint16, codeUint32, codeUint64:
		return d.number(1 << (c - codeUint8)), false, true
	case codeInt8:
		n = uint64(int8(d.number(1)))
	case codeInt16:
		n = uint64(int16(d.number(2)))
	case codeInt32:
		n = uint64(int32(d.number(4)))
	case codeInt64:
		n = d.number(8)
	default:
		return 0, false, false
	}
	return n, int64(n) < 0, true
}

func decodeInt(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetInt(0)
		return nil
	}
	n, negative, ok := d.integer(c)
	switch {
	case !ok:
		return mismatch(c, "an integer")
	case !negative && n > math.MaxInt64 || v.OverflowInt(int64(n)):
		return outOfRange(n, negative, v.Type().Bits(), "a signed integer")
	}
	v.SetInt(int64(n))
	return nil
}

func decodeUint(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetUint(0)
		return nil
	}
	n, negative, ok := d.integer(c)
	switch {
	case !ok:
		return mismatch(c, "an integer")
	case negative || v.OverflowUint(n):
		return outOfRange(n, negative, v.Type().Bits(), "an unsigned integer")
	}
	v.SetUint(n)
	return nil
}

func outOfRange(n uint64, negative bool, bits int, kind string) error {
	if negative {
		return fmt.Errorf("%d does not fit into %s of %d bits", int64(n), kind, bits)
	}
	return fmt.Errorf("%d does not fit into %s of %d bits", n, kind, bits)
}

// float takes a number of any kind. It returns false for another kind of value.
func (d *decoder) float(c byte) (float64, bool) {
	switch c {
	case codeFloat32:
		return float64(math.Float32frombits(uint32(d.number(4)))), true
	case codeFloat64:
		return math.Float64frombits(d.number(8)), true
	}
	n, negative, ok := d.integer(c)
	if negative {
		return float64(int64(n)), ok
	}
	return float64(n), ok
}

func decodeFloat(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetFloat(0)
		return nil
	}
	f, ok := d.float(c)
	switch {
	case !ok:
		return mismatch(c, "a number")
	case v.OverflowFloat(f):
		return fmt.Errorf("%v does not fit into a fraction of %d bits", f, v.Type().Bits())
	}
	v.SetFloat(f)
	return nil
}

// text takes text, or bytes as such. nil is empty.
func (d *decoder) text() (string, error) {
	c := d.code()
	b, ok := d.bytes(c)
	if !ok && c != codeNil {
		return "", mismatch(c, "text")
	}
	return string(b), nil
}

func decodeString(d *decoder, v reflect.Value) error {
	s, err := d.text()
	v.SetString(s)
	return err
}

func decodeBytes(d *decoder, v reflect.Value) error {
	c := d.code()
	if c == codeNil {
		v.SetZero()
		return nil
	}
	b, ok := d.bytes(c)
	if !ok {
		return mismatch(c, "bytes")
	}
	v.SetBytes(append(make([]byte, 0, len(b)), b...))
	return nil
}

func decodeByteArray(d *decoder, v reflect.Value) error {
	c := d.code()
	v.SetZero()
	if c == codeNil {
		return nil
	}
	b, ok := d.bytes(c)
	switch {
	case !ok:
		return mismatch(c, "bytes")
	case len(b) > v.Len():
		return fmt.Errorf("%d bytes where %d belong", len(b), v.Len())
	}
	copy(v.Bytes(), b)
	return nil
}
