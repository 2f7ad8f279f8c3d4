package server

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Host is what the runtime knows of the service that it runs. Its functions are called concurrently, and never under a
// lock of the runtime.
type Host struct {
	Conn         *nats.Conn
	Name, ID     string
	DrainTimeout time.Duration // how long a start that failed may take to be undone
	MaxRunning   int           // handlers of all endpoints at a time; 0 is no bound
	Answers      []Answer      // to questions about the service
	AnswerSize   int           // bytes of the largest of them, without endpoints
	Publishes    bool          // the documents of its endpoints
	Report       func(Report)  // returns at once, whoever it tells

	// Started is called on a goroutine of its own once requests are served. It returns when its context ends, which is when
	// the service is stopped. It may be nil.
	Started func(context.Context, *nats.Conn)
}

// Answer is what the service says when it is asked with one verb of the NATS service protocol (ADR-32).
type Answer struct {
	Verb micro.Verb
	Body func() any // becomes JSON; what does not fit into a message is shortened if it is a [Shortener]
}

// Shortener is what can say less.
type Shortener interface {
	// Shorten leaves something out. It reports false if nothing is left that could be.
	Shorten() bool
}

// Report is one error that stays inside the service.
type Report struct {
	Endpoint string // the name; "" if the error is about the service
	Subject  string // where the request was sent, or what the subscription is for
	Err      error
	ErrorID  string // that the caller has got instead, if it has
	Stack    []byte // of a panic, else nil

	OfRequest bool // the error is about one request, and not about all of the endpoint
}
