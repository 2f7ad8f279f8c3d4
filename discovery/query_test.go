package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

func TestNobodyListensEndsAtOnce(t *testing.T) {
	t.Parallel()
	client := discovery.New(typednatstest.Server(t), discovery.WithMaxWait(forever))
	ctx := patient(t)
	if stats, err := client.Stats(ctx); len(stats) != 0 || err != nil {
		t.Errorf("%v and error %v, want nothing", stats, err)
	}
	for info, err := range client.InfoSeq(ctx, "stock") {
		t.Errorf("iterator yields %v and error %v, want nothing", info, err)
	}
	if _, err := client.PingInstance(ctx, "stock", "X1"); !errors.Is(err, discovery.ErrNotFound) {
		t.Errorf("error %v, want %v", err, discovery.ErrNotFound)
	}
}

func TestMaxWaitEndsASilentQuery(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.>", func(*nats.Msg) {})
	client := discovery.New(nc, discovery.WithMaxWait(20*time.Millisecond))
	ctx := patient(t)
	if pings, err := client.Ping(ctx); len(pings) != 0 || err != nil {
		t.Errorf("%v and error %v, want nothing", pings, err)
	}
	if _, err := client.InfoInstance(ctx, "stock", "X1"); !errors.Is(err, discovery.ErrNotFound) {
		t.Errorf("error %v, want %v", err, discovery.ErrNotFound)
	}
}

func TestMaxWaitKeepsWhatCame(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) { respond(t, m, pong(t, "stock", "X1")) })
	client := discovery.New(nc, discovery.WithMaxWait(time.Second), discovery.WithStall(0))
	pings, err := client.Ping(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestMaxResults(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) {
		for i := range 10 {
			respond(t, m, pong(t, "stock", fmt.Sprint("X", i)))
		}
	})
	for _, n := range []int{1, 3, 10} {
		client := discovery.New(nc, discovery.WithMaxResults(n), discovery.WithMaxWait(forever), discovery.WithStall(0))
		pings, err := client.Ping(patient(t))
		if err != nil || len(pings) != n {
			t.Errorf("%d answers and error %v, want %d", len(pings), err, n)
		}
	}
}

// TestNoHiddenCap has more answers than the connection's channel for synchronous subscriptions could hold, all of
// which arrive while the caller is busy with the first.
func TestNoHiddenCap(t *testing.T) {
	t.Parallel()
	const connections, each = 5, 500
	srv := typednatstest.Run(t)
	peers := make([]*nats.Conn, connections)
	sent := make(chan struct{}, connections)
	for i := range peers {
		peers[i] = srv.Connect(t)
		answer(t, peers[i], "$SRV.PING.stock", func(m *nats.Msg) {
			for j := range each {
				respond(t, m, pong(t, "stock", fmt.Sprintf("X%d-%d", i, j)))
			}
			flush(t, peers[i])
			sent <- struct{}{}
		})
	}
	nc := srv.Connect(t, nats.SyncQueueLen(1))
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(0),
		discovery.WithMaxResults(connections*each))
	seen := make(map[string]bool)
	for p, err := range client.PingSeq(patient(t), "stock") {
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 {
			for range peers {
				<-sent
			}
			flush(t, nc)
		}
		seen[p.ID] = true
	}
	if len(seen) != connections*each {
		t.Errorf("%d instances, want %d", len(seen), connections*each)
	}
}

func TestStallEndsAfterAPause(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for i := range 500 {
		answerOnly(t, nc, "$SRV.PING", pong(t, "stock", fmt.Sprint("X", i)))
	}
	flush(t, nc)
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(time.Second))
	pings, err := client.Ping(patient(t))
	if err != nil || len(pings) != 500 {
		t.Errorf("%d answers and error %v, want 500", len(pings), err)
	}
}

// answerOnly is answer without a wait for the server.
func answerOnly(t *testing.T, nc *nats.Conn, subject string, data []byte) {
	t.Helper()
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { respond(t, m, data) }); err != nil {
		t.Fatal(err)
	}
}

// TestStallBeginsWithTheFirstAnswer has a first answer that takes many times the pause.
func TestStallBeginsWithTheFirstAnswer(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) {
		<-time.After(200 * time.Millisecond)
		respond(t, m, pong(t, "stock", "X1"))
	})
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(time.Millisecond))
	pings, err := client.Ping(patient(t))
	if err != nil || len(pings) != 1 {
		t.Errorf("%d answers and error %v, want 1", len(pings), err)
	}
}

