package typednats_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// ending is the end of a call that runs beside the test.
type ending struct {
	out note
	err error
}

// callAsync makes a call beside the test.
func callAsync(
	ctx context.Context, r typednats.Requester, e typednats.Endpoint[note, note, missing], in note,
) <-chan ending {
	done := make(chan ending, 1)
	go func() {
		out, err := typednats.RequestService(ctx, r, e, in)
		done <- ending{out, err}
	}()
	return done
}

// async runs f beside the test.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// requestsOf is how many requests an endpoint has received.
func requestsOf(s *typednats.Service, endpoint string) int {
	stats, _ := s.EndpointStats(endpoint)
	return stats.NumRequests
}

// mixed is a handler that ends as its request says.
func mixed(ctx context.Context, in note) (note, error) {
	switch in.Text {
	case "declared":
		return note{}, missing{"nut"}
	case "service":
		return note{}, typednats.Errorf(403, "no")
	case "undeclared":
		return note{}, errors.New("secret")
	case "panic":
		panic("boom")
	case "goexit":
		runtime.Goexit()
	}
	return in, nil
}

// nobodyServes fails the test if the server has a subscriber for the subject.
func nobodyServes(tb testing.TB, nc *nats.Conn, subject string) {
	tb.Helper()
	if _, err := nc.RequestWithContext(within(tb), subject, nil); !errors.Is(err, nats.ErrNoResponders) {
		tb.Errorf("request %q = %v, want ErrNoResponders", subject, err)
	}
}

// keepDraining begins to drain the connection, which takes until the function that it returns is called.
func keepDraining(tb testing.TB, nc *nats.Conn) (release func()) {
	tb.Helper()
	busy, open := make(chan struct{}), make(chan struct{})
	sub, err := nc.Subscribe(nc.NewInbox(), func(*nats.Msg) {
		close(busy)
		<-open
	})
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	if err := nc.Publish(sub.Subject, nil); err != nil {
		tb.Fatalf("publish: %v", err)
	}
	await(tb, busy, "the subscription to be busy")
	if err := nc.Drain(); err != nil {
		tb.Fatalf("drain: %v", err)
	}
	return func() { close(open) }
}

// reconnecting is the options of a connection that comes back soon and never gives up.
func reconnecting(opts ...nats.Option) []nats.Option {
	return append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(10 * time.Millisecond), nats.ReconnectJitter(0, 0), quietly(),
	}, opts...)
}

// signal returns a handler that tells of an event, and where it tells.
func signal() (nats.ConnHandler, <-chan struct{}) {
	events := make(chan struct{}, 1)
	return func(*nats.Conn) {
		select {
		case events <- struct{}{}:
		default:
		}
	}, events
}

// quietly is a connection's option to say nothing of what the server refuses: nats.go prints it otherwise.
func quietly() nats.Option {
	return nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
}

// goroutines labels the goroutine of the test and returns a count of those that it has started since, directly or
// not, itself included. Other tests run at the same time, so the count of all goroutines says nothing.
func goroutines(tb testing.TB) func() int {
	tb.Helper()
	label := "test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	pprof.SetGoroutineLabels(pprof.WithLabels(tb.Context(), pprof.Labels("test", label)))
	return func() int {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			tb.Error(err)
		}
		n := 0
		for stack := range strings.SplitSeq(profile.String(), "\n\n") {
			if !strings.Contains(stack, label) {
				continue
			}
			first := strings.TrimLeft(stack, "\n")
			if strings.HasPrefix(first, "goroutine profile:") {
				_, first, _ = strings.Cut(first, "\n")
			}
			count, _, _ := strings.Cut(first, " ")
			same, err := strconv.Atoi(count)
			if err != nil {
				tb.Errorf("count of goroutines in %q: %v", first, err)
			}
			n += same
		}
		return n
	}
}

// heapInUse is what is in use after a collection, by all tests that run now.
func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
