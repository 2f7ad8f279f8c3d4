//go:build goexperiment.jsonv2

package json

import (
	"encoding/json"
	"reflect"
)

// decode is [json.Unmarshal], which has a pool of decoders in this build.
func decode(data []byte, v any) error { return json.Unmarshal(data, v) }

// pathOf returns the path to a field, in which this build has the names that are sent, and no others.
func pathOf(_ reflect.Type, path string) string { return path }
