package server

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// intakePatience bounds every wait of a test.
const intakePatience = 30 * time.Second

// fakeReceiver records what is admitted and runs it.
type fakeReceiver struct {
	mu       sync.Mutex
	admitted []string
	handle   func(subject string) // nil means that messages need no more than being admitted
}

func (f *fakeReceiver) admit(m *nats.Msg) *Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.admitted = append(f.admitted, m.Subject)
	if f.handle == nil {
		return nil
	}
	return &Request{Msg: m}
}

func (f *fakeReceiver) proceed(r *Request) { f.handle(r.Msg.Subject) }

func (f *fakeReceiver) turnAway() bool { return false }

func (f *fakeReceiver) drop(*Request) {}

func (f *fakeReceiver) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.admitted)
}

// newFakeIntake returns an intake and what delivers to the receiver through it.
func newFakeIntake(t *testing.T, f *fakeReceiver) (in *intake, deliver func(subject string)) {
	t.Helper()
	in = newIntakes().forQuestions()
	sub, err := in.routes.add(func() (*nats.Subscription, error) { return &nats.Subscription{}, nil }, f)
	if err != nil {
		t.Fatalf("add: %v", err)
	}
	return in, func(subject string) { in.messages <- &nats.Msg{Sub: sub, Subject: subject} }
}

func closeIntake(t *testing.T, in *intake) {
	t.Helper()
	in.close()
	in.close() // does nothing
	ended := make(chan struct{})
	go func() {
		in.readers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(intakePatience):
		t.Fatal("the readers do not end")
	}
}

func TestIntakeAdmitsInOrder(t *testing.T) {
	t.Parallel()
	f := &fakeReceiver{handle: func(string) { runtime.Gosched() }}
	in, deliver := newFakeIntake(t, f)
	var want []string
	for i := range 5000 {
		want = append(want, strconv.Itoa(i))
		deliver(strconv.Itoa(i))
	}
	closeIntake(t, in)
	if diff := cmp.Diff(want, f.seen()); diff != "" {
		t.Errorf("admitted (-want +got):\n%s", diff)
	}
}

func TestIntakeReadsOnWhileAllHandlersBlock(t *testing.T) {
	t.Parallel()
	const handlers = 100
	var all sync.WaitGroup
	all.Add(handlers)
	f := &fakeReceiver{handle: func(string) {
		all.Done()
		all.Wait() // none returns before all run
	}}
	in, deliver := newFakeIntake(t, f)
	for range handlers {
		deliver("x")
	}
	all.Wait()
	closeIntake(t, in)
	if idle := in.idle.Load(); idle > idleReaders {
		t.Errorf("%d idle readers, want at most %d", idle, idleReaders)
	}
}

func TestIntakeEndsReadersAfterABurst(t *testing.T) {
	t.Parallel()
	const handlers = 50
	var all, ran sync.WaitGroup
	all.Add(handlers)
	ran.Add(handlers)
	f := &fakeReceiver{handle: func(string) {
		defer ran.Done()
		all.Done()
		all.Wait()
	}}
	in, deliver := newFakeIntake(t, f)
	for range handlers {
		deliver("x")
	}
	ran.Wait()
	// One more message shows that somebody still reads.
	var blocked sync.WaitGroup
	blocked.Add(1)
	f.mu.Lock()
	f.handle = func(string) { blocked.Done() }
	f.mu.Unlock()
	deliver("y")
	blocked.Wait()
	if idle := in.idle.Load(); idle < 1 || idle > idleReaders {
		t.Errorf("%d idle readers, want 1 to %d", idle, idleReaders)
	}
	closeIntake(t, in)
}

func TestIntakeSurvivesReadersThatEnd(t *testing.T) {
	t.Parallel()
	f := &fakeReceiver{handle: func(string) { runtime.Goexit() }}
	in, deliver := newFakeIntake(t, f)
	for range 1000 {
		deliver("x")
	}
	closeIntake(t, in)
	if got := len(f.seen()); got != 1000 {
		t.Errorf("%d messages admitted, want 1000", got)
	}
}

func TestIntakeFenceStandsBehindWhatWasDelivered(t *testing.T) {
	t.Parallel()
	f := &fakeReceiver{}
	in, deliver := newFakeIntake(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), intakePatience)
	defer cancel()
	for round := 1; round <= 50; round++ {
		for range 20 {
			deliver("x")
		}
		if err := in.awaitAdmitted(ctx); err != nil {
			t.Fatal(err)
		}
		if got := len(f.seen()); got != round*20 {
			t.Fatalf("%d messages admitted, want %d", got, round*20)
		}
	}
	closeIntake(t, in)
}

// A fence that was given up must not let a later one pass.
func TestIntakeFenceIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	f := &fakeReceiver{}
	in, deliver := newFakeIntake(t, f)
	f.mu.Lock() // admits nothing
	deliver("a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.awaitAdmitted(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("awaitAdmitted = %v, want Canceled", err)
	}
	deliver("b")
	f.mu.Unlock()
	if err := in.awaitAdmitted(t.Context()); err != nil {
		t.Errorf("awaitAdmitted: %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, f.seen()); diff != "" {
		t.Errorf("admitted (-want +got):\n%s", diff)
	}
	closeIntake(t, in)
}

func TestIntakeDropsWhatNobodyReceives(t *testing.T) {
	t.Parallel()
	f := &fakeReceiver{}
	in, deliver := newFakeIntake(t, f)
	deliver("x")
	if err := in.awaitAdmitted(t.Context()); err != nil {
		t.Fatal(err)
	}
	for sub := range in.routes.bySubscription {
		in.routes.remove(sub)
	}
	deliver("y")
	closeIntake(t, in)
	if diff := cmp.Diff([]string{"x"}, f.seen()); diff != "" {
		t.Errorf("admitted (-want +got):\n%s", diff)
	}
}
