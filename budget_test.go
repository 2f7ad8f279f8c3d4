package typednats_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// countingAttempts counts what is sent.
func countingAttempts(sent *atomic.Int64) typednats.Option {
	return typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.OnAttempt(func(typednats.Attempt) { sent.Add(1) })
			return next(ctx, inv)
		}
	})
}

// A service that refuses all it gets once got as many requests again as Attempts allows, from each of its callers.
func TestRetriesHaveABudget(t *testing.T) {
	t.Parallel()
	policy := typednats.Retry{Attempts: 3, Backoff: time.Microsecond}
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[note, note, missing]
		script   string // of the service, see [newScripted]; "" is none
		change   func(*typednats.Retry)
		want     int64 // sent for a hundred calls, one after another
	}{
		// Ten at once, for the first five calls, and then a tenth.
		"overload":                   {once, "r", nil, 119},
		"a handler's 503":            {again, "5", nil, 119},
		"out of time":                {again, "e", nil, 119},
		"no answer":                  {again, "-", func(p *typednats.Retry) { p.AttemptTimeout = time.Millisecond }, 119},
		"each other call":            {once, "r", func(p *typednats.Retry) { p.Budget = 0.5 }, 159},
		"almost none":                {once, "r", func(p *typednats.Retry) { p.Budget = 1e-3 }, 110},
		"as many as there are":       {once, "r", func(p *typednats.Retry) { p.Budget = 3 }, 300},
		"stopping, which is no load": {once, "s", nil, 300},
		"nobody, which is no load":   {once, "", nil, 300},
		"what is not sent again":     {once, "5", nil, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := typednatstest.Server(t)
			if test.script != "" {
				newScripted(t, nc, test.script)
			}
			policy := policy
			if test.change != nil {
				test.change(&policy)
			}
			began, client := time.Now(), retrying(t, nc, policy)
			var sent atomic.Int64
			for range 100 {
				if _, err := typednats.RequestService(within(t), client, test.endpoint, note{}, countingAttempts(&sent)); err == nil {
					t.Fatal("a call was answered")
				}
			}
			extra := int64(time.Since(began).Seconds()) + 1 // one for each second, and for what has begun
			if got := sent.Load(); got < test.want || got > test.want+extra {
				t.Errorf("%d requests, want %d, and %d perhaps", got, test.want, extra)
			}
		})
	}
}

// The budget is that of all calls of the client, however many there are at a time, and only calls fill it.
func TestRetryBudgetOfManyCallers(t *testing.T) {
	t.Parallel()
	const callers, rounds = 32, 25
	nc := typednatstest.Server(t)
	newScripted(t, nc, "r")
	client := retrying(t, nc, typednats.Retry{Attempts: 4, Backoff: time.Microsecond})
	var sent atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for range rounds {
				_, _ = typednats.RequestService(within(t), client, once, note{}, countingAttempts(&sent))
			}
		})
	}
	wg.Wait()
	const calls = callers * rounds
	if got := sent.Load(); got <= calls || got > calls+calls/10+11+int64(time.Since(began).Seconds()) {
		t.Errorf("%d requests for %d calls", got, calls)
	}
}

// Calls whose deadline comes before the next attempt took it from the budget, and it was gone for those with more time.
func TestRetryBudgetIsForWhatIsSent(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	newScripted(t, nc, "r")
	const backoff = time.Second
	client := retrying(t, nc, typednats.Retry{Attempts: 2, Backoff: backoff, MaxBackoff: backoff, Budget: 1e-6})
	for range 30 {
		ctx, cancel := context.WithTimeout(within(t), backoff/3)
		_, _ = typednats.RequestService(ctx, client, once, note{})
		cancel()
	}
	var sent atomic.Int64
	_, err := typednats.RequestService(within(t), client, once, note{}, countingAttempts(&sent))
	compare(t, "failure", "503:no", codeOf(err))
	compare(t, "requests for a call with more time", int64(2), sent.Load())
}

func TestRetryBudgetThatIsNone(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for _, budget := range []float64{-0.1, math.NaN(), math.Inf(1), 1e9} {
		_, err := typednats.RequestService(within(t), retrying(t, nc, typednats.Retry{Budget: budget}), echo, note{})
		if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), "Retry.Budget") {
			t.Errorf("budget %v: %v", budget, err)
		}
	}
}

func TestOnAttempt(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	newScripted(t, nc, "r5-omo")
	client := retrying(t, nc, typednats.Retry{Attempts: 5, Backoff: time.Microsecond, AttemptTimeout: time.Second})
	var got []typednats.Attempt
	seeing := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.OnAttempt(nil)
			inv.OnAttempt(func(a typednats.Attempt) { got = append(got, a) })
			_, _ = next(ctx, inv)
			return next(ctx, inv) // a call of its own
		}
	})
	_, err := typednats.RequestService(within(t), client, again, note{}, seeing)
	compareFailure(t, "call", missing{"nut"}, err)
	type seen struct {
		number, code int
		refused, err string
	}
	all := make([]seen, 0, len(got))
	for _, a := range got {
		one := seen{a.Number, a.Code, a.Refused, ""}
		if a.Err != nil {
			one.err = a.Err.Error()
		}
		if a.Took <= 0 {
			t.Errorf("attempt %d took %v", a.Number, a.Took)
		}
		all = append(all, one)
	}
	compare(t, "attempts", []seen{
		{1, 503, "overload", "service error 503: no"},
		{2, 503, "", "service error 503: busy"},
		{3, 0, "", "context deadline exceeded"},
		{4, 0, "", ""},
		{1, 503, "", "service error 503 (missing): no nut"},
	}, all, cmp.AllowUnexported(seen{}))
}

// There is one attempt through a bare connection, and none on a service.
func TestOnAttemptElsewhere(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var sent atomic.Int64
	start(t, nc, config(), echo.Handle(repeat, countingAttempts(&sent)))
	if _, err := typednats.RequestService(within(t), nc, echo, note{}); err != nil {
		t.Fatal(err)
	}
	compare(t, "attempts on a service", int64(0), sent.Load())
	if _, err := typednats.RequestService(within(t), nc, echo, note{}, countingAttempts(&sent)); err != nil {
		t.Fatal(err)
	}
	compare(t, "attempts of a connection", int64(1), sent.Load())
}
