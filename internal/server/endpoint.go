package server

import (
	"context"
	"time"
)

// Endpoint is what the runtime knows of an endpoint.
type Endpoint struct {
	Name       string
	Subject    string            // may hold wildcards
	QueueGroup string            // "" if each instance is to get each request
	Metadata   map[string]string // for $SRV.INFO
	Document   func() Document   // that describes it; it is called when somebody asks. nil if there is none
	AnswerSize int               // bytes that it takes at most in an answer about the service, if that is short

	Timeout time.Duration // the most that a request may take, the wait in the queue included; 0 means no bound

	MaxConcurrent   int // handlers at a time
	MaxPending      int // requests that wait for a handler
	MaxPendingBytes int // of their headers and bodies together; 0 means that no request waits

	Operation Operation
	Watcher   Watcher // nil if nobody wants to know
}

// Document describes an endpoint. The zero value is none.
type Document struct {
	Name string // by which it is asked for, one token of a subject
	Body []byte
}

// Operation is what an endpoint does with its requests.
type Operation interface {
	// Prepare calls [Request.Begin] for a request that got its slot, with what its handler needs. That can be large, so
	// a request that waits, or is refused, has none of it.
	Prepare(parent context.Context, r *Request)

	// Serve takes a request that was prepared to its outcome, and calls [Request.Handled] on the way if it runs a
	// handler. It runs the user's code: it may take its time, panic, and end its goroutine.
	Serve(r *Request) Outcome
}
