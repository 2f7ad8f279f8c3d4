package typednatstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
)

// lines is a test that keeps what is logged.
type lines struct {
	testing.TB

	cleanup func()
	logged  []string
	failed  bool
}

func (l *lines) Helper() {}

func (l *lines) Cleanup(f func()) { l.cleanup = f }

func (l *lines) Log(args ...any) { l.logged = append(l.logged, args[0].(string)) }

func (l *lines) Errorf(string, ...any) { l.failed = true }

func TestLogger(t *testing.T) {
	t.Parallel()
	tb := &lines{TB: t}
	logger := newLogger(tb)
	logger.Debug("quiet")
	logger.Info("two", "a", 1, "b", "x y")
	logger.Error("long", "stack", "line 1\nline 2\n", "last", true)
	with := logger.With("service", "s").WithGroup("").WithGroup("g").With("a", 1).WithGroup("h")
	with.Info("grouped", "b", 2)
	logger.Info("apart")
	want := []string{
		"DEBUG quiet",
		`INFO two a="1" b="x y"`,
		"ERROR long last=\"true\"\nstack:\nline 1\nline 2",
		`INFO grouped service="s" g.a="1" g.h.b="2"`,
		"INFO apart",
	}
	if diff := cmp.Diff(want, tb.logged); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	tb.cleanup()
	logger.Info("after the end")
	with.Info("after the end")
	if diff := cmp.Diff(want, tb.logged); diff != "" {
		t.Errorf("log after the end (-want +got):\n%s", diff)
	}
}

// TestLoggersDoNotShareAttributes: two loggers made from one keep their own.
func TestLoggersDoNotShareAttributes(t *testing.T) {
	t.Parallel()
	tb := &lines{TB: t}
	base := newLogger(tb).With("a", 1).With("b", 2).With("c", 3)
	first, second := base.With("d", "first"), base.With("d", "second")
	first.Info("m", "e", 1)
	second.Info("m")
	want := []string{`INFO m a="1" b="2" c="3" d="first" e="1"`, `INFO m a="1" b="2" c="3" d="second"`}
	var all sync.WaitGroup
	for i := range 4 { // each appends to the attributes of one logger
		for range 50 {
			want = append(want, fmt.Sprintf(`INFO m a="1" b="2" c="3" i="%d"`, i))
		}
		all.Go(func() {
			for range 50 {
				base.Info("m", "i", i)
			}
		})
	}
	all.Wait()
	slices.Sort(want[2:])
	slices.Sort(tb.logged[2:])
	if diff := cmp.Diff(want, tb.logged); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// TestStuckHandlerFailsTheTest: the service is given up, and what the handler returns after the end is not logged.
func TestStuckHandlerFailsTheTest(t *testing.T) {
	t.Parallel()
	tb := &lines{TB: t}
	logger := newLogger(tb)
	entered, leave := make(chan struct{}), make(chan struct{})
	nc := Server(t)
	e := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("stuck")
	cfg := typednats.ServiceConfig{Name: "stuck", Version: "1.0.0", Logger: logger}
	svc, err := typednats.NewService(nc, cfg, e.Handle(func(context.Context, struct{}) (struct{}, error) {
		close(entered)
		<-leave
		panic("too late")
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("stuck", nc.NewInbox(), nil); err != nil {
		t.Fatal(err)
	}
	<-entered
	stopService(tb, svc, time.Millisecond)
	if !tb.failed {
		t.Error("the test did not fail")
	}
	tb.cleanup()
	close(leave)
	nc.Close()
	<-svc.Done()
	if all := strings.Join(tb.logged, "\n"); strings.Contains(all, "too late") {
		t.Errorf("logged after the end: %s", all)
	}
}
