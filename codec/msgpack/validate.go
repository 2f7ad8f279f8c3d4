package msgpack

import (
	"errors"
	"fmt"
)

// maxDepth is how many containers may be open at once. A level costs the decoder up to half a kilobyte of stack, so a
// hostile body takes a quarter of a megabyte, and no payload that people design is as deep.
const maxDepth = 512

// The first byte of a value, from the MessagePack specification. The library has these as variables.
const (
	endFixInt   = 0x80
	endFixMap   = 0x90
	endFixArray = 0xa0
	endFixStr   = 0xc0

	codeNil, codeFalse, codeTrue                   = 0xc0, 0xc2, 0xc3
	codeBin8, codeBin16, codeBin32                 = 0xc4, 0xc5, 0xc6
	codeExt8, codeExt16, codeExt32                 = 0xc7, 0xc8, 0xc9
	codeFloat32, codeFloat64                       = 0xca, 0xcb
	codeUint8, codeUint16, codeUint32, codeUint64  = 0xcc, 0xcd, 0xce, 0xcf
	codeInt8, codeInt16, codeInt32, codeInt64      = 0xd0, 0xd1, 0xd2, 0xd3
	codeFixExt1, codeFixExt2, codeFixExt4          = 0xd4, 0xd5, 0xd6
	codeFixExt8, codeFixExt16                      = 0xd7, 0xd8
	codeStr8, codeStr16, codeStr32                 = 0xd9, 0xda, 0xdb
	codeArray16, codeArray32, codeMap16, codeMap32 = 0xdc, 0xdd, 0xde, 0xdf

	startNegativeFixInt = 0xe0

	// internedID is the extension type of the library's interned strings.
	internedID = 0x80
)

var (
	errTruncated = errors.New("the data ends before the value does")
	errTooDeep   = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errInterned  = errors.New("interned strings are not supported")
)

// validator walks over encoded values. It holds what would otherwise be allocated for each.
type validator struct {
	// payloads are the offsets, ascending, at which payloads of extensions begin in the data of the last validate.
	payloads []int
	// open has, for each container around the current one, how many values are still to come in it.
	open [maxDepth]int
}

// validate walks data once, without recursion, and returns nil if and only if it is exactly one well-formed value that
// is not nested too deeply and holds no interned strings.
//
// The whole of the data is walked before any of it is decoded. So the lengths in it add up to no more than its size:
// an element takes at least one byte, a pair of a map two.
func (w *validator) validate(data []byte) error {
	w.payloads = w.payloads[:0]
	pos := 0
	depth, owed := 0, 1 // owed is how many values are still to come in the innermost container
	for {
		for owed == 0 {
			if depth == 0 {
				if pos < len(data) {
					return fmt.Errorf("%d bytes after the value", len(data)-pos)
				}
				return nil
			}
			depth--
			owed = w.open[depth]
		}
		owed--
		if pos >= len(data) {
			return errTruncated
		}
		c := data[pos]
		pos++

		var size, items uint64 // bytes to skip, values to visit
		switch {
		case c < endFixInt || c >= startNegativeFixInt:
			continue
		case c < endFixMap:
			items = 2 * uint64(c&0x0f)
		case c < endFixArray:
			items = uint64(c & 0x0f)
		case c < endFixStr:
			size = uint64(c & 0x1f)
		default:
			h, err := readHeader(c, data[pos:])
			if err != nil {
				return err
			}
			pos += h.width
			if h.payload > 0 {
				w.payloads = append(w.payloads, pos+1)
			}
			size, items = h.size, h.items
		}
		// Compared as they are, without an addition that could overflow.
		if left := uint64(len(data) - pos); size > left || items > left {
			return errTruncated
		}
		pos += int(size)
		if items > 0 {
			if depth == maxDepth {
				return errTooDeep
			}
			w.open[depth] = owed
			depth++
			owed = int(items)
		}
	}
}

// header is what the start of a value says about the rest of it.
type header struct {
	width   int    // bytes of the length that follows the code
	size    uint64 // bytes after that which hold no values
	items   uint64 // values after that
	payload uint64 // of an extension: its size without the byte for its type
}

// readHeader reads the header of a value whose code c is at least endFixStr and below startNegativeFixInt. rest is
// what follows the code.
func readHeader(c byte, rest []byte) (header, error) {
	switch c {
	case codeNil, codeFalse, codeTrue:
		return header{}, nil
	case codeUint8, codeInt8:
		return header{size: 1}, nil
	case codeUint16, codeInt16:
		return header{size: 2}, nil
	case codeUint32, codeInt32, codeFloat32:
		return header{size: 4}, nil
	case codeUint64, codeInt64, codeFloat64:
		return header{size: 8}, nil
	case codeFixExt1, codeFixExt2, codeFixExt4, codeFixExt8, codeFixExt16:
		return extension(rest, 0, 1<<(c-codeFixExt1))
	}

	var width int
	switch c {
	case codeStr8, codeBin8, codeExt8:
		width = 1
	case codeStr16, codeBin16, codeExt16, codeArray16, codeMap16:
		width = 2
	case codeStr32, codeBin32, codeExt32, codeArray32, codeMap32:
		width = 4
	default:
		return header{}, fmt.Errorf("unknown code %#x", c)
	}
	if len(rest) < width {
		return header{}, errTruncated
	}
	var n uint64
	for _, b := range rest[:width] {
		n = n<<8 | uint64(b)
	}

	switch c {
	case codeArray16, codeArray32:
		return header{width: width, items: n}, nil
	case codeMap16, codeMap32:
		return header{width: width, items: 2 * n}, nil
	case codeExt8, codeExt16, codeExt32:
		return extension(rest, width, n)
	}
	return header{width: width, size: n}, nil
}

// extension returns the header of an extension with n bytes of payload, whose type stands after width bytes of rest.
func extension(rest []byte, width int, n uint64) (header, error) {
	if len(rest) <= width {
		return header{}, errTruncated
	}
	if rest[width] == internedID {
		return header{}, errInterned
	}
	return header{width: width, size: 1 + n, payload: n}, nil
}
