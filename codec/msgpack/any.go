package msgpack

import (
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// decodeAny decodes into an any: into what the pointer that it holds points to, or else into a value of the type that the
// data has.
func decodeAny(d *decoder, v reflect.Value) error {
	if held := v.Elem(); held.Kind() == reflect.Pointer && !held.IsNil() && d.data[d.pos] != codeNil {
		if k := held.Type().Elem().Kind(); k != reflect.Pointer && k != reflect.Interface { // these may lead back here
			p := d.of(held.Type().Elem())
			if p.bad != nil {
				return p.bad
			}
			return p.decode(d, held.Elem())
		}
	}
	value, err := d.any()
	if err != nil {
		return err
	}
	if value == nil {
		v.SetZero()
	} else {
		v.Set(reflect.ValueOf(value))
	}
	return nil
}

// any takes a value of any kind.
func (d *decoder) any() (any, error) {
	c := d.code()
	if n, ok := d.mapLen(c); ok {
		return d.anyMap(n)
	}
	if n, ok := d.arrayLen(c); ok {
		return d.anySlice(n)
	}
	if b, ok := d.bytes(c); ok {
		return string(b), nil
	}
	switch c {
	case codeNil:
		return nil, nil //nolint:nilnil // it is what the data says
	case codeTrue, codeFalse:
		return c == codeTrue, nil
	case codeFloat32, codeFloat64:
		f, _ := d.float(c)
		return f, nil
	case codeUint8, codeUint16, codeUint32, codeUint64:
		n, _, _ := d.integer(c)
		return n, nil
	}
	if n, _, ok := d.integer(c); ok {
		return int64(n), nil
	}
	d.pos--
	return d.anyExtension()
}

func (d *decoder) anyMap(n int) (any, error) {
	m := make(map[string]any, n)
	for range n {
		key, ok := d.bytes(d.code())
		if !ok {
			return nil, in("[]", errKey)
		}
		name := string(key)
		value, err := d.any()
		if err != nil {
			return nil, in("[]", err)
		}
		m[name] = value
	}
	return m, nil
}

func (d *decoder) anySlice(n int) (any, error) {
	s := make([]any, n)
	for i := range s {
		value, err := d.any()
		if err != nil {
			return nil, inElement(i, err)
		}
		s[i] = value
	}
	return s, nil
}

// anyExtension takes a time, or an extension that is registered with the library.
func (d *decoder) anyExtension() (value any, err error) {
	if id, payload := d.peekExtension(); id == timeExtension {
		return readTime(payload, d.skip)
	}
	err = d.byLibrary(func(dec *msgpack.Decoder) error {
		value, err = dec.DecodeInterfaceLoose()
		return err
	})
	return value, err
}

// readTime reads the payload of a time, and skips the extension.
func readTime(payload []byte, skip func()) (any, error) {
	var t time.Time
	if err := parseTime(payload, &t); err != nil {
		return nil, err
	}
	skip()
	return t, nil
}
