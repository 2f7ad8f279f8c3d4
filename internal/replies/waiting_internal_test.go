package replies

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/typednats/typednats/internal/lazy"
)

// TestWaitingCallsAreGivenUpInOrder has many calls, some of which end before their time is up.
func TestWaitingCallsAreGivenUpInOrder(t *testing.T) {
	t.Parallel()
	c := NewInbox(nil)
	c.mu.Lock()
	var limited []*Call
	for range 100 {
		w := c.waiting.add()
		c.waiting.limit(w, 20*time.Millisecond)
		limited = append(limited, w)
	}
	patient := c.waiting.add()
	for i, w := range limited {
		if i%3 == 0 && c.waiting.remove(w.number) != w {
			t.Error("a waiting call was not found")
		}
	}
	c.mu.Unlock()
	for i, w := range limited {
		if i%3 == 0 {
			continue
		}
		if a := <-w.ended; !errors.Is(a.err, context.DeadlineExceeded) || time.Since(c.waiting.start) < w.until {
			t.Errorf("call %d: %v, at %v, want its end at %v", i, a.err, time.Since(c.waiting.start), w.until)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting.remove(patient.number) != patient {
		t.Error("the call without a limit was not found")
	}
	if len(c.waiting.free) != 101 || c.waiting.first != nil || c.waiting.last != nil || c.waiting.running {
		t.Errorf("left behind: %+v", c.waiting)
	}
}

// TestWaitingTimerServesLaterCalls has a timer that ran out while nobody waited.
func TestWaitingTimerServesLaterCalls(t *testing.T) {
	t.Parallel()
	c := NewInbox(nil)
	for range 3 {
		c.mu.Lock()
		early := c.waiting.add()
		c.waiting.limit(early, time.Millisecond)
		c.waiting.remove(early.number)
		late := c.waiting.add()
		c.waiting.limit(late, 10*time.Millisecond)
		c.mu.Unlock()
		if a := <-late.ended; !errors.Is(a.err, context.DeadlineExceeded) || time.Since(c.waiting.start) < late.until {
			t.Errorf("%v, at %v, want its end at %v", a.err, time.Since(c.waiting.start), late.until)
		}
		if len(early.ended) > 0 {
			t.Error("a call that had ended was given up")
		}
	}
}

func TestNumbersAreFoundOnce(t *testing.T) {
	t.Parallel()
	c := newWaiting(nil)
	calls := make(map[uint64]*Call)
	for range 1000 {
		w := c.add()
		calls[w.number] = w
	}
	if len(calls) != 1000 {
		t.Errorf("%d numbers for 1000 calls", len(calls))
	}
	for number, w := range calls {
		for _, other := range []uint64{number + 1, number ^ 1<<nonceBits, 0, 1, 1 << nonceBits, math.MaxUint64} {
			if calls[other] == nil && c.remove(other) != nil {
				t.Errorf("%d is taken for %d", other, number)
			}
		}
		if c.remove(number) != w || c.remove(number) != nil {
			t.Errorf("call %d is not found exactly once", number)
		}
		delete(calls, number)
		next := c.add() // it takes the place
		if next.number == number || c.remove(number) != nil || c.remove(next.number) != next {
			t.Errorf("the place of %d is taken by %d", number, next.number)
		}
	}
	if len(c.places) != 1000 || len(c.free) != 1000 {
		t.Errorf("%d places, %d of them free", len(c.places), len(c.free))
	}
}

// TestWaitingCallsAreGivenUpWhenTheyAreDue has calls that end in another order than that in which they came.
func TestWaitingCallsAreGivenUpWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	const calls = 300
	in := NewInbox(nil)
	in.mu.Lock()
	var limited []*Call
	for i := range calls {
		c := in.waiting.add()
		in.waiting.limit(c, time.Duration(1+i*7919%calls)*100*time.Microsecond)
		limited = append(limited, c)
	}
	far := in.waiting.add()
	in.waiting.limit(far, time.Hour)
	for i, c := range limited {
		if i%4 == 0 {
			in.waiting.remove(c.number)
		}
	}
	in.mu.Unlock()
	for i, c := range limited {
		if i%4 == 0 {
			continue
		}
		if e := <-c.ended; !errors.Is(e.err, context.DeadlineExceeded) || time.Since(in.waiting.start) < c.until {
			t.Errorf("call %d: %v, at %v, want its end at %v", i, e.err, time.Since(in.waiting.start), c.until)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, c := range limited {
		if len(c.ended) > 0 {
			t.Error("a call ended twice, or after it was removed")
		}
	}
	if next := in.waiting.next(); next != far || in.waiting.at != far.until || !in.waiting.running {
		t.Errorf("the timer is set for %v, the next call ends at %v", in.waiting.at, far.until)
	}
	in.waiting.remove(far.number)
	if len(in.waiting.others) != 0 || in.waiting.first != nil || in.waiting.last != nil {
		t.Errorf("left behind: %+v", in.waiting.limits)
	}
	in.waiting.stop()
}

// TestEarlierCallIsGivenUpEarlier has a timer that is set for a later call.
func TestEarlierCallIsGivenUpEarlier(t *testing.T) {
	t.Parallel()
	in := NewInbox(nil)
	in.mu.Lock()
	late, early := in.waiting.add(), in.waiting.add()
	in.waiting.limit(late, time.Hour)
	in.waiting.limit(early, time.Millisecond)
	in.mu.Unlock()
	if e := <-early.ended; !errors.Is(e.err, context.DeadlineExceeded) || len(late.ended) > 0 {
		t.Errorf("%v, and the late one has ended: %v", e.err, len(late.ended) > 0)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting.stop()
}

// TestContextEndsItsCall is about a context that tells of its end without a channel.
func TestContextEndsItsCall(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for range 100 {
		in := NewInbox(nil)
		in.mu.Lock()
		c := in.waiting.add()
		number := c.number
		in.mu.Unlock()
		var ctx lazy.Context
		ctx.BeginTold(context.Background())
		go ctx.End(gone)
		if _, err := in.Await(&ctx, c); !errors.Is(err, context.Canceled) || !errors.Is(context.Cause(&ctx), gone) {
			t.Fatalf("%v, because of %v", err, context.Cause(&ctx))
		}
		in.ContextEnded(number) // once more, or too late
		if len(in.waiting.free) != 1 {
			t.Fatal("the call still waits")
		}
	}
}
