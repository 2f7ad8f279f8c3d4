package typednats_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// again may be called again, once may not.
var (
	once  = typednats.NewEndpoint[note, note, missing]("again")
	again = once.Idempotent()
)

// scripted answers requests of again by a script, one character each; the last one counts for the rest.
type scripted struct {
	mu    sync.Mutex
	times []time.Time // when the requests came
}

// newScripted starts to answer: "o" is a reply, "5" code 503, "x" code 500, "m" a declared error with code 503, "-" no
// reply; "r", "s", "e" and "d" are refusals, for overload, a stop, time and decoding.
func newScripted(t *testing.T, nc *nats.Conn, script string) *scripted {
	t.Helper()
	s := &scripted{}
	answer(t, nc, "again", func(*nats.Msg) *nats.Msg {
		switch script[min(s.came(), len(script)-1)] {
		case '5':
			return &nats.Msg{Header: headerOf("Nats-Service-Error", "busy", "Nats-Service-Error-Code", "503")}
		case 'x':
			return &nats.Msg{Header: headerOf("Nats-Service-Error", "broken", "Nats-Service-Error-Code", "500")}
		case 'm':
			return &nats.Msg{Data: []byte(`{"item":"nut"}`), Header: headerOf(
				"Nats-Service-Error", "no nut", "Nats-Service-Error-Code", "503", "Nats-Service-Error-Type", "missing")}
		case 'r':
			return refusal("503", typednats.RefusedOverload)
		case 's':
			return refusal("503", typednats.RefusedStopping)
		case 'e':
			return refusal("504", typednats.RefusedExpired)
		case 'd':
			return refusal("400", typednats.RefusedDecode)
		case '-':
			return nil
		default:
			return &nats.Msg{Data: []byte(`{}`)}
		}
	})
	return s
}

// refusal is a reply of a service that did not run its handler.
func refusal(code, word string) *nats.Msg {
	return &nats.Msg{Header: headerOf(
		"Nats-Service-Error", "no", "Nats-Service-Error-Code", code, "Typednats-Refused", word)}
}

// refused is what the caller of one gets.
func refused(code int, word string) typednats.ServiceError {
	return typednats.ServiceError{Code: code, Description: "no", Refused: word}
}

// came enters a request and returns how many came before it.
func (s *scripted) came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	return len(s.times) - 1
}

// requests returns when the requests came.
func (s *scripted) requests() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.times)
}

// retrying returns a client that is closed when the test ends.
func retrying(t *testing.T, nc *nats.Conn, policy typednats.Retry) *typednats.Client {
	t.Helper()
	client := typednats.NewClient(nc, typednats.WithRetry(policy))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRequestIsSentAgainIfThatDoesNoHarm(t *testing.T) {
	t.Parallel()
	policy := typednats.Retry{Attempts: 3, Backoff: time.Millisecond}
	hasty := policy
	hasty.AttemptTimeout = 500 * time.Millisecond
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[note, note, missing]
		policy   typednats.Retry
		script   string
		sent     int
		want     any // an error or a ServiceError, nil for a reply
	}{
		"plain, busy":                   {once, policy, "5o", 1, serviceError(503, "busy")},
		"plain, refused for overload":   {once, policy, "rro", 3, nil},
		"plain, refused for a stop":     {once, policy, "so", 2, nil},
		"plain, refused for too long":   {once, policy, "rrro", 3, refused(503, typednats.RefusedOverload)},
		"plain, refused for time":       {once, policy, "eo", 1, refused(504, typednats.RefusedExpired)},
		"plain, refused for good":       {once, policy, "do", 1, refused(400, typednats.RefusedDecode)},
		"all instances, refused by one": {once.WithoutQueueGroup(), policy, "ro", 1, refused(503, typednats.RefusedOverload)},
		"idempotent, refused for time":  {again, policy, "eo", 2, nil},
		"idempotent, refused for good":  {again, policy, "do", 1, refused(400, typednats.RefusedDecode)},
		"plain, broken":                 {once, policy, "xo", 1, serviceError(500, "broken")},
		"idempotent, busy once":         {again, policy, "5o", 2, nil},
		"idempotent, busy for too long": {again, policy, "5555o", 3, serviceError(503, "busy")},
		"idempotent, broken":            {again, policy, "xo", 1, serviceError(500, "broken")},
		"idempotent, declared":          {again, policy, "mo", 1, missing{"nut"}},
		"idempotent, lost once":         {again, hasty, "-o", 2, nil},
		"idempotent, by default":        {again, typednats.Retry{}, "5o", 1, serviceError(503, "busy")},
		"idempotent, one attempt":       {again, typednats.Retry{Attempts: 1}, "5o", 1, serviceError(503, "busy")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			peer := newScripted(t, srv.Connect(t), test.script)
			var calls trace
			_, err := typednats.RequestService(within(t), retrying(t, srv.Connect(t), test.policy), test.endpoint, note{},
				typednats.WithInterceptors(calls.interceptor("A")))
			compareFailure(t, name, test.want, err)
			compare(t, "how many requests were sent", test.sent, len(peer.requests()))
			compare(t, "what an interceptor sees", "+A -A", calls.taken())
		})
	}
}

