package lazy

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

type contextKey struct{}

var errGone = errors.New("the caller is gone")

// TestContextTellsOfItsEnd asks in each of the ways in which somebody can ask, of contexts that ended in each of
// the ways in which one can end: before anybody asked, and after.
func TestContextTellsOfItsEnd(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	ends := map[string]struct {
		err, cause error
		end        func(c *Context, stopParent context.CancelFunc)
	}{
		"caller gone": {context.Canceled, gone, func(c *Context, _ context.CancelFunc) { c.End(gone) }},
		"handler returned": {context.Canceled, context.Canceled, func(c *Context, _ context.CancelFunc) {
			c.End(context.Canceled)
		}},
		"first end counts": {context.Canceled, gone, func(c *Context, stop context.CancelFunc) {
			c.End(gone)
			c.End(context.Canceled)
			stop()
		}},
		"parent": {context.Canceled, context.Canceled, func(_ *Context, stop context.CancelFunc) { stop() }},
		"deadline": {context.DeadlineExceeded, context.DeadlineExceeded, func(c *Context, _ context.CancelFunc) {
			for c.Err() == nil {
				runtime.Gosched()
			}
		}},
	}
	looks := map[string]func(ctx context.Context) (err, cause error){
		"Err": func(ctx context.Context) (error, error) { return ctx.Err(), context.Cause(ctx) },
		"Cause": func(ctx context.Context) (error, error) {
			cause := context.Cause(ctx)
			return ctx.Err(), cause
		},
		"Done": func(ctx context.Context) (error, error) {
			<-ctx.Done()
			return ctx.Err(), context.Cause(ctx)
		},
		"child": func(ctx context.Context) (error, error) {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			return child.Err(), context.Cause(child)
		},
		"child with a value": func(ctx context.Context) (error, error) {
			child := context.WithValue(ctx, contextKey{}, 1)
			<-child.Done()
			return child.Err(), context.Cause(child)
		},
		"AfterFunc": func(ctx context.Context) (error, error) {
			called := make(chan struct{})
			context.AfterFunc(ctx, func() { close(called) })
			<-called
			return ctx.Err(), context.Cause(ctx)
		},
	}
	for name, tt := range ends {
		for how, look := range looks {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				for _, early := range []bool{false, true} {
					parent, stop := context.WithCancel(t.Context())
					defer stop()
					c := &Context{parent: parent}
					if errors.Is(tt.err, context.DeadlineExceeded) {
						c.deadline = time.Now().Add(10 * time.Millisecond)
					}
					if early { // the channel is there when the end comes
						_ = c.Done()
					}
					tt.end(c, stop)
					for range 2 {
						if err, cause := look(c); !errors.Is(err, tt.err) || !errors.Is(cause, tt.cause) {
							t.Errorf("asked early: %v: error %v, cause %v; want %v, %v", early, err, cause, tt.err, tt.cause)
						}
					}
				}
			})
		}
	}
}

func TestContextGoesOn(t *testing.T) {
	t.Parallel()
	parent := context.WithValue(t.Context(), contextKey{}, "value")
	deadline := time.Now().Add(time.Hour)
	c := &Context{parent: parent, deadline: deadline}
	defer c.End(context.Canceled)
	for _, what := range []string{"untouched", "asked for its channel"} {
		if err := c.Err(); err != nil || context.Cause(c) != nil {
			t.Errorf("%s: error %v, cause %v", what, err, context.Cause(c))
		}
		if got := c.Value(contextKey{}); got != "value" {
			t.Errorf("%s: value %v, want that of the parent", what, got)
		}
		if got, ok := c.Deadline(); !ok || !got.Equal(deadline) {
			t.Errorf("%s: deadline %v, %v; want %v", what, got, ok, deadline)
		}
		select {
		case <-c.Done():
			t.Errorf("%s: it is done", what)
		default:
		}
	}
	if _, ok := (&Context{parent: parent}).Deadline(); ok {
		t.Error("a context without a deadline has one")
	}
}

