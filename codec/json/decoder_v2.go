//go:build goexperiment.jsonv2

package json

import "encoding/json"

// decode is [json.Unmarshal], which has a pool of decoders in this build.
func decode(data []byte, v any) error { return json.Unmarshal(data, v) }
