package typednatstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/subject"
)

// Fault is something that goes wrong with calls through [Faults]. It is made by [NoResponders], [Timeout], [Code] or
// [Late], and strikes every call unless After, Times and On say otherwise, in any order. A Fault is an immutable value: it
// can be used again, and counts anew in each [Faults]. The zero value is a mistake.
type Fault struct {
	strike  strike
	after   int
	times   int    // 0 means without end
	subject string // "" means all
	bad     []error
}

// strike is what becomes of a call that a fault strikes. Its Requester is the one behind the faults.
type strike func(ctx context.Context, to typednats.Requester, msg *nats.Msg) (*nats.Msg, error)

// NoResponders is the fault of a service that is not there: the call fails with [nats.ErrNoResponders].
func NoResponders() Fault {
	return Fault{strike: func(context.Context, typednats.Requester, *nats.Msg) (*nats.Msg, error) {
		return nil, nats.ErrNoResponders
	}}
}

// Timeout is the fault of a reply that never comes: the call waits for the end of its context and fails with the
// context's error. Without a deadline it waits for [typednats.DefaultTimeout].
func Timeout() Fault {
	return Fault{strike: func(ctx context.Context, _ typednats.Requester, _ *nats.Msg) (*nats.Msg, error) {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, typednats.DefaultTimeout)
			defer cancel()
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// Code is the fault of a service that answers with an error code, at least 1, as a handler does that returns a
// [typednats.Errorf] with this code. The library's own codes are 400, 415, 500, 503 and 504.
func Code(code int) Fault {
	f := Fault{strike: func(context.Context, typednats.Requester, *nats.Msg) (*nats.Msg, error) {
		return &nats.Msg{Header: nats.Header{
			micro.ErrorHeader:     {"error " + strconv.Itoa(code)}, // what is sent for an error without a text
			micro.ErrorCodeHeader: {strconv.Itoa(code)},
		}}, nil
	}}
	return f.mistakeIf(code < 1, "Code(%d): want at least 1", code)
}

// Late is the fault of a slow network: the call is passed on after d, not negative. It fails with the context's error if
// the context ends first.
func Late(d time.Duration) Fault {
	f := Fault{strike: func(ctx context.Context, to typednats.Requester, msg *nats.Msg) (*nats.Msg, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return to.RequestMsgWithContext(ctx, msg)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	return f.mistakeIf(d < 0, "Late(%v): want at least 0", d)
}

// After lets the first n calls that come to the fault pass, before it strikes. n must not be negative; the default is 0.
// The last call of After counts.
func (f Fault) After(n int) Fault {
	f.after = n
	return f.mistakeIf(n < 0, "After(%d): want at least 0", n)
}

// Times bounds how many calls the fault strikes: n, at least 1, and then no more. Without Times there is no bound. The
// last call of Times counts.
func (f Fault) Times(n int) Fault {
	f.times = n
	return f.mistakeIf(n < 1, "Times(%d): want at least 1", n)
}

// On restricts the fault to calls to a subject, which may hold the wildcards * and >; the Subject of an endpoint will do.
// Without On it strikes calls to all subjects. The last call of On counts.
func (f Fault) On(pattern string) Fault {
	f.subject = pattern
	err := subject.Check(pattern)
	return f.mistakeIf(err != nil, "On(%q): %w", pattern, err)
}

func (f Fault) mistakeIf(bad bool, format string, args ...any) Fault {
	if bad {
		f.bad = append(slices.Clip(f.bad), fmt.Errorf(format, args...)) // Clip: copies share it
	}
	return f
}

// Faults returns a [typednats.Requester] in which calls go wrong before they come to r. A call meets the faults in their
// order. The first one that strikes decides what becomes of it, and those behind it neither see nor count it. A call that
// no fault strikes is passed on to r. A fault counts the calls to its subject that come to it; a call whose context has
// ended already is not made, nor counted. For a service that is busy twice and then fine, and for one that is gone after
// two calls:
//
//	Faults(r, Code(503).Times(2))
//	Faults(r, NoResponders().After(2))
//
// Mistakes in the faults, and an r that is nil, fail all calls with [typednats.ErrInvalidConfig]. The Requester is safe
// for concurrent use if r is. A [*typednats.Client] is an r as any other one; see [Record].
func Faults(r typednats.Requester, faults ...Fault) typednats.Requester {
	f := &faulty{to: r, faults: slices.Clone(faults), seen: make([]int, len(faults))}
	var mistakes []error
	if isNil(r) {
		mistakes = append(mistakes, errNilRequester())
	}
	for i, fault := range faults {
		bad := fault.bad
		if fault.strike == nil {
			bad = append(slices.Clip(bad), errors.New("it was not made by NoResponders, Timeout, Code or Late"))
		}
		for _, err := range bad {
			mistakes = append(mistakes, fmt.Errorf("%w: fault %d: %w", typednats.ErrInvalidConfig, i+1, err))
		}
	}
	f.bad = errors.Join(mistakes...)
	return f
}

// faulty is the Requester of [Faults].
type faulty struct {
	to     typednats.Requester
	faults []Fault
	bad    error

	mu   sync.Mutex
	seen []int // by each fault
}

// RequestMsgWithContext implements [typednats.Requester].
func (f *faulty) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	switch {
	case f.bad != nil:
		return nil, f.bad
	case ctx == nil:
		return nil, nats.ErrInvalidContext
	case msg == nil:
		return nil, nats.ErrInvalidMsg
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if strike := f.striking(msg.Subject); strike != nil {
		return strike(ctx, f.to, msg)
	}
	return f.to.RequestMsgWithContext(ctx, msg)
}

// striking shows a call to the faults and returns what the one does that strikes it, or nil.
func (f *faulty) striking(to string) strike {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.faults {
		if fault.subject != "" && !subject.Matches(fault.subject, to) {
			continue
		}
		f.seen[i]++
		number := f.seen[i] - fault.after // of those that it may strike
		if number > 0 && (fault.times == 0 || number <= fault.times) {
			return fault.strike
		}
	}
	return nil
}
