package typednatstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// outcomes makes a call to each subject and returns a word for what became of it.
func outcomes(t *testing.T, r typednats.Requester, subjects ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var words []string
	for _, subject := range subjects {
		_, err := typednats.Request[person, greeting](ctx, r, subject, person{"Ada"})
		words = append(words, outcome(err))
	}
	return strings.Join(words, ",")
}

func outcome(err error) string {
	se, ok := errors.AsType[*typednats.ServiceError](err)
	switch {
	case err == nil:
		return "fine"
	case ok:
		return se.Error()[len("service error "):][:3]
	case errors.Is(err, nats.ErrNoResponders):
		return "nobody"
	default:
		return err.Error()
	}
}

// fine is a Requester in which all calls succeed, and the count of them.
func fine() (typednats.Requester, *atomic.Int64) {
	calls := new(atomic.Int64)
	return stub(func(context.Context, *nats.Msg) (*nats.Msg, error) {
		calls.Add(1)
		return &nats.Msg{Data: []byte("{}")}, nil
	}), calls
}

func TestFaultsStrikeInOrder(t *testing.T) {
	t.Parallel()
	type faults = []typednatstest.Fault
	none, code := typednatstest.NoResponders, typednatstest.Code
	for name, c := range map[string]struct {
		faults faults
		want   string // of calls to "a"
		passed int64
	}{
		"without one":       {nil, "fine,fine", 2},
		"all":               {faults{none()}, "nobody,nobody,nobody", 0},
		"the first two":     {faults{code(503).Times(2)}, "503,503,fine,fine", 2},
		"from the third on": {faults{none().After(2)}, "fine,fine,nobody,nobody", 2},
		"the third alone":   {faults{none().After(2).Times(1)}, "fine,fine,nobody,fine", 3},
		"the third alone, said the other way round": {faults{none().Times(1).After(2)}, "fine,fine,nobody,fine", 3},
		"one after the other":                       {faults{code(503).Times(2), none().Times(1)}, "503,503,nobody,fine", 1},
		"the first hides the second":                {faults{none(), code(503)}, "nobody,nobody", 0},
		"what one lets pass, the other sees":        {faults{none().After(1), code(503)}, "503,nobody,nobody", 0},
		"the second counts what it sees":            {faults{code(503).Times(2), none().After(1)}, "503,503,fine,nobody", 1},
		"the same twice":                            {faults{code(503).Times(1), code(504).Times(1), code(503).Times(1)}, "503,504,503,fine", 1},
		"on this subject":                           {faults{none().On("a")}, "nobody,nobody", 0},
		"on another subject":                        {faults{none().On("b")}, "fine,fine", 2},
		"on any subject":                            {faults{none().On(">")}, "nobody", 0},
		"the last call of each counts":              {faults{none().After(9).After(1).Times(9).Times(1).On("b").On("*")}, "fine,nobody,fine", 2},
		"nothing to pass":                           {faults{none().After(0)}, "nobody", 0},
		"very many":                                 {faults{none().After(1).Times(1<<63 - 1)}, "fine,nobody,nobody", 1},
	} {
		r, calls := fine()
		subjects := slices.Repeat([]string{"a"}, strings.Count(c.want, ",")+1)
		got := outcomes(t, typednatstest.Faults(r, c.faults...), subjects...)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if calls.Load() != c.passed {
			t.Errorf("%s: %d calls passed on, want %d", name, calls.Load(), c.passed)
		}
	}
}

