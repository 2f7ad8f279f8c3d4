package body

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/typednats/typednats/contract"
)

// errShort is returned for MessagePack that ends in the middle of a value.
var errShort = errors.New("it ends too early")

// Decode returns what MessagePack stands for as a value like those of [Parse]: binary as base64, a timestamp as text,
// keys that are no text as text. A number that JSON does not have is its name as text.
func Decode(s *contract.Schema, data []byte) (any, error) {
	d := &decoder{walker: newWalker(s), data: data}
	v, err := d.value()
	if err == nil && len(d.data) > 0 {
		err = errors.New("there is more behind the value")
	}
	if err != nil {
		return nil, fmt.Errorf("not MessagePack: byte %d: %w", len(data)-len(d.data), err)
	}
	return d.shape(s, v), nil
}

type decoder struct {
	*walker

	data []byte
}

// binaryText is what stood in MessagePack as binary.
type binaryText []byte

// take returns the next n bytes.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.data) {
		return nil, errShort
	}
	taken := d.data[:n]
	d.data = d.data[n:]
	return taken, nil
}

// uint takes a number of some bytes.
func (d *decoder) uint(width int) (uint64, error) {
	b, err := d.take(width)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[8-width:], b)
	return binary.BigEndian.Uint64(full[:]), nil
}

func (d *decoder) value() (any, error) {
	if !d.enter() {
		return nil, ErrTooMuch
	}
	defer d.leave()
	head, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch c := head[0]; {
	case c < 0x80 || c >= 0xe0:
		return json.Number(strconv.Itoa(int(int8(c)))), nil //nolint:gosec // that is the form of small integers
	case c < 0x90:
		return d.object(int(c & 15))
	case c < 0xa0:
		return d.array(int(c & 15))
	case c < 0xc0:
		return d.text(int(c & 31))
	case c == 0xc0:
		return nil, nil //nolint:nilnil // it is what the data says
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3, nil
	case c == 0xca || c == 0xcb:
		return d.float(c)
	case c >= 0xcc && c <= 0xcf:
		n, err := d.uint(1 << (c - 0xcc))
		return json.Number(strconv.FormatUint(n, 10)), err
	case c >= 0xd0 && c <= 0xd3:
		return d.signed(1 << (c - 0xd0))
	case c >= 0xd4 && c <= 0xd8:
		return d.extension(1 << (c - 0xd4))
	default:
		return d.sized(c)
	}
}

// sized takes a value whose length stands behind its code.
func (d *decoder) sized(c byte) (any, error) {
	of := func(first byte, smallest int) (int, error) {
		n, err := d.uint(smallest << (c - first))
		if n > uint64(len(d.data)) { // each element has a byte at least
			return 0, errShort
		}
		return int(n), err //nolint:gosec // it was compared
	}
	var n int
	var err error
	take := func(int) (any, error) { return nil, fmt.Errorf("the code 0x%02x means nothing", c) }
	switch {
	case c >= 0xc4 && c <= 0xc6:
		n, err = of(0xc4, 1)
		take = func(n int) (any, error) { b, err := d.take(n); return binaryText(b), err }
	case c >= 0xc7 && c <= 0xc9:
		n, err = of(0xc7, 1)
		take = d.extension
	case c >= 0xd9 && c <= 0xdb:
		n, err = of(0xd9, 1)
		take = d.text
	case c == 0xdc || c == 0xdd:
		n, err = of(0xdc, 2)
		take = d.array
	case c == 0xde || c == 0xdf:
		n, err = of(0xde, 2)
		take = d.object
	}
	if err != nil {
		return nil, err
	}
	return take(n)
}

func (d *decoder) signed(width int) (any, error) {
	n, err := d.uint(width)
	shift := 64 - 8*width
	return json.Number(strconv.FormatInt(int64(n)<<shift>>shift, 10)), err //nolint:gosec // the bits count
}