// An attempt that got no reply may have been run.
func TestRequestThatIsLostIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		endpoint typednats.Endpoint[note, note, missing]
		policy   typednats.Retry
	}{
		"plain":                       {once, typednats.Retry{Attempts: 3, AttemptTimeout: time.Millisecond}},
		"idempotent, all of the time": {again, typednats.Retry{Attempts: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			peer := newScripted(t, srv.Connect(t), "-")
			client := retrying(t, srv.Connect(t), test.policy)
			ctx, cancel := context.WithTimeout(within(t), 500*time.Millisecond)
			defer cancel()
			_, err := typednats.RequestService(ctx, client, test.endpoint, note{})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call = %v, want DeadlineExceeded", err)
			}
			if ctx.Err() == nil {
				t.Error("the call gave up before its deadline")
			}
			compare(t, "how many requests were sent", 1, len(peer.requests()))
		})
	}
}

func TestCancelledCallIsNotSentAgain(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	ctx, cancel := context.WithCancel(within(t))
	peer := newScripted(t, srv.Connect(t), "5")
	answered := tap(t, srv.Connect(t), "_INBOX.*.*")
	client := retrying(t, srv.Connect(t), typednats.Retry{Attempts: 3, Backoff: 10 * time.Second})
	call := callAsync(ctx, client, again, note{})
	if _, err := answered.NextMsgWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	cancel()
	got := await(t, call, "the call to end")
	if _, ok := errors.AsType[*typednats.ServiceError](got.err); !ok && !errors.Is(got.err, context.Canceled) {
		t.Errorf("call = %v, want what the attempt ended with", got.err)
	}
	compare(t, "how many requests were sent", 1, len(peer.requests()))
}

func TestWithoutRespondersEveryRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	plain := typednats.NewClient(srv.Connect(t))
	t.Cleanup(func() { _ = plain.Close() })
	if _, err := typednats.RequestService(within(t), plain, once, note{}); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("without WithRetry: %v, want nats.ErrNoResponders", err)
	}
	// The service comes while the client tries.
	nc := srv.Connect(t)
	client := retrying(t, nc, typednats.Retry{
		Attempts: 1 << 20, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
	})
	call := callAsync(within(t), client, once, note{"late"})
	eventually(t, "three answers that nobody is there", func() bool { return nc.Stats().InMsgs >= 3 })
	start(t, srv.Connect(t), config(), once.Handle(repeat))
	if got := await(t, call, "the call to end"); got.err != nil || got.out.Text != "late" {
		t.Errorf("call = %v, %v", got.out, got.err)
	}
}

// An attempt waits at least half of its backoff, which doubles up to its bound.
func TestBackoffGrows(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		policy typednats.Retry
		waits  []time.Duration // at least
	}{
		"by default": {typednats.Retry{Attempts: 6}, []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms}},
		"as set": {
			typednats.Retry{Attempts: 4, Backoff: 40 * ms, MaxBackoff: 80 * ms}, []time.Duration{20 * ms, 40 * ms, 40 * ms},
		},
		"from little": {
			typednats.Retry{Attempts: 8, Backoff: 2 * ms, MaxBackoff: time.Second},
			[]time.Duration{ms, 2 * ms, 4 * ms, 8 * ms, 16 * ms, 32 * ms, 64 * ms},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			peer := newScripted(t, srv.Connect(t), "5")
			_, err := typednats.RequestService(within(t), retrying(t, srv.Connect(t), test.policy), again, note{})
			compareFailure(t, name, serviceError(503, "busy"), err)
			times := peer.requests()
			if len(times) != test.policy.Attempts {
				t.Fatalf("%d requests were sent, want %d", len(times), test.policy.Attempts)
			}
			for i, want := range test.waits {
				if got := times[i+1].Sub(times[i]); got < want {
					t.Errorf("request %d came %v after the one before, want at least %v", i+1, got, want)
				}
			}
		})
	}
}

// A backoff that doubled without end would pass the deadline long before the attempts are used up.
func TestBackoffGrowsNoFurtherThanItsBound(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer := newScripted(t, srv.Connect(t), "5")
	const attempts = 40
	_, err := typednats.RequestService(within(t), retrying(t, srv.Connect(t), typednats.Retry{
		Attempts: attempts, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond, Budget: attempts,
	}), again, note{})
	compareFailure(t, "call", serviceError(503, "busy"), err)
	compare(t, "how many requests were sent", attempts, len(peer.requests()))
}

// If the deadline comes before the next attempt, waiting for either helps nobody.
func TestCallEndsAtOnceIfItsDeadlineComesBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	busy := newScripted(t, srv.Connect(t), "5")
	client := retrying(t, srv.Connect(t), typednats.Retry{Attempts: 1000, Backoff: 3 * time.Hour, MaxBackoff: 3 * time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for name, test := range map[string]struct {
		e    typednats.Endpoint[note, note, missing]
		want func(error) bool
	}{
		"busy":   {again, func(err error) bool { return codeOf(err) == "503:busy" }},
		"nobody": {once.InSubject("nobody"), func(err error) bool { return errors.Is(err, nats.ErrNoResponders) }},
	} {
		got := await(t, callAsync(ctx, client, test.e, note{}), "the call to give up")
		if !test.want(got.err) || errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want what the first attempt ended with", name, got.err)
		}
	}
	compare(t, "how many requests were sent", 1, len(busy.requests()))
}
