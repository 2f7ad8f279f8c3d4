package body

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/typednats/typednats/contract"
)

// Encode returns a value that [Parse] returned as MessagePack: bytes as binary where the schema says that text stands
// for them, times as timestamps, whole numbers as integers. Where the schema says nothing, a number without a fraction
// and exponent is an integer, and text is text.
func Encode(s *contract.Schema, value any, root string) ([]byte, error) {
	e := &encoder{walker: newWalker(s)}
	if err := e.encode(s, value, root); err != nil {
		return nil, err
	}
	return e.buf, nil
}

type encoder struct {
	*walker

	buf []byte
}

func (e *encoder) encode(s *contract.Schema, value any, path string) error {
	if !e.enter() {
		return fmt.Errorf("%s: %w", path, ErrTooMuch)
	}
	defer e.leave()
	s = e.meant(s, value)
	switch v := value.(type) {
	case nil:
		e.buf = append(e.buf, 0xc0)
	case bool:
		code := byte(0xc2)
		if v {
			code = 0xc3
		}
		e.buf = append(e.buf, code)
	case json.Number:
		return e.number(s, v, path)
	case string:
		return e.text(s, v, path)
	case []any:
		e.length(len(v), 0x90, 15, [3]byte{0, 0xdc, 0xdd})
		for i, element := range v {
			if err := e.encode(s.Items, element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		e.length(len(v), 0x80, 15, [3]byte{0, 0xde, 0xdf})
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := s.AdditionalProperties
			if property := s.Properties[name]; property != nil {
				below = property
				e.string(cmp.Or(property.MsgpackName, name))
			} else if err := e.encode(s.Keys, e.key(s.Keys, name), nameIn(path)); err != nil {
				return err
			}
			if err := e.encode(below, v[name], member(path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// meant follows references and alternatives to the schema that a value is meant to fit. It is never nil.
func (w *walker) meant(s *contract.Schema, value any) *contract.Schema {
	for range maxDepth {
		if s = w.resolve(s); s == nil {
			break
		}
		if len(s.AnyOf) == 0 {
			return s
		}
		var next *contract.Schema
		for _, option := range s.AnyOf {
			if w.fits(option, value) {
				next = option
				break
			}
			if r := w.resolve(option); next == nil && (r == nil || fitsType(r, value)) {
				next = option
			}
		}
		s = next
	}
	return new(contract.Schema)
}

// key returns what the name of a member stands for: itself if the schema of the keys does not say that it is something
// else, or it cannot be that.
func (w *walker) key(keys *contract.Schema, name string) any {
	if keys == nil {
		return name
	}
	var value any
	switch {
	case name == "true" || name == "false":
		value = name == "true"
	case isNumberText(name):
		value = json.Number(name)
	default:
		return name
	}
	if k := w.meant(keys, value); len(k.Types) == 0 || !fitsType(k, value) {
		return name
	}
	return value
}

// isNumberText reports whether text is a number as JSON writes it.
func isNumberText(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text)) &&
		!strings.ContainsAny(text, " \t\r\n")
}

func fitsType(s *contract.Schema, value any) bool {
	return len(s.Types) == 0 || slices.ContainsFunc(s.Types, func(t contract.Type) bool { return isOf(t, value) })
}

// number encodes a number: as an integer if the schema has integers only, or does not say and it is written as one.
func (e *encoder) number(s *contract.Schema, n json.Number, path string) error {
	isInteger, isNumber := slices.Contains(s.Types, contract.Integer), slices.Contains(s.Types, contract.Number)
	exact, ok := number(n)
	if !ok {
		return fmt.Errorf("%s: the number %s is too large", path, n)
	}
	if exact.IsInt() && !isNumber && (isInteger || !strings.ContainsAny(n.String(), ".eE")) {
		switch whole := exact.Num(); {
		case whole.IsInt64():
			e.integer(whole.Int64())
			return nil
		case whole.IsUint64():
			e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcf), whole.Uint64())
			return nil
		}
	}
	if s.Format == "float" {
		f, err := strconv.ParseFloat(n.String(), 32)
		if err != nil {
			return fmt.Errorf("%s: the number %s is too large for a float", path, n)
		}
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xca), math.Float32bits(float32(f)))
		return nil
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return fmt.Errorf("%s: the number %s is too large", path, n)
	}
	e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcb), math.Float64bits(f))
	return nil
}

func (e *encoder) integer(n int64) {
	switch {
	case n >= -32 && n <= math.MaxInt8:
		e.buf = append(e.buf, byte(n)) //nolint:gosec // that is the form of small integers
	case n >= 0:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcf), uint64(n))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xd3), uint64(n)) //nolint:gosec // the bits count
	}
}

// text encodes text, or what it stands for.
func (e *encoder) text(s *contract.Schema, text, path string) error {
	switch {
	case s.ContentEncoding == "base64":
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s: %.64q is not base64", path, text)
		}
		e.length(len(data), 0, -1, [3]byte{0xc4, 0xc5, 0xc6})
		e.buf = append(e.buf, data...)
	case s.Format == "date-time":
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fmt.Errorf("%s: %.64q is no time, such as 2006-01-02T15:04:05Z", path, text)
		}
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xc7, 12, 0xff), uint32(t.Nanosecond())) //nolint:gosec // it fits
		e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(t.Unix()))                               //nolint:gosec // the bits count
	default:
		e.string(text)
	}
	return nil
}

func (e *encoder) string(text string) {
	e.length(len(text), 0xa0, 31, [3]byte{0xd9, 0xda, 0xdb})
	e.buf = append(e.buf, text...)
}

// length appends the head of something that has a length: in the code itself up to short, else behind one of three
// codes. One that is 0 does not exist.
func (e *encoder) length(n int, base byte, short int, codes [3]byte) {
	switch {
	case n <= short:
		e.buf = append(e.buf, base|byte(n)) //nolint:gosec // it is 31 at most
	case n <= math.MaxUint8 && codes[0] != 0:
		e.buf = append(e.buf, codes[0], byte(n)) //nolint:gosec // it fits
	case n <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, codes[1]), uint16(n)) //nolint:gosec // it fits
	default:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, codes[2]), uint32(n)) //nolint:gosec // a body is shorter
	}
}
