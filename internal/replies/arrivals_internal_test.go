package replies

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// knows fails the test if it is not known of a subject what should be, and returns the epoch.
func knows(tb testing.TB, a *Arrivals, subject string, want bool) uint64 {
	tb.Helper()
	got, epoch := a.Known(subject)
	if got != want {
		tb.Errorf("%s: tokens are known to arrive: %v, want %v", subject, got, want)
	}
	return epoch
}

func TestConfirmationHoldsForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewArrivals(nil)
		defer a.Close()
		epoch := knows(t, a, "x", false)
		a.Learn("x", epoch, true)
		knows(t, a, "x", true)
		knows(t, a, "y", false)
		time.Sleep(arrivalHolds - 1) //nolint:forbidigo // of the bubble
		knows(t, a, "x", true)
		time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble
		synctest.Wait()
		knows(t, a, "x", false)
		a.Learn("x", epoch, true)
		knows(t, a, "x", true)
		a.Doubt("x")
		knows(t, a, "x", false)
		a.Learn("x", epoch, true)
		knows(t, a, "x", true)
		time.Sleep(2 * arrivalHolds) //nolint:forbidigo // of the bubble
		knows(t, a, "x", false)
	})
}

// One instance is reached in a way that rewrites reply subjects, another one is not.
func TestReplyThatDoesNotConfirmCounts(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string][]bool{"at first": {false, true}, "later": {true, false, true}} {
		a := NewArrivals(nil)
		for _, arrives := range replies {
			a.Learn("x", 0, arrives)
		}
		a.Doubt("x")
		a.Learn("x", 0, true)
		if arrives, _ := a.Known("x"); arrives {
			t.Errorf("%s: a confirmation counts beside a reply that does not confirm", name)
		}
	}
}

func TestLossOfTheConnectionForgetsAll(t *testing.T) {
	t.Parallel()
	a := NewArrivals(nil)
	a.losses = make(chan nats.Status, 10)
	before := knows(t, a, "x", false)
	a.Learn("x", before, true)
	a.Learn("y", before, false)
	knows(t, a, "x", true)
	a.losses <- nats.RECONNECTING
	a.losses <- nats.RECONNECTING
	after := knows(t, a, "x", false)
	a.Learn("x", before, true) // a late reply
	knows(t, a, "x", false)
	a.Learn("x", after, true)
	a.Learn("x", before, false) // a late reply
	knows(t, a, "x", true)
	a.Learn("y", after, true)
	knows(t, a, "y", true)
	a.losses <- nats.RECONNECTING
	close(a.losses)
	knows(t, a, "x", false)
}

// Wildcard endpoints have as many subjects as callers like.
func TestKnownSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	a := NewArrivals(nil)
	var busy []string
	for i := range 100 { // it would take a lot of bad luck for five of them to want the same place
		busy = append(busy, fmt.Sprintf("busy.%d", i))
	}
	for _, subject := range busy {
		a.Learn(subject, 0, true)
	}
	known := 0
	for _, subject := range busy {
		if arrives, _ := a.Known(subject); arrives {
			known++
		}
	}
	if known < 99 {
		t.Errorf("%d of %d subjects are known", known, len(busy))
	}
	for i := range 20 * arrivalPlaces {
		subject := fmt.Sprintf("many.%d", i)
		a.Learn(subject, 0, true)
		knows(t, a, subject, true)
	}
}

func TestAskingWhatIsKnownAllocatesNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	a := NewArrivals(nil)
	a.Learn("x", 0, true)
	if n := testing.AllocsPerRun(100, func() { a.Known("x"); a.Known("y") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestArrivalsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	a := NewArrivals(nil)
	a.losses = make(chan nats.Status, 10)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 1000 {
				subject := fmt.Sprintf("%d", n%7)
				_, epoch := a.Known(subject)
				a.Learn(subject, epoch, true)
				switch {
				case i == 0 && n%100 == 0:
					a.losses <- nats.RECONNECTING
				case n%10 == 0:
					a.Doubt(subject)
				}
			}
		})
	}
	all.Wait()
	_, epoch := a.Known("x")
	if epoch < 1 {
		t.Errorf("epoch %d, though the connection was lost", epoch)
	}
}

func BenchmarkArrivalsKnown(b *testing.B) {
	a := NewArrivals(nil)
	a.Learn("catalog.stock-check", 0, true)
	b.ReportAllocs()
	for b.Loop() {
		a.Known("catalog.stock-check")
	}
}