// TestStallBeginsAgainWithEachAnswer has answers that take longer than the pause, but not each.
func TestStallBeginsAgainWithEachAnswer(t *testing.T) {
	t.Parallel()
	const answers, pause = 7, time.Second
	srv := typednatstest.Run(t)
	answer(t, srv.Connect(t), "$SRV.PING", func(m *nats.Msg) {
		for i := range answers {
			respond(t, m, pong(t, "stock", fmt.Sprint("X", i)))
			<-time.After(pause / 5)
		}
	})
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(forever), discovery.WithStall(pause),
		discovery.WithMaxResults(answers))
	pings, err := client.Ping(patient(t))
	if err != nil || len(pings) != answers {
		t.Errorf("%d answers and error %v, want %d", len(pings), err, answers)
	}
}

// TestStallIgnoresWhatIsDropped has an answer and then an endless stream of garbage.
func TestStallIgnoresWhatIsDropped(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer := srv.Connect(t)
	done := make(chan struct{})
	finished := make(chan struct{})
	defer func() { close(done); <-finished }()
	answer(t, peer, "$SRV.PING", func(m *nats.Msg) {
		defer close(finished)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		respond(t, m, pong(t, "stock", "X1"))
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				respond(t, m, []byte("noise"))
				respond(t, m, pong(t, "stock", "X1"))
			}
		}
	})
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(forever), discovery.WithStall(100*time.Millisecond))
	pings, err := client.Ping(patient(t))
	if err != nil || len(pings) != 1 {
		t.Errorf("%d answers and error %v, want 1", len(pings), err)
	}
}

// TestMaxWaitEndsAStream has answers that never stop, each from another instance.
func TestMaxWaitEndsAStream(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer := srv.Connect(t)
	done := make(chan struct{})
	finished := make(chan struct{})
	defer func() { close(done); <-finished }()
	answer(t, peer, "$SRV.PING", func(m *nats.Msg) {
		defer close(finished)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				respond(t, m, pong(t, "stock", fmt.Sprint("X", i)))
			}
		}
	})
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(500*time.Millisecond), discovery.WithMaxBytes(1<<32))
	pings, err := client.Ping(patient(t))
	if err != nil && !errors.Is(err, discovery.ErrIncomplete) || len(pings) == 0 {
		t.Errorf("%d answers and error %v, want some, and none but %v", len(pings), err, discovery.ErrIncomplete)
	}
}

// TestStallZeroWaits has a second answer that comes only after the first was seen.
func TestStallZeroWaits(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	firstSeen := make(chan struct{})
	answer(t, srv.Connect(t), "$SRV.INFO", func(m *nats.Msg) {
		info := micro.Info{
			ServiceIdentity: micro.ServiceIdentity{Name: "stock", ID: "early"},
			Type:            micro.InfoResponseType,
		}
		respond(t, m, marshal(t, info))
		<-firstSeen
		<-time.After(20 * time.Millisecond)
		info.ID = "late"
		respond(t, m, marshal(t, info))
	})
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(forever), discovery.WithStall(0),
		discovery.WithMaxResults(2))
	var got []string
	for info, err := range client.InfoSeq(patient(t), "") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, info.ID); len(got) == 1 {
			close(firstSeen)
		}
	}
	if diff := cmp.Diff([]string{"early", "late"}, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestSlowLoopMissesNothing has a query that ends while the body of the loop has the first answer.
func TestSlowLoopMissesNothing(t *testing.T) {
	t.Parallel()
	const wait = time.Second
	ended := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, wait)
		t.Cleanup(cancel)
		return ctx
	}
	same := func(ctx context.Context) context.Context { return ctx }
	for name, c := range map[string]struct {
		opt     discovery.Option
		context func(context.Context) context.Context
		err     error
	}{
		"max wait": {discovery.WithMaxWait(wait), same, nil},
		"context":  {discovery.WithMaxWait(forever), ended, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			peer := srv.Connect(t)
			sent := make(chan struct{})
			answer(t, peer, "$SRV.PING", func(m *nats.Msg) {
				for i := range 3 {
					respond(t, m, pong(t, "stock", fmt.Sprint("X", i)))
				}
				flush(t, peer)
				close(sent)
			})
			nc := srv.Connect(t)
			client := discovery.New(nc, c.opt, discovery.WithStall(wait/10))
			var got []string
			var last error
			for p, err := range client.PingSeq(c.context(patient(t)), "") {
				if last = err; err != nil {
					continue
				}
				if got = append(got, p.ID); len(got) == 1 {
					<-sent
					flush(t, nc)
					<-time.After(wait)
				}
			}
			if !errors.Is(last, c.err) {
				t.Errorf("error %v, want %v", last, c.err)
			}
			if diff := cmp.Diff([]string{"X0", "X1", "X2"}, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	spy := srv.Connect(t)
	heard, err := spy.SubscribeSync("$SRV.>")
	if err != nil {
		t.Fatal(err)
	}
	flush(t, spy)
	nc := srv.Connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := discovery.New(nc).Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	flush(t, nc)
	flush(t, spy)
	if n, _, err := heard.Pending(); n != 0 || err != nil {
		t.Errorf("%d questions sent (%v), want none", n, err)
	}
}

func TestContextEndsWithWhatCame(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) {
		respond(t, m, pong(t, "stock", "X1"))
		respond(t, m, []byte("the second"))
	})
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(0),
		discovery.WithReplyError(func(string, error) { cancel() }))
	pings, err := client.Ping(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestContextEndsInALoop(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) { respond(t, m, pong(t, "stock", "X1")) })
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(0))
	var got []micro.Ping
	var errs []error
	for p, err := range client.PingSeq(ctx, "") {
		got, errs = append(got, p), append(errs, err)
		cancel()
	}
	if diff := cmp.Diff([]micro.Ping{ping("stock", "X1"), {}}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], context.Canceled) {
		t.Errorf("errors %v, want nil and then %v", errs, context.Canceled)
	}
}

