package wire

import (
	"errors"
	"fmt"
	"strings"
)

// maxTag bounds a wire tag, in bytes.
const maxTag = 256

// CheckTag reports what is wrong with the wire tag of a declared error, which must survive being a header's value.
func CheckTag(tag string) error {
	switch {
	case tag == "":
		return errors.New("it is empty")
	case len(tag) > maxTag:
		return fmt.Errorf("it has %d bytes, more than %d", len(tag), maxTag)
	case strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("want printable ASCII without spaces")
	}
	return nil
}
