package typednatstest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// newLogger returns a logger that writes to the test's log until the test ends. Afterwards it writes nothing, because
// package testing panics then.
func newLogger(tb testing.TB) *slog.Logger {
	tb.Helper()
	log := &testLog{tb: tb}
	tb.Cleanup(log.end)
	return slog.New(logHandler{log: log})
}

// testLog is the log of a test.
type testLog struct {
	tb testing.TB

	mu    sync.Mutex
	ended bool
}

func (l *testLog) write(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.tb.Log(text)
	}
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// logHandler is a [slog.Handler] that writes each record as one entry. Values of several lines, such as the stack of a
// panic, stay as they are: a person reads them.
type logHandler struct {
	log   *testLog
	attrs []slog.Attr // of WithAttrs, with the names of their groups
	group string      // of WithGroup, with a dot at the end
}

// Enabled implements [slog.Handler].
func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, h.named(a))
		return true
	})
	var line, lines strings.Builder
	fmt.Fprintf(&line, "%v %s", r.Level, r.Message)
	for _, a := range attrs {
		if value := a.Value.String(); strings.Contains(value, "\n") {
			fmt.Fprintf(&lines, "\n%s:\n%s", a.Key, strings.TrimRight(value, "\n"))
		} else {
			fmt.Fprintf(&line, " %s=%q", a.Key, value)
		}
	}
	h.log.write(line.String() + lines.String())
	return nil
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		h.attrs = append(h.attrs, h.named(a))
	}
	return h
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

// named is an attribute with the names of its groups.
func (h logHandler) named(a slog.Attr) slog.Attr {
	return slog.Attr{Key: h.group + a.Key, Value: a.Value.Resolve()}
}