// TestFaultCountsCallsToItsSubject: those to other subjects do not bring it nearer.
func TestFaultCountsCallsToItsSubject(t *testing.T) {
	t.Parallel()
	r, _ := fine()
	f := typednatstest.Faults(r, typednatstest.NoResponders().On("town.*.greet").After(1).Times(1))
	got := outcomes(t, f, "a", "town.rome.greet", "a", "town.oslo.greet", "town.rome.greet", "town.greet")
	if diff := cmp.Diff("fine,fine,fine,nobody,fine,fine", got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// TestFaultsAreValues: a fault counts anew in each Requester, and its methods change a copy.
func TestFaultsAreValues(t *testing.T) {
	t.Parallel()
	r, _ := fine()
	base := typednatstest.Code(503)
	once := base.Times(1)
	for range 2 {
		if got := outcomes(t, typednatstest.Faults(r, once), "a", "a"); got != "503,fine" {
			t.Errorf("outcomes %q, want %q", got, "503,fine")
		}
	}
	if got := outcomes(t, typednatstest.Faults(r, base), "a", "a"); got != "503,503" {
		t.Errorf("outcomes %q, want %q", got, "503,503")
	}
	// Mistakes are of one copy, too.
	bad := base.Times(0).Times(-1).Times(-2)
	first, second := bad.After(-1), bad.After(-2)
	for f, want := range map[*typednatstest.Fault][2]bool{&bad: {false, false}, &first: {true, false}, &second: {false, true}} {
		text := callError(t, typednatstest.Faults(r, *f)).Error()
		got := [2]bool{strings.Contains(text, "After(-1)"), strings.Contains(text, "After(-2)")}
		if got != want {
			t.Errorf("error %q speaks of a copy", text)
		}
	}
	list := []typednatstest.Fault{once}
	f := typednatstest.Faults(r, list...)
	list[0] = typednatstest.Fault{}
	if got := outcomes(t, f, "a"); got != "503" {
		t.Errorf("outcomes %q, want %q", got, "503")
	}
}

func callError(t *testing.T, r typednats.Requester) error {
	t.Helper()
	_, err := typednats.RequestService(t.Context(), r, greet, person{"Ada"})
	if err == nil {
		t.Fatal("the call succeeded")
	}
	return err
}

// TestCodeIsWhatErrorfSends: a caller cannot tell them apart.
func TestCodeIsWhatErrorfSends(t *testing.T) {
	t.Parallel()
	service := typednats.Local(greet.Handle(func(context.Context, person) (greeting, error) {
		return greeting{}, typednats.Errorf(418, "")
	}))
	want := callError(t, service)
	got := callError(t, typednatstest.Faults(service, typednatstest.Code(418)))
	if diff := cmp.Diff(want.Error(), got.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if _, ok := errors.AsType[*typednats.ServiceError](got); !ok {
		t.Errorf("error %v, want a ServiceError", got)
	}
}

func TestTimeoutWaitsForTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, calls := fine()
		f := typednatstest.Faults(r, typednatstest.Timeout())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := f.RequestMsgWithContext(ctx, nats.NewMsg("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v, want %v", took, time.Minute)
		}

		start = time.Now()
		if _, err := f.RequestMsgWithContext(t.Context(), nats.NewMsg("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a deadline: error %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != typednats.DefaultTimeout {
			t.Errorf("without a deadline it took %v, want %v", took, typednats.DefaultTimeout)
		}

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := f.RequestMsgWithContext(ctx, nats.NewMsg("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: error %v, want %v", err, context.Canceled)
		}
		if calls.Load() != 0 {
			t.Errorf("%d calls passed on, want none", calls.Load())
		}
	})
}

func TestLatePassesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, calls := fine()
		f := typednatstest.Faults(r, typednatstest.Late(time.Second))
		start := time.Now()
		if reply, err := f.RequestMsgWithContext(t.Context(), nats.NewMsg("a")); err != nil || string(reply.Data) != "{}" {
			t.Errorf("reply %v, error %v", reply, err)
		}
		if took := time.Since(start); took != time.Second || calls.Load() != 1 {
			t.Errorf("it took %v and was passed on %d times, want 1s and once", took, calls.Load())
		}

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start = time.Now()
		if _, err := f.RequestMsgWithContext(ctx, nats.NewMsg("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != 10*time.Millisecond || calls.Load() != 1 {
			t.Errorf("it took %v and was passed on %d times, want 10ms and no more", took, calls.Load())
		}
	})
}

