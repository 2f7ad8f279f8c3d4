package explorer

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go"
)

const (
	defaultMaxInstances = 500
	defaultMaxEndpoints = 1000
)

// Option changes what the page of a [Handler] shows and does. A nil Option is a mistake, which the page reports.
type Option func(*settings)

// WithMaxInstances bounds how many instances of one service are listed, overriding the default of 500. Those beyond are
// counted, and so is what they do. It must be more than zero.
func WithMaxInstances(n int) Option {
	return func(s *settings) { s.maxInstances = n }
}

// WithMaxEndpoints bounds how many endpoints are shown in all, and how many services, overriding the default of 1,000. The
// page says if there are more. A plot for each takes 6 KB of memory. It must be more than zero.
func WithMaxEndpoints(n int) Option {
	return func(s *settings) { s.maxEndpoints = n }
}

// WithCalls adds a form that calls an endpoint. For each call allow is asked with the request of the browser: with nil the
// call is made, with an error it is not, and whoever asked sees the text of the error. Who may open the page is not allow's
// business: put a handler around it. A nil allow is a mistake.
//
// Without this option there is no form, and no route that calls anything. With it, calls go to endpoints that the page
// shows, and to no other subject. allow must be safe for concurrent use.
func WithCalls(allow func(*http.Request) error) Option {
	return func(s *settings) { s.calls, s.allow = true, allow }
}

type settings struct {
	maxInstances int
	maxEndpoints int
	calls        bool
	allow        func(*http.Request) error
	nilOptions   []int // which options were nil, the first being 1
}

func newSettings(opts []Option) settings {
	s := settings{maxInstances: defaultMaxInstances, maxEndpoints: defaultMaxEndpoints}
	for i, opt := range opts {
		if opt == nil {
			s.nilOptions = append(s.nilOptions, i+1)
			continue
		}
		opt(&s)
	}
	return s
}

// validate reports everything that is wrong with s and the connection.
func (s *settings) validate(nc *nats.Conn) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("explorer: "+format, args...)) }
	if nc == nil {
		refuse("no connection: %w", nats.ErrInvalidConnection)
	}
	for _, number := range s.nilOptions {
		refuse("option %d is nil", number)
	}
	if s.maxInstances <= 0 {
		refuse("WithMaxInstances(%d): must be more than zero", s.maxInstances)
	}
	if s.maxEndpoints <= 0 {
		refuse("WithMaxEndpoints(%d): must be more than zero", s.maxEndpoints)
	}
	if s.calls && s.allow == nil {
		refuse("WithCalls(nil): want a function that allows calls")
	}
	return errors.Join(errs...)
}
