package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// lateness is how long after its deadline a call may end before it counts as hanging. It is generous: what it is there
// to find is a call that never ends.
const lateness = 20 * time.Second

// load calls endpoints again and again until it is told to stop. A call may fail, but not unclearly, and not late.
type load struct {
	t       *testing.T
	quit    chan struct{}
	once    sync.Once // of quitting
	callers sync.WaitGroup
	names   atomic.Int64

	replies, failures atomic.Int64
	mu                sync.Mutex
	kinds             map[string]int // of failures
}

// newLoad returns a load without callers. It stops when the test ends, at the latest.
func newLoad(t *testing.T) *load {
	t.Helper()
	l := &load{t: t, quit: make(chan struct{}), kinds: make(map[string]int)}
	t.Cleanup(l.stop)
	return l
}

// start adds a caller. Its calls have so much time each.
func (l *load) start(r typednats.Requester, e typednats.Endpoint[note, note, missing], each time.Duration) {
	name := l.names.Add(1)
	l.callers.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.quit:
				return
			default:
				l.call(r, e, each, note{fmt.Sprintf("call %d of caller %d", n, name)})
			}
		}
	})
}

func (l *load) call(
	r typednats.Requester, e typednats.Endpoint[note, note, missing], each time.Duration, in note,
) {
	ctx, cancel := context.WithTimeout(context.Background(), each)
	defer cancel()
	deadline, _ := ctx.Deadline()
	out, err := typednats.RequestService(ctx, r, e, in)
	if late := time.Since(deadline); late > lateness {
		l.t.Errorf("%s ended %v after its deadline: %v", in.Text, late, err)
	}
	if err == nil {
		if out != in {
			l.t.Errorf("%s got the reply %q", in.Text, out.Text)
		}
		l.replies.Add(1)
		return
	}
	kind := "unclear"
	for _, known := range []error{ // what a call may say when the network fails it
		context.DeadlineExceeded, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
	} {
		if errors.Is(err, known) {
			kind = known.Error()
		}
	}
	if kind == "unclear" {
		l.t.Errorf("%s failed unclearly: %v", in.Text, err)
	}
	l.mu.Lock()
	l.kinds[kind]++
	l.mu.Unlock()
	l.failures.Add(1)
}

// more waits for so many replies from now on.
func (l *load) more(replies int64) {
	l.t.Helper()
	until := l.replies.Load() + replies
	eventually(l.t, fmt.Sprintf("%d replies", until), func() bool { return l.replies.Load() >= until })
}

// stop ends the callers.
func (l *load) stop() {
	l.once.Do(func() {
		close(l.quit)
		l.callers.Wait()
		l.t.Logf("%d replies, %d failures %v", l.replies.Load(), l.failures.Load(), l.kinds)
	})
}

// counting is a handler that returns its request and counts how often it ran.
func counting(ran *atomic.Int64) func(context.Context, note) (note, error) {
	return func(_ context.Context, in note) (note, error) {
		ran.Add(1)
		return in, nil
	}
}
