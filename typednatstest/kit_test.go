package typednatstest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test.
const patience = 30 * time.Second

// fakeTB is a test inside a test, so that one can see another one fail and end.
type fakeTB struct {
	testing.TB

	ctx    context.Context //nolint:containedctx // a test has one
	cancel context.CancelFunc

	mu       sync.Mutex
	cleanups []func()
	lines    []string
	errors   []string
	fatal    string
	ended    bool
}

func newFakeTB(tb testing.TB) *fakeTB {
	tb.Helper()
	f := &fakeTB{TB: tb}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// run runs the test to its end, as package testing does.
func (f *fakeTB) run(test func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		test()
	}()
	<-done
	f.cancel()
	for {
		f.mu.Lock()
		if len(f.cleanups) == 0 {
			f.ended = true
			f.mu.Unlock()
			return
		}
		last := len(f.cleanups) - 1
		cleanup := f.cleanups[last]
		f.cleanups = slices.Delete(f.cleanups, last, last+1)
		f.mu.Unlock()
		cleanup()
	}
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Context() context.Context { return f.ctx }

func (f *fakeTB) Cleanup(cleanup func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleanups = append(f.cleanups, cleanup)
}

func (f *fakeTB) Log(args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		f.TB.Errorf("logged after the end of the test: %v", args)
	}
	f.lines = append(f.lines, fmt.Sprint(args...))
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.mu.Lock()
	f.fatal = fmt.Sprintf(format, args...)
	f.mu.Unlock()
	runtime.Goexit()
}

// logged returns all that was logged.
func (f *fakeTB) logged() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.lines, "\n")
}

// eventually waits until condition holds, for what there is no event of.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}
