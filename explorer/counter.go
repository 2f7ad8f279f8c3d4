package explorer

import (
	"time"

	"github.com/nats-io/nats.go/micro"
)

// reading is what one instance has counted on one endpoint since it started.
type reading struct {
	requests, errors int
	busy             time.Duration
	lastError        string
}

func readingOf(s *micro.EndpointStats) reading {
	return reading{s.NumRequests, s.NumErrors, s.ProcessingTime, clip(s.LastError, maxWords)}
}

// plus adds what another endpoint of the same name and subject has counted.
func (r reading) plus(other reading) reading {
	if other.lastError == "" {
		other.lastError = r.lastError
	}
	return reading{r.requests + other.requests, r.errors + other.errors, r.busy + other.busy, other.lastError}
}

// rates is what happens in a second. The mean time of a request is busy divided by requests.
type rates struct {
	requests, errors float64
	busy             float64 // seconds spent on requests
}

func (x rates) plus(y rates) rates {
	return rates{x.requests + y.requests, x.errors + y.errors, x.busy + y.busy}
}

// since returns the rates between two readings. It is false if they cannot be compared: a counter that falls, or is below
// zero, has been started again, and nobody knows how far it had come before that.
func (r reading) since(before reading, took time.Duration) (rates, bool) {
	falls := r.requests < before.requests || r.errors < before.errors || r.busy < before.busy
	if falls || before.requests < 0 || before.errors < 0 || before.busy < 0 || took <= 0 {
		return rates{}, false
	}
	seconds := took.Seconds()
	return rates{
		requests: float64(r.requests-before.requests) / seconds,
		errors:   float64(r.errors-before.errors) / seconds,
		busy:     (r.busy - before.busy).Seconds() / seconds,
	}, true
}
