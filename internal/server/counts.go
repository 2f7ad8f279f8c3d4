package server

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

const (
	// maxLastError bounds the text of an endpoint's last error, in bytes. Strangers can choose it, and that of all
	// endpoints goes into one answer.
	maxLastError = 1 << 10

	// maxCodes is how many codes of an endpoint are told apart; the others count as 0. A handler may take them from
	// strangers.
	maxCodes = 64
)

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
	processing atomic.Int64 // nanoseconds
	queued     atomic.Int64 // nanoseconds, of the requests that waited
	unanswered atomic.Int64 // errors as well: requests that were refused without an answer

	mu       sync.Mutex // for what is below; a request that does not fail does without
	failed   int
	last     failure
	codes    map[int]int    // how many failed with each
	declared map[string]int // how many failed with each tag
}

// failure is what a caller has got instead of a reply.
type failure struct {
	code        int // 0 is none
	tag         string
	description string
}

func failureOf(e wire.ErrorReply) failure { return failure{e.Code, e.Type, e.Description} }

// fail counts n errors.
func (c *counts) fail(n int, f failure) {
	f.description = wire.CutText(f.description, maxLastError)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = f
	c.addLocked(n, f)
}

// failOtherwise counts an error in the place of one that was counted before.
func (c *counts) failOtherwise(before, f failure) {
	c.mu.Lock()
	c.addLocked(-1, before)
	c.mu.Unlock()
	c.fail(1, f)
}

func (c *counts) addLocked(n int, f failure) {
	if n == 0 {
		return
	}
	c.failed += n
	code := f.code
	if _, known := c.codes[code]; !known && (n < 0 || len(c.codes) >= maxCodes) { // what is taken back was counted
		code = 0
	}
	c.codes = addTo(c.codes, code, n)
	if f.tag != "" {
		c.declared = addTo(c.declared, f.tag, n)
	}
}

// addTo adds n to one number of m, which may be nil.
func addTo[K comparable](m map[K]int, key K, n int) map[K]int {
	if m == nil {
		m = make(map[K]int)
	}
	if m[key] += n; m[key] == 0 {
		delete(m, key)
	}
	return m
}

func (c *counts) read() Counts {
	c.mu.Lock() // before the requests are read, so that there are never more errors
	read := Counts{Errors: c.failed + int(c.unanswered.Load())}
	if c.last.code != 0 {
		read.LastError = wire.CutText(fmt.Sprintf("%d:%s", c.last.code, c.last.description), maxLastError)
	}
	c.mu.Unlock()
	read.Requests, read.Processing = int(c.requests.Load()), time.Duration(c.processing.Load())
	return read
}

// kinds returns how many errors there were of each code, and of each tag.
func (c *counts) kinds() (codes map[int]int, tags map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	codes, tags = maps.Clone(c.codes), maps.Clone(c.declared)
	if n := int(c.unanswered.Load()); n > 0 {
		codes = addTo(codes, wire.Overloaded().Code, n)
	}
	return codes, tags
}
