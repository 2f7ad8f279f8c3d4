package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
)

// stockIn asks a handler for N, or to fail with what the test keeps under Fail.
type stockIn struct {
	Fail string `json:"fail,omitempty"`
	N    int    `json:"n"`
}

type stockOut struct {
	N int `json:"n"`
}

// stockEndpoint is an endpoint of the contract that the tests of descriptors and errors use.
type stockEndpoint = typednats.Endpoint[stockIn, stockOut, stockError]

// stockCheck is that contract with one declared error, union with all kinds of Go types that an error can be.
var (
	stockCheck = typednats.NewEndpoint[stockIn, stockOut, stockError]("stock-check").FailsWith(noItem{})
	union      = typednats.NewEndpoint[stockIn, stockOut, stockError]("stock-check").FailsWith(
		noItem{}, &denied{}, &tooMany{}, reason(""), problems(nil), busy{}, &gone{}, shortage(nil))
)

// stockFailures are what most handlers of stockCheck can be asked to fail with.
var stockFailures = map[string]error{"missing": noItem{"bolt"}, "denied": &denied{"ann"}}

// bindStock binds a handler that answers with N or fails as the request asks.
func bindStock[E error](
	e typednats.Endpoint[stockIn, stockOut, E], failures map[string]error, opts ...typednats.HandlerOption,
) typednats.BoundEndpoint {
	return e.Handle(func(_ context.Context, in stockIn) (stockOut, error) {
		if in.Fail != "" {
			return stockOut{}, failures[in.Fail]
		}
		return stockOut{N: in.N}, nil
	}, opts...)
}

// stockError is the closed union of the errors of stockCheck.
type stockError interface {
	error
	stockError()
}

type noItem struct {
	Item string `json:"item"`
}

func (noItem) stockError()     {}
func (e noItem) Error() string { return "no item " + e.Item }

// denied is declared as a pointer; its methods would also serve the value.
type denied struct {
	User string `json:"user"`
}

func (denied) stockError()     {}
func (e denied) Error() string { return e.User + " may not" }

// tooMany only is an error as a pointer.
type tooMany struct {
	Max int `json:"max"`
}

func (*tooMany) stockError()     {}
func (e *tooMany) Error() string { return fmt.Sprintf("more than %d", e.Max) }
func (*tooMany) ErrorCode() int  { return 429 }

type reason string

func (reason) stockError()     {}
func (e reason) Error() string { return string(e) }

type problems []string

func (problems) stockError()     {}
func (e problems) Error() string { return strings.Join(e, ", ") }

type busy struct{}

func (busy) stockError()   {}
func (busy) Error() string { return "too busy" }

type gone struct{}

func (*gone) stockError()    {}
func (*gone) Error() string  { return "it is gone" }
func (*gone) ErrorCode() int { return 410 }

type shortage map[string]int

func (shortage) stockError()     {}
func (e shortage) Error() string { return fmt.Sprintf("%d items are short", len(e)) }
func (shortage) ErrorCode() int  { return 409 }

type generic[T any] struct{ Value T }

func (generic[T]) Error() string { return "generic" }
func (generic[T]) stockError()   {}

// serviceErrorOf takes the service error out of what a call returned.
func serviceErrorOf(tb testing.TB, name string, err error) typednats.ServiceError {
	tb.Helper()
	if _, ok := errors.AsType[*typednats.CallError](err); !ok {
		tb.Errorf("%s: %v, want a CallError", name, err)
	}
	se, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		tb.Fatalf("%s: %v, want a ServiceError", name, err)
	}
	reply := *se
	reply.Description = withoutID(reply.Description)
	return reply
}

// namedJSON is JSON under the name that a test gives it.
type namedJSON struct {
	contentType string
}

func (c *namedJSON) ContentType() string              { return c.contentType }
func (*namedJSON) Marshal(v any) ([]byte, error)      { return json.Codec.Marshal(v) }
func (*namedJSON) Unmarshal(data []byte, v any) error { return json.Codec.Unmarshal(data, v) }

// signedJSON writes its name before JSON, so that a body shows who wrote it.
type signedJSON struct {
	contentType string
}

func (c signedJSON) ContentType() string { return c.contentType }

func (c signedJSON) Marshal(v any) ([]byte, error) {
	body, err := json.Codec.Marshal(v)
	return append([]byte(c.contentType+":"), body...), err
}

func (c signedJSON) Unmarshal(data []byte, v any) error {
	body, ok := strings.CutPrefix(string(data), c.contentType+":")
	if !ok {
		return fmt.Errorf("%q was not written by %s", data, c.contentType)
	}
	return json.Codec.Unmarshal([]byte(body), v)
}