func TestDeadlineOfTheContext(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING.stock.X1", func(*nats.Msg) {})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := discovery.New(nc, discovery.WithMaxWait(forever)).PingInstance(ctx, "stock", "X1")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, discovery.ErrNotFound) {
		t.Errorf("error %v, want %v alone", err, context.DeadlineExceeded)
	}
}

// TestEveryExitReleases leaves queries in every way there is.
func TestEveryExitReleases(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	answer(t, srv.Connect(t), "$SRV.PING", func(m *nats.Msg) {
		for i := range 3 {
			respond(t, m, pong(t, "stock", fmt.Sprint("X", i)))
		}
		respond(t, m, []byte("noise"))
	})
	nc := srv.Connect(t)
	subscriptions := nc.NumSubscriptions()
	ctx := patient(t)
	opts := []discovery.Option{discovery.WithMaxWait(forever), discovery.WithStall(0)}
	client := discovery.New(nc, opts...)
	panics := func(f func()) (r any) {
		defer func() { r = recover() }()
		f()
		return nil
	}
	for name, leave := range map[string]func() any{
		"not ranged": func() any { client.PingSeq(ctx, ""); return nil },
		"break": func() any {
			for _, err := range client.PingSeq(ctx, "") {
				if err != nil {
					t.Error(err)
				}
				break
			}
			return nil
		},
		"panic in the loop": func() any {
			return panics(func() {
				for _, err := range client.PingSeq(ctx, "") {
					if err != nil {
						t.Error(err)
					}
					panic("loop")
				}
			})
		},
		"panic in the callback": func() any {
			told := append(slices.Clone(opts), discovery.WithReplyError(func(string, error) { panic("callback") }))
			return panics(func() { _, _ = discovery.New(nc, told...).Ping(ctx) })
		},
	} {
		want := map[string]any{"panic in the loop": "loop", "panic in the callback": "callback"}[name]
		if got := leave(); got != want {
			t.Errorf("%s: recovered %v, want %v", name, got, want)
		}
		if n := nc.NumSubscriptions(); n != subscriptions {
			t.Errorf("%s: %d subscriptions afterwards, want %d", name, n, subscriptions)
		}
	}
}

func TestRangedAgainAsksAgain(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	asked := 0
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) {
		asked++
		respond(t, m, pong(t, "stock", fmt.Sprint("X", asked)))
	})
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(1))
	answers := client.PingSeq(patient(t), "")
	var got []string
	for range 2 {
		for p, err := range answers {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.ID)
		}
	}
	if diff := cmp.Diff([]string{"X1", "X2"}, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestQueriesInsideALoop asks about each service while the answers of the first question still come.
func TestQueriesInsideALoop(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for range 3 {
		addService(t, nc, "stock")
	}
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(3))
	ctx := patient(t)
	n := 0
	for p, err := range client.PingSeq(ctx, "stock") {
		if err != nil {
			t.Fatal(err)
		}
		info, err := client.InfoInstance(ctx, p.Name, p.ID)
		if err != nil || info.ID != p.ID {
			t.Errorf("info %v and error %v, want the one of %s", info, err, p.ID)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d answers, want 3", n)
	}
}
