package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What a document may have. Both bounds are far above what a contract needs: the largest that the tests make has 40 KB.
const (
	maxSize  = 1 << 20
	maxDepth = 64
)

// errTooLarge and errTooDeep say that a document exceeds them.
var (
	errTooLarge = errors.New("larger than 1 MiB")
	errTooDeep  = errors.New("nested more than 64 deep")
)

// parseTree reads JSON into nil, bool, json.Number, string, []any and map[string]any. It is stricter than encoding/json:
// it bounds the depth, so that everything behind it may recurse, and it refuses a name that stands twice in an object,
// which every reader would take for something else.
func parseTree(data []byte) (any, error) {
	if len(data) > maxSize {
		return nil, errTooLarge
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	tree, err := parseValue(d, maxDepth)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return tree, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errTooDeep
	}
	if delim == '{' {
		return parseObject(d, depth-1)
	}
	return parseArray(d, depth-1)
}

func parseObject(d *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", token)
		}
		if _, again := object[name]; again {
			return nil, fmt.Errorf("%s stands twice in one object", quote(name))
		}
		value, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		object[name] = value
	}
	_, err := d.Token()
	return object, err
}

func parseArray(d *json.Decoder, depth int) (any, error) {
	array := []any{}
	for d.More() {
		value, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token()
	return array, err
}
