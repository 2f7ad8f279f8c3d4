package typednatstest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

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

// matches reports whether a message on the concrete subject reaches a subscription on pattern.
func matches(pattern, subject string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case i == len(have):
			return false
		case token == ">":
			return true
		case token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}

// checkPattern reports what is wrong with a subject that may hold wildcards.
func checkPattern(pattern string) error {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		switch {
		case token == "":
			return errors.New("a token is empty")
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return errors.New("it holds a space or a control character")
		case token == ">" && i < len(tokens)-1:
			return errors.New("> is only allowed as the last token")
		case len(token) > 1 && strings.ContainsAny(token, "*>"):
			return errors.New("a wildcard is a token of its own")
		}
	}
	return nil
}
