package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// What is wrong with single values.
var (
	errAtIsForClients = errors.New("At is for clients; bind a handler to the endpoint without it")
	errAtLeastOne     = errors.New("want at least 1")
	errEmpty          = errors.New("it is empty")
	errNegative       = errors.New("it is negative")
	errNil            = errors.New("it is nil")
	errNotPositive    = errors.New("want a positive duration")
)

// mistakes collects what is wrong with a descriptor, a configuration or options, so that all of it is reported at once.
type mistakes []error

// add records err, if there is one, as being about the value of a field.
func (m *mistakes) add(field, value string, err error) {
	if err != nil {
		*m = append(*m, fmt.Errorf("%s %q: %w", field, value, err))
	}
}

// join returns the mistakes, each after what they are about, or nil.
func (m *mistakes) join(about error) error {
	wrapped := slices.Clone(*m)
	for i, err := range *m {
		wrapped[i] = fmt.Errorf("%w: %w", about, err)
	}
	return errors.Join(wrapped...)
}

// isNil reports whether an interface holds nothing, or a nil pointer or function, which could only panic when it is
// used.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer, reflect.Func:
		return rv.IsNil()
	default:
		return false
	}
}

// applyAll applies options, and records those that are nil by their place.
func applyAll[O comparable](opts []O, kind string, m *mistakes, apply func(O)) {
	var none O
	for i, opt := range opts {
		if opt == none {
			m.add(kind, fmt.Sprint(i), errNil)
			continue
		}
		apply(opt)
	}
}
