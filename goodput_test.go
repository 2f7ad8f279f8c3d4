package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typednats/typednats"
)

// offered is a load on one endpoint: calls at random moments whose handlers sleep.
type offered struct {
	slots   int
	times   float64                          // the capacity
	takes   func(r *rand.Rand) time.Duration // a handler
	waits   func(r *rand.Rand) time.Duration // its caller
	slows   float64                          // the factor by which handlers take longer for a while before that; 0 is none
	warm    time.Duration                    // before anything is counted
	counted time.Duration
}

// goodput is what became of a load.
type goodput struct {
	work    float64 // the share of the slots' time that was spent for answers that arrived
	calls   int
	good    int
	refused int           // with code 503
	silent  int           // without an answer in time
	latest  time.Duration // the latest refusal
}

func (g goodput) String() string {
	return fmt.Sprintf("work %.3f, %d calls, %d answered, %d refused, the latest after %v, %d silent",
		g.work, g.calls, g.good, g.refused, g.latest, g.silent)
}

func always(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

// meanOf is the mean of what f returns.
func meanOf(f func(*rand.Rand) time.Duration) time.Duration {
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // any
	var sum time.Duration
	const n = 20_000
	for range n {
		sum += f(r)
	}
	return sum / n
}

// offer makes the calls of a load, in a bubble whose time does not pass while anything runs.
func offer(t *testing.T, o offered) (g goodput) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // any
		local := typednats.Local(echo.Handle(func(_ context.Context, in note) (note, error) {
			took, _ := strconv.Atoi(in.Text)
			<-time.After(time.Duration(took))
			return in, nil
		}, typednats.WithMaxConcurrent(o.slots)))
		capacity := float64(o.slots) / meanOf(o.takes).Seconds()
		var mu sync.Mutex
		var calls sync.WaitGroup
		began := time.Now()
		for time.Since(began) < o.warm+o.counted {
			<-time.After(time.Duration(r.ExpFloat64() / (o.times * capacity) * float64(time.Second)))
			took, patience := o.takes(r), o.waits(r)
			if at := time.Since(began); o.slows > 0 && at > o.warm/4 && at < o.warm/2 {
				took = time.Duration(o.slows * float64(took))
			}
			calls.Go(func() {
				came := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				_, err := typednats.RequestService(ctx, local, echo, note{strconv.Itoa(int(took))})
				after := time.Since(came)
				if at := time.Since(began); at < o.warm || at > o.warm+o.counted {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				g.calls++
				refused, isRefused := errors.AsType[*typednats.ServiceError](err)
				switch {
				case err == nil && after <= patience:
					g.good++
					g.work += took.Seconds()
				case isRefused && refused.Refused == typednats.RefusedOverload:
					g.refused++
					g.latest = max(g.latest, after)
				default:
					g.silent++
				}
			})
		}
		calls.Wait()
		<-time.After(time.Minute) // for handlers that callers have left
	})
	g.work /= float64(o.slots) * o.counted.Seconds()
	return g
}

// check reports what a load must not come to.
func (o offered) check(t *testing.T, g goodput) {
	t.Helper()
	t.Log(g)
	switch {
	case g.silent > 0:
		t.Errorf("%d callers have no answer", g.silent)
	case o.times < 1 && g.refused > 0:
		t.Errorf("%d calls were refused below the capacity", g.refused)
	case o.times > 1 && g.work < 0.95:
		t.Errorf("%.2f of the work was done that is possible, want at least 0.95", g.work)
	case g.latest > o.waits(nil)/3: // handlers that all end at the same time are not what is estimated
		t.Errorf("a call was refused after %v", g.latest)
	}
}

// A queue that is bounded by number alone works for callers that have left: at 1.3 times the capacity an answer in six was
// in time, and at twice the capacity none.
func TestFullLoadIsWorkedOffInTime(t *testing.T) {
	t.Parallel()
	for _, h := range []struct {
		takes time.Duration
		slots int
	}{
		{time.Millisecond, 2}, {10 * time.Millisecond, 8}, {60 * time.Millisecond, 32}, {300 * time.Millisecond, 64},
		{700 * time.Millisecond, 128},
	} {
		for _, patience := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second} {
			if h.takes >= patience || patience > 500*h.takes {
				continue // there is no answer in time, or it takes too many calls
			}
			for _, times := range []float64{0.7, 1.3, 3} {
				t.Run(fmt.Sprintf("%v within %v at %v times", h.takes, patience, times), func(t *testing.T) {
					t.Parallel()
					span := max(3*patience/2, 4*h.takes)
					o := offered{
						slots: h.slots, times: times, takes: always(h.takes), waits: always(patience),
						warm: span, counted: span,
					}
					o.check(t, offer(t, o))
				})
			}
		}
	}
}

// mixedTimes is what handlers take of which one of ten takes long.
func mixedTimes(r *rand.Rand) time.Duration {
	if r.IntN(10) == 0 {
		return 500 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// spreadTimes is what handlers take that may take any time.
func spreadTimes(r *rand.Rand) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(50*time.Millisecond))
}

func TestFullLoadOfManyKindsIsWorkedOff(t *testing.T) {
	t.Parallel()
	const patient = 2 * time.Second
	for name, o := range map[string]offered{
		"mixed":             {times: 2.5, takes: mixedTimes, waits: always(patient)},
		"mixed, below":      {times: 0.8, takes: mixedTimes, waits: always(patient)},
		"spread":            {times: 1.3, takes: spreadTimes, waits: always(patient)},
		"spread, below":     {times: 0.8, takes: spreadTimes, waits: always(patient)},
		"after a slow time": {times: 1.3, takes: always(20 * time.Millisecond), waits: always(time.Second), slows: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.slots, o.warm, o.counted = 64, 8*time.Second, 4*time.Second
			o.check(t, offer(t, o))
		})
	}
}

// Callers who wait long enough are all served, though they come all at once.
func TestBurstIsServedWhole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		calls, least int
		known        bool // how long handlers take
	}{
		"half of what could be served":          {1500, 1500, false},
		"half of what could be served, known":   {1500, 1500, true},
		"nearly all that could be served":       {3000, 3000, false},
		"nearly all of what could be, known":    {3000, 1600, true},
		"more than could be served":             {6000, 3000, false},
		"more than could be served, and known ": {6000, 1600, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				local := typednats.Local(echo.Handle(func(_ context.Context, in note) (note, error) {
					<-time.After(100 * time.Millisecond)
					return in, nil
				}, typednats.WithMaxConcurrent(64), typednats.WithMaxPending(8000, 1<<20)))
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				if test.known {
					if _, err := typednats.RequestService(ctx, local, echo, note{}); err != nil {
						t.Fatal(err)
					}
				}
				var good, silent atomic.Int64
				var calls sync.WaitGroup
				for range test.calls {
					calls.Go(func() {
						_, err := typednats.RequestService(ctx, local, echo, note{})
						if err == nil {
							good.Add(1)
						} else if refused, is := errors.AsType[*typednats.ServiceError](err); !is || refused.Refused != typednats.RefusedOverload {
							silent.Add(1)
						}
					})
				}
				calls.Wait()
				if good.Load() < int64(test.least) || silent.Load() > 0 {
					t.Errorf("%d of %d answered, want %d; %d without an answer", good.Load(), test.calls, test.least, silent.Load())
				}
				<-time.After(time.Minute)
			})
		})
	}
}
