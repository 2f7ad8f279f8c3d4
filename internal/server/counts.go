package server

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

// maxLastError bounds the text of an endpoint's last error, in bytes. Strangers can choose it, and that of all endpoints
// goes into one answer.
const maxLastError = 1 << 10

// Counts is what was counted for an endpoint since it was added, or since the last reset.
type Counts struct {
	Requests   int
	Errors     int
	LastError  string // code:description, as nats.go's micro writes it, cut to 1 KiB; "" if there was none
	Processing time.Duration
}

// counts is where it is counted, before the reply is sent: a caller that has its reply finds its request in the
// statistics. A reset replaces it, and a request keeps those that it was counted in when it came, so that it is on one
// side of the reset only.
type counts struct {
	requests   atomic.Int64
	processing atomic.Int64             // nanoseconds
	failures   atomic.Pointer[failures] // nil if there were none
	unanswered atomic.Int64             // errors as well: requests that were refused without an answer
}

// failures is a number of errors with the last of them.
type failures struct {
	number int
	last   string
}

// fail counts n errors, which have a code and a description.
func (c *counts) fail(n, code int, description string) {
	next := &failures{last: wire.CutText(fmt.Sprintf("%d:%s", code, description), maxLastError)}
	for {
		before := c.failures.Load()
		next.number = n
		if before != nil {
			next.number += before.number
		}
		if c.failures.CompareAndSwap(before, next) {
			return
		}
	}
}

func (c *counts) read() Counts {
	failed, unanswered := c.failures.Load(), c.unanswered.Load() // before the requests, so that there are never more
	read := Counts{
		Requests: int(c.requests.Load()), Errors: int(unanswered), Processing: time.Duration(c.processing.Load()),
	}
	if failed != nil {
		read.Errors += failed.number
		read.LastError = failed.last
	}
	return read
}
