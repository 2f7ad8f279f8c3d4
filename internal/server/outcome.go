package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/buffer"
	"github.com/typednats/typednats/internal/wire"
)

// errorIDLength is enough for a log: two of a million errors are alike once in two million such logs.
const errorIDLength = 12

// Reply is one message to the caller.
type Reply struct {
	Header nats.Header
	Body   []byte
	Buffer *buffer.Buffer // that Body is in, to be used again once it was sent; nil if there is none
}

// Outcome is how a request ended: the last reply to its caller, what is counted, and what only the service's owner
// learns.
type Outcome struct {
	Reply

	Code        int // 0 is success
	Description string

	Cause   error  // reported, never sent
	ErrorID string // with which its caller can ask for it
	Stack   []byte // of a panic

	Tag        string // of a declared error
	Err        error  // what the handler, or what came before it, has failed with; nil if the library has refused the request
	Unanswered bool   // nobody answered: the connection was closed
}

// Fail is the outcome of a request that ends with an error that is not a declared one.
func Fail(e wire.ErrorReply) Outcome {
	if e.Description = wire.CleanDescription(e.Description, ""); e.Description == "" {
		e.Description = fmt.Sprintf("error %d", e.Code)
	}
	return Outcome{Reply: Reply{Header: e.Header()}, Code: e.Code, Description: e.Description}
}

// FailFor is the outcome of a request whose caller gets e with an id, and whose cause stays here, under that id.
func FailFor(e wire.ErrorReply, cause error) Outcome {
	id := rand.Text()[:errorIDLength]
	e.Description += ", id " + id
	out := Fail(e)
	out.Cause, out.ErrorID = cause, id
	return out
}

// crash is the outcome of a request whose handler, or codec, did not return.
func crash(recovered any) Outcome {
	cause := errors.New("the handler ended its goroutine")
	if recovered != nil {
		cause = NewPanicError(recovered)
	}
	out := FailFor(wire.Internal(), cause)
	out.Stack = debug.Stack()
	return out
}