// TestContextOutlivesItsHandler is about values, which a task that a handler leaves behind may still want.
func TestContextOutlivesItsHandler(t *testing.T) {
	t.Parallel()
	c := &Context{parent: context.WithValue(t.Context(), contextKey{}, "value")}
	task := context.WithoutCancel(c)
	c.End(context.Canceled)
	if err, got := task.Err(), task.Value(contextKey{}); err != nil || got != "value" {
		t.Errorf("error %v, value %v; want none, and the parent's", err, got)
	}
}

// TestContextCostsWhatIsAsked counts goroutines: the context package starts one for each child of a context that
// it does not know.
func TestContextCostsWhatIsAsked(t *testing.T) { //nolint:paralleltest // it counts goroutines
	parent, stop := context.WithCancel(t.Context())
	defer stop()
	before := runtime.NumGoroutine()
	if n := testing.AllocsPerRun(100, func() {
		c := Context{parent: parent, deadline: time.Now().Add(time.Hour)}
		if c.Err() != nil || c.Value(contextKey{}) != nil {
			t.Error("it has ended")
		}
		c.End(context.Canceled)
	}); n > 1 { // that of the context itself
		t.Errorf("%v allocations where nobody asks for the channel, want 1", n)
	}
	for range 100 {
		c := &Context{parent: parent}
		defer c.End(context.Canceled)
		child, cancel := context.WithCancel(c)
		defer cancel()
		if child.Err() != nil {
			t.Error("a child has ended")
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestContextConcurrently(t *testing.T) {
	t.Parallel()
	for range 200 {
		parent, stop := context.WithCancel(t.Context())
		c := &Context{parent: parent, deadline: time.Now().Add(time.Millisecond)}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { <-c.Done() })
			all.Go(func() {
				for c.Err() == nil {
					runtime.Gosched()
				}
			})
			all.Go(func() { c.End(errGone) })
		}
		all.Wait()
		first := c.Err()
		if first == nil {
			t.Fatal("it goes on")
		}
		stop()
		if err := c.Err(); !errors.Is(err, first) {
			t.Fatalf("error %v, and then %v", first, err)
		}
	}
}

// watcher collects the numbers that it is told.
type watcher chan uint64

func (w watcher) ContextEnded(number uint64) { w <- number }

func TestContextTellsWhoWatches(t *testing.T) {
	t.Parallel()
	var handler, call Context
	handler.BeginTold(t.Context())
	call.Begin(&handler)
	for name, c := range map[string]*Context{"a handler's": &handler, "a call's in it": &call} {
		told := make(watcher, 2)
		if also, ok := c.Watch(told, 7); also != nil || !ok {
			t.Fatalf("%s: watch %v, %v", name, also, ok)
		}
		if _, ok := c.Watch(told, 8); ok {
			t.Errorf("%s: two watch it", name)
		}
		c.Unwatch(8)
		c.Unwatch(7)
		if _, ok := c.Watch(told, 9); !ok {
			t.Errorf("%s: nobody can watch it after the first one has left", name)
		}
		c.Unwatch(9)
		if call.full != nil || handler.full != nil {
			t.Errorf("%s: a channel was made", name)
		}
	}
	told := make(watcher, 4)
	_, _ = call.Watch(told, 10)
	handler.End(errGone)
	if got := <-told; got != 10 || !errors.Is(call.Err(), context.Canceled) || !errors.Is(context.Cause(&call), errGone) {
		t.Errorf("told %d, error %v, cause %v", got, call.Err(), context.Cause(&call))
	}
	for name, c := range map[string]*Context{"a handler's": &handler, "a call's in it": &call} {
		if _, ok := c.Watch(told, 11); ok {
			t.Errorf("%s: it has ended, and can be watched", name)
		}
	}
	if len(told) > 0 {
		t.Errorf("told %d as well", <-told)
	}
}

func TestContextNamesWhatElseCanEndIt(t *testing.T) {
	t.Parallel()
	parent, stop := context.WithCancel(t.Context())
	defer stop()
	var call Context
	call.Begin(parent)
	told := make(watcher, 1)
	also, ok := call.Watch(told, 1)
	if !ok {
		t.Fatal("it cannot be watched")
	}
	stop()
	<-also
	if !errors.Is(call.Err(), context.Canceled) {
		t.Errorf("error %v", call.Err())
	}
	call.End(context.Canceled)
	if got := <-told; got != 1 {
		t.Errorf("told %d", got)
	}
}
