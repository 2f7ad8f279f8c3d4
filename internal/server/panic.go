package server

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic as an error.
type PanicError struct {
	Value any    // that was panicked with
	Stack []byte // of the goroutine, as [debug.Stack] formats it
}

// NewPanicError returns the error of a panic that was recovered. It must be called by the function that recovered it,
// or by one that this calls: the stack still holds what panicked.
func NewPanicError(recovered any) *PanicError {
	return &PanicError{Value: recovered, Stack: debug.Stack()}
}

// Error says what was panicked with. The stack is left out: it would be in the way of a line.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the error that was panicked with, or nil if it was something else.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