func (d *decoder) float(c byte) (any, error) {
	width := 4 << (c - 0xca)
	n, err := d.uint(width)
	if err != nil {
		return nil, err
	}
	f := math.Float64frombits(n)
	if width == 4 {
		f = float64(math.Float32frombits(uint32(n))) //nolint:gosec // it has four bytes
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64), nil
	}
	text, err := json.Marshal(f)
	if width == 4 {
		text, err = json.Marshal(float32(f))
	}
	return json.Number(text), err
}

func (d *decoder) text(n int) (any, error) {
	b, err := d.take(n)
	return string(b), err
}

func (d *decoder) array(n int) (any, error) {
	list := make([]any, 0, min(n, len(d.data)))
	for range n {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (d *decoder) object(n int) (any, error) {
	object := make(map[string]any, min(n, len(d.data)))
	for range n {
		k, err := d.value()
		if err != nil {
			return nil, err
		}
		name, err := keyText(k)
		if err != nil {
			return nil, err
		}
		if object[name], err = d.value(); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func keyText(key any) (string, error) {
	switch k := key.(type) {
	case string:
		return k, nil
	case binaryText:
		return string(k), nil
	case json.Number:
		return k.String(), nil
	case bool:
		return strconv.FormatBool(k), nil
	default:
		return "", errors.New("a map or an array as a key")
	}
}

// extension takes a timestamp, or what another extension holds.
func (d *decoder) extension(n int) (any, error) {
	kind, err := d.take(1)
	if err != nil {
		return nil, err
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	if kind[0] == 0xff {
		switch n {
		case 4:
			return timeText(int64(binary.BigEndian.Uint32(b)), 0), nil
		case 8:
			both := binary.BigEndian.Uint64(b)
			return timeText(int64(both&(1<<34-1)), int64(both>>34)), nil
		case 12:
			seconds := int64(binary.BigEndian.Uint64(b[4:])) //nolint:gosec // the bits count
			return timeText(seconds, int64(binary.BigEndian.Uint32(b))), nil
		}
	}
	id := json.Number(strconv.Itoa(int(int8(kind[0])))) //nolint:gosec // the bits count
	return map[string]any{"extension": id, "data": binaryText(b)}, nil
}

func timeText(seconds, nanos int64) string {
	return time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano)
}

// shapeKey gives the name of a member that has no schema of its own the form that its schema says. Bytes are in base64
// if they are no text.
func shapeKey(s *contract.Schema, name string) string {
	if s.Properties[name] == nil && (s.Keys != nil && s.Keys.ContentEncoding == "base64" || !utf8.ValidString(name)) {
		return base64.StdEncoding.EncodeToString([]byte(name))
	}
	return name
}

// shape gives a value the form that its schema says: names of members as in JSON, bytes in base64, binary that stands
// for text as text. Without a schema, binary is in base64.
func (d *decoder) shape(s *contract.Schema, value any) any {
	if !d.enter() {
		s = nil
	} else {
		defer d.leave()
	}
	s = d.meant(s, value)
	switch v := value.(type) {
	case binaryText:
		if slices.Contains(s.Types, contract.String) && s.ContentEncoding == "" && utf8.Valid(v) {
			return string(v)
		}
		return base64.StdEncoding.EncodeToString(v)
	case string:
		if s.ContentEncoding == "base64" {
			return base64.StdEncoding.EncodeToString([]byte(v))
		}
		return v
	case []any:
		for i := range v {
			v[i] = d.shape(s.Items, v[i])
		}
		return v
	case map[string]any:
		renamed := make(map[string]string)
		for name, property := range s.Properties {
			if property.MsgpackName != "" {
				renamed[property.MsgpackName] = name
			}
		}
		object := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := key
			if other, ok := renamed[key]; ok {
				name = other
			}
			below := s.AdditionalProperties
			if property := s.Properties[name]; property != nil {
				below = property
			}
			object[shapeKey(s, name)] = d.shape(below, v[key])
		}
		return object
	default:
		return value
	}
}
