package typednatstest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// cloneMsg copies what a request or a reply says.
func cloneMsg(m *nats.Msg) *nats.Msg {
	if m == nil {
		return nil
	}
	return &nats.Msg{Subject: m.Subject, Header: cloneHeader(m.Header), Data: bytes.Clone(m.Data)}
}

func cloneHeader(h nats.Header) nats.Header {
	if h == nil {
		return nil
	}
	next := make(nats.Header, len(h))
	for key, values := range h {
		next[key] = slices.Clone(values)
	}
	return next
}

// isNil reports whether there is no Requester, or only a nil pointer to one.
func isNil(r typednats.Requester) bool {
	if r == nil {
		return true
	}
	v := reflect.ValueOf(r)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func errNilRequester() error {
	return fmt.Errorf("%w: the Requester is nil", typednats.ErrInvalidConfig)
}
