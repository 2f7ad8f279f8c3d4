package msgpack

import (
	"fmt"
	"strings"
)

var errCycle = fmt.Errorf("the value is nested deeper than %d levels, or contains itself", maxDepth)

// valueError is what is wrong with one value, and where it is. It names fields as they are on the wire: it may be shown to
// whoever sent the value.
type valueError struct {
	path string
	err  error
}

func (e *valueError) Error() string {
	if e.path == "" {
		return "msgpack: " + e.err.Error()
	}
	return "msgpack: " + e.path + ": " + e.err.Error()
}

func (e *valueError) Unwrap() error { return e.err }

// in puts what is around a value in front of the place where something is wrong. The outermost place is empty.
func in(place string, err error) error {
	inner, ok := err.(*valueError) //nolint:errorlint // one that is wrapped is somebody else's
	switch {
	case !ok:
		return &valueError{place, err}
	case place == "":
	case inner.path == "" || strings.HasPrefix(inner.path, "["):
		inner.path = place + inner.path
	default:
		inner.path = place + "." + inner.path
	}
	return inner
}

// inElement is in for an element of an array.
func inElement(i int, err error) error { return in(fmt.Sprintf("[%d]", i), err) }

// mismatch is the error of a value with code c where another kind of value belongs.
func mismatch(c byte, want string) error {
	return fmt.Errorf("%s where %s belongs", kindOf(c), want)
}

// kindOf names the kind of value that begins with c.
func kindOf(c byte) string {
	switch {
	case c < endFixInt, c >= startNegativeFixInt, c >= codeUint8 && c <= codeInt64:
		return "an integer"
	case c < endFixMap, c == codeMap16, c == codeMap32:
		return "a map"
	case c < endFixArray, c == codeArray16, c == codeArray32:
		return "an array"
	case c < endFixStr, c >= codeStr8 && c <= codeStr32:
		return "text"
	case c >= codeBin8 && c <= codeBin32:
		return "bytes"
	case c == codeFloat32, c == codeFloat64:
		return "a fraction"
	case c == codeFalse, c == codeTrue:
		return "a boolean"
	case c == codeNil:
		return "nil"
	default:
		return "an extension"
	}
}
