// Package schematest is for the tests of what describes types: a validator for the keywords that internal/schema writes,
// and types of all kinds, with values.
package schematest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Parse reads JSON with exact numbers.
func Parse(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// Validate returns why a value, as [Parse] reads it, is not what a schema describes. A keyword that it does not know is an
// error, too.
func Validate(schema json.RawMessage, value any) error {
	parsed, err := Parse(schema)
	if err != nil {
		return err
	}
	root, ok := parsed.(map[string]any)
	if !ok {
		return errors.New("the schema is no object")
	}
	defs, _ := root["$defs"].(map[string]any)
	return validator{defs}.check(root, value, "")
}

type validator struct{ defs map[string]any }

func (v validator) check(schema map[string]any, value any, path string) error {
	for keyword, arg := range schema {
		var err error
		switch keyword {
		case "$defs", "description", "deprecated", "examples":
		case "$ref":
			name, _ := strings.CutPrefix(fmt.Sprint(arg), "#/$defs/")
			def, ok := v.defs[name].(map[string]any)
			if !ok {
				return fmt.Errorf("%s: no %v", path, arg)
			}
			err = v.check(def, value, path)
		case "type":
			err = checkType(arg, value)
		case "enum":
			err = checkEnum(arg, value)
		case "anyOf":
			err = v.checkAny(arg, value, path)
		case "properties", "required", "additionalProperties", "x-keys":
			if object, ok := value.(map[string]any); ok {
				err = v.checkObject(keyword, arg, schema, object, path)
			}
		case "items", "minItems", "maxItems":
			if list, ok := value.([]any); ok {
				err = v.checkList(keyword, arg, list, path)
			}
		case "minimum", "maximum":
			err = checkBound(keyword, arg, value)
		case "format":
			err = checkFormat(arg, value)
		case "contentEncoding":
			if text, ok := value.(string); ok {
				_, err = base64.StdEncoding.DecodeString(text)
			}
		default:
			err = errors.New("not known")
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", path, keyword, err)
		}
	}
	return nil
}

func checkType(arg, value any) error {
	names, ok := arg.([]any)
	if !ok {
		names = []any{arg}
	}
	for _, name := range names {
		switch value := value.(type) {
		case nil:
			ok = name == "null"
		case bool:
			ok = name == "boolean"
		case string:
			ok = name == "string"
		case []any:
			ok = name == "array"
		case map[string]any:
			ok = name == "object"
		case json.Number:
			n, isNumber := new(big.Rat).SetString(string(value))
			ok = isNumber && (name == "number" || name == "integer" && n.IsInt())
		}
		if ok {
			return nil
		}
	}
	return fmt.Errorf("%v is none of %v", value, names)
}

func checkEnum(arg, value any) error {
	values, _ := arg.([]any)
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("%v is none of %v", value, values)
}

func (v validator) checkAny(arg, value any, path string) error {
	options, _ := arg.([]any)
	var errs []error
	for _, option := range options {
		schema, _ := option.(map[string]any)
		err := v.check(schema, value, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (v validator) checkObject(keyword string, arg any, schema, object map[string]any, path string) error {
	properties, _ := schema["properties"].(map[string]any)
	switch keyword {
	case "required":
		names, _ := arg.([]any)
		for _, name := range names {
			if _, ok := object[fmt.Sprint(name)]; !ok {
				return fmt.Errorf("no %v", name)
			}
		}
		return nil
	case "properties":
		for name, value := range object {
			property, ok := properties[name].(map[string]any)
			if !ok && schema["additionalProperties"] == nil { // stricter than JSON Schema: nothing is written that is not described
				return fmt.Errorf("%q is not described", name)
			}
			if err := v.check(property, value, path+"."+name); err != nil {
				return err
			}
		}
		return nil
	case "x-keys":
		keys, _ := arg.(map[string]any)
		for name := range object {
			key := any(name)
			if keys["type"] != "string" {
				var err error
				if key, err = Parse([]byte(name)); err != nil {
					return fmt.Errorf("the key %q: %w", name, err)
				}
			}
			if err := v.check(keys, key, path+" key "+name); err != nil {
				return err
			}
		}
		return nil
	default:
		additional, _ := arg.(map[string]any)
		for name, value := range object {
			if properties[name] != nil {
				continue
			}
			if err := v.check(additional, value, path+"."+name); err != nil {
				return err
			}
		}
		return nil
	}
}

func (v validator) checkList(keyword string, arg any, list []any, path string) error {
	switch keyword {
	case "items":
		items, _ := arg.(map[string]any)
		for i, value := range list {
			if err := v.check(items, value, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	default:
		bound := rational(arg)
		return outside(keyword == "minItems", new(big.Rat).SetInt64(int64(len(list))), bound)
	}
}

func checkBound(keyword string, arg, value any) error {
	n, ok := value.(json.Number)
	if !ok {
		return nil
	}
	return outside(keyword == "minimum", rational(n), rational(arg))
}

func rational(v any) *big.Rat {
	n, _ := new(big.Rat).SetString(fmt.Sprint(v))
	return n
}

func outside(isLower bool, n, bound *big.Rat) error {
	if c := n.Cmp(bound); isLower && c < 0 || !isLower && c > 0 {
		return fmt.Errorf("%v is outside of %v", n, bound)
	}
	return nil
}

func checkFormat(arg, value any) error {
	switch value := value.(type) {
	case string:
		if arg != "date-time" {
			return fmt.Errorf("format %v of text", arg)
		}
		_, err := time.Parse(time.RFC3339Nano, value)
		return err
	case json.Number:
		n := rational(value)
		bits := map[any][2]int{"int64": {63, 63}, "uint64": {0, 64}}
		bound, ok := bits[arg]
		if !ok || arg == "float" || arg == "double" {
			return nil
		}
		power := func(bits int) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(bits))) }
		if n.Cmp(power(bound[1])) >= 0 || n.Sign() < 0 && (arg == "uint64" || n.Cmp(power(63).Neg(power(63))) < 0) {
			return fmt.Errorf("%v does not fit", n)
		}
		return nil
	default:
		return nil
	}
}