// TestEndedContextIsNoCall: it returns at once, is not passed on, and no fault counts it.
func TestEndedContextIsNoCall(t *testing.T) {
	t.Parallel()
	r, calls := fine()
	f := typednatstest.Faults(r, typednatstest.NoResponders().Times(1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.RequestMsgWithContext(ended, nats.NewMsg("a")); !errors.Is(err, context.Canceled) || calls.Load() != 0 {
		t.Errorf("error %v and %d calls, want %v and none", err, calls.Load(), context.Canceled)
	}
	if got := outcomes(t, f, "a", "a"); got != "nobody,fine" {
		t.Errorf("outcomes %q, want %q", got, "nobody,fine")
	}
}

// TestFaultMistakes: all are reported by each call, and nothing is passed on.
func TestFaultMistakes(t *testing.T) {
	t.Parallel()
	r, calls := fine()
	var client *typednats.Client
	none := typednatstest.NoResponders()
	for want, f := range map[string]typednats.Requester{
		"the Requester is nil":                        typednatstest.Faults(nil),
		"the Requester is nil ":                       typednatstest.Faults(client, none),
		"fault 1: it was not made by":                 typednatstest.Faults(r, typednatstest.Fault{}),
		"fault 2: it was not made by":                 typednatstest.Faults(r, none, typednatstest.Fault{}.Times(1)),
		"fault 1: Code(0): want at least 1":           typednatstest.Faults(r, typednatstest.Code(0)),
		"fault 1: Code(-5): want":                     typednatstest.Faults(r, typednatstest.Code(-5)),
		"fault 1: Late(-1s): want":                    typednatstest.Faults(r, typednatstest.Late(-time.Second)),
		"fault 1: After(-1): want":                    typednatstest.Faults(r, none.After(-1).After(1)),
		"fault 1: Times(0): want":                     typednatstest.Faults(r, none.Times(0)),
		"fault 1: Times(-1): want":                    typednatstest.Faults(r, none.Times(-1)),
		`fault 1: On(""): it is empty`:                typednatstest.Faults(r, none.On("")),
		`fault 1: On("a..b"): token 2 is empty`:       typednatstest.Faults(r, none.On("a..b")),
		`fault 1: On("a b"): token 1 holds a space`:   typednatstest.Faults(r, none.On("a b")),
		`fault 1: On(">.a"): > stands before the end`: typednatstest.Faults(r, none.On(">.a")),
		`fault 1: On("a*"): token 1 mixes a wildcard`: typednatstest.Faults(r, none.On("a*")),
	} {
		for range 2 {
			err := callError(t, f)
			if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error()+" ", want) {
				t.Errorf("error %v, want %v with %q", err, typednats.ErrInvalidConfig, want)
			}
		}
	}
	err := callError(t, typednatstest.Faults(nil, typednatstest.Code(0).Times(0), typednatstest.Fault{}))
	for _, want := range []string{"the Requester is nil", "fault 1: Code(0)", "fault 1: Times(0)", "fault 2: it was"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not mention %q", err, want)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls passed on, want none", calls.Load())
	}
	f := typednatstest.Faults(r)
	if _, err := f.RequestMsgWithContext(t.Context(), nil); !errors.Is(err, nats.ErrInvalidMsg) {
		t.Errorf("error %v, want %v", err, nats.ErrInvalidMsg)
	}
	//nolint:staticcheck // a nil context is the mistake
	if _, err := f.RequestMsgWithContext(nil, nats.NewMsg("a")); !errors.Is(err, nats.ErrInvalidContext) {
		t.Errorf("error %v, want %v", err, nats.ErrInvalidContext)
	}
}

func TestFaultsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	const callers, each, struck = 8, 50, 37
	r, calls := fine()
	f := typednatstest.Faults(r, typednatstest.Code(503).After(11).Times(struck))
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				_, _ = typednats.RequestService(t.Context(), f, greet, person{"Ada"})
			}
		})
	}
	all.Wait()
	if n := calls.Load(); n != callers*each-struck {
		t.Errorf("%d calls passed on, want %d", n, callers*each-struck)
	}
}

// TestFaultsAndRecorderCompose: outside, the recorder sees what the caller sees; inside, what gets through.
func TestFaultsAndRecorderCompose(t *testing.T) {
	t.Parallel()
	inside := typednatstest.Record(everybody())
	outside := typednatstest.Record(typednatstest.Faults(inside, typednatstest.Code(503).Times(1)))
	for range 2 {
		_, _ = typednats.RequestService(t.Context(), outside, greet, person{"Ada"})
	}
	fine := brief[person, greeting]{"greet", person{"Ada"}, greeting{"hello Ada"}, ""}
	if diff := cmp.Diff([]brief[person, greeting]{fine}, briefs(typednatstest.CallsTo(inside, greet))); diff != "" {
		t.Errorf("inside (-want +got):\n%s", diff)
	}
	struck := fine
	struck.Reply, struck.Err = greeting{}, `call "greet" at "greet": service error 503: error 503`
	want := []brief[person, greeting]{struck, fine}
	if diff := cmp.Diff(want, briefs(typednatstest.CallsTo(outside, greet))); diff != "" {
		t.Errorf("outside (-want +got):\n%s", diff)
	}
}
