package typednats

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestWaitingCallsAreGivenUpInOrder has many calls, some of which end before their time is up.
func TestWaitingCallsAreGivenUpInOrder(t *testing.T) {
	t.Parallel()
	c := NewClient(nil)
	c.mu.Lock()
	var limited []*waiter
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
		if a := <-w.answers; !errors.Is(a.err, context.DeadlineExceeded) || time.Now().Before(w.until) {
			t.Errorf("call %d: %v, %v before its time is up", i, a.err, time.Until(w.until))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting.byNumber) != 1 || c.waiting.remove(patient.number) != patient || c.waiting.first != nil ||
		c.waiting.last != nil || c.waiting.running {
		t.Errorf("left behind: %+v", c.waiting)
	}
}

// TestWaitingTimerServesLaterCalls has a timer that ran out while nobody waited.
func TestWaitingTimerServesLaterCalls(t *testing.T) {
	t.Parallel()
	c := NewClient(nil)
	for range 3 {
		c.mu.Lock()
		early := c.waiting.add()
		c.waiting.limit(early, time.Millisecond)
		c.waiting.remove(early.number)
		late := c.waiting.add()
		c.waiting.limit(late, 10*time.Millisecond)
		c.mu.Unlock()
		if a := <-late.answers; !errors.Is(a.err, context.DeadlineExceeded) || time.Now().Before(late.until) {
			t.Errorf("%v, %v before its time is up", a.err, time.Until(late.until))
		}
		if len(early.answers) > 0 {
			t.Error("a call that had ended was given up")
		}
	}
}
