package msgpack

import (
	"encoding/binary"
	"math"
)

// The functions append the shortest form of a value, or of its header.

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(dst, uint64(n))
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, codeInt8, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt16), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeInt64), uint64(n))
	}
}

func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n < endFixInt:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, codeUint8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint16), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeUint64), n)
	}
}

func appendString(dst []byte, s string) []byte {
	if n := len(s); n < endFixStr-endFixArray {
		dst = append(dst, endFixArray|byte(n))
	} else {
		dst = appendLen(dst, n, codeStr8, codeStr16, codeStr32)
	}
	return append(dst, s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(appendLen(dst, len(b), codeBin8, codeBin16, codeBin32), b...)
}

func appendArrayLen(dst []byte, n int) []byte {
	if n < endFixArray-endFixMap {
		return append(dst, endFixMap|byte(n))
	}
	return appendLen(dst, n, 0, codeArray16, codeArray32)
}

func appendMapLen(dst []byte, n int) []byte {
	if n < endFixMap-endFixInt {
		return append(dst, endFixInt|byte(n))
	}
	return appendLen(dst, n, 0, codeMap16, codeMap32)
}

// appendLen appends one of three codes with the length behind it. A code8 of 0 stands for a form that there is not.
func appendLen(dst []byte, n int, code8, code16, code32 byte) []byte {
	switch {
	case n <= math.MaxUint8 && code8 != 0:
		return append(dst, code8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, code16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, code32), uint32(n))
	}
}
