package discovery_test

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// verb is one of the three questions, so that they share their tests.
type verb[A any] struct {
	all      func(*discovery.Client, context.Context) ([]A, error)
	service  func(*discovery.Client, context.Context, string) ([]A, error)
	instance func(*discovery.Client, context.Context, string, string) (A, error)
	seq      func(*discovery.Client, context.Context, string) iter.Seq2[A, error]
	want     func(micro.Service) A
	id       func(A) string
}

func TestPing(t *testing.T) {
	t.Parallel()
	testVerb(t, verb[micro.Ping]{
		all:      (*discovery.Client).Ping,
		service:  (*discovery.Client).PingService,
		instance: (*discovery.Client).PingInstance,
		seq:      (*discovery.Client).PingSeq,
		want: func(s micro.Service) micro.Ping {
			return micro.Ping{ServiceIdentity: s.Info().ServiceIdentity, Type: micro.PingResponseType}
		},
		id: func(a micro.Ping) string { return a.ID },
	})
}

func TestInfo(t *testing.T) {
	t.Parallel()
	testVerb(t, verb[micro.Info]{
		all:      (*discovery.Client).Info,
		service:  (*discovery.Client).InfoService,
		instance: (*discovery.Client).InfoInstance,
		seq:      (*discovery.Client).InfoSeq,
		want:     micro.Service.Info,
		id:       func(a micro.Info) string { return a.ID },
	})
}

func TestStats(t *testing.T) {
	t.Parallel()
	testVerb(t, verb[micro.Stats]{
		all:      (*discovery.Client).Stats,
		service:  (*discovery.Client).StatsService,
		instance: (*discovery.Client).StatsInstance,
		seq:      (*discovery.Client).StatsSeq,
		want:     micro.Service.Stats,
		id:       func(a micro.Stats) string { return a.ID },
	})
}

func testVerb[A any](t *testing.T, v verb[A]) {
	t.Helper()
	srv := typednatstest.Run(t)
	// Two instances share a connection with another service; a third is elsewhere.
	first, second := srv.Connect(t), srv.Connect(t)
	stock := []micro.Service{addService(t, first, "stock"), addService(t, first, "stock"), addService(t, second, "stock")}
	price := addService(t, first, "price")
	everybody := append(slices.Clone(stock), price)
	for _, s := range everybody {
		if _, err := first.Request(s.Info().Endpoints[0].Subject, []byte("hi"), patience); err != nil {
			t.Fatal(err)
		}
	}

	nc := srv.Connect(t)
	flush(t, nc) // a connection that settles later would disturb the count
	subscriptions := nc.NumSubscriptions()
	// With the number of answers known, no query has to wait for one that does not come.
	expecting := func(n int) *discovery.Client {
		return discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(0), discovery.WithMaxResults(n))
	}
	ctx := patient(t)
	sorted := func(answers []A) []A {
		slices.SortFunc(answers, func(a, b A) int { return cmp.Compare(v.id(a), v.id(b)) })
		return answers
	}
	want := func(services ...micro.Service) []A {
		var all []A
		for _, s := range services {
			all = append(all, v.want(s))
		}
		return sorted(all)
	}
	check := func(what string, want, got []A, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := gocmp.Diff(want, sorted(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	drain := func(answers iter.Seq2[A, error]) (all []A, err error) {
		for a, err := range answers {
			if err != nil {
				return all, err
			}
			all = append(all, a)
		}
		return all, nil
	}

	got, err := v.all(expecting(4), ctx)
	check("everybody", want(everybody...), got, err)
	got, err = v.service(expecting(3), ctx, "stock")
	check("by name", want(stock...), got, err)
	got, err = v.service(expecting(1), ctx, "nobody")
	check("an unknown name", nil, got, err)
	got, err = drain(v.seq(expecting(4), ctx, ""))
	check("iterator over everybody", want(everybody...), got, err)
	byName := v.seq(expecting(3), ctx, "stock")
	for range 2 {
		got, err = drain(byName)
		check("iterator by name", want(stock...), got, err)
	}
	one, err := v.instance(expecting(0), ctx, "stock", stock[2].Info().ID)
	check("one instance", want(stock[2]), []A{one}, err)
	if one, err = v.instance(expecting(0), ctx, "price", stock[0].Info().ID); !errors.Is(err, discovery.ErrNotFound) {
		t.Errorf("an instance of another service: %v and error %v, want %v", one, err, discovery.ErrNotFound)
	}
	if n := nc.NumSubscriptions(); n != subscriptions {
		t.Errorf("%d subscriptions afterwards, want %d", n, subscriptions)
	}
}

func TestErrorsSayWhatWasAsked(t *testing.T) {
	t.Parallel()
	client := discovery.New(typednatstest.Server(t))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	last := func(answers iter.Seq2[micro.Info, error]) (err error) {
		for _, err = range answers {
		}
		return err
	}
	_, all := client.Ping(ended)
	_, byName := client.StatsService(ended, "stock")
	_, notFound := client.InfoInstance(patient(t), "stock", "X1")
	for want, got := range map[string]error{
		"ping $SRV.PING: context canceled":                    all,
		"stats $SRV.STATS.stock: context canceled":            byName,
		"info $SRV.INFO.stock: context canceled":              last(client.InfoSeq(ended, "stock")),
		"info $SRV.INFO.stock.X1: service instance not found": notFound,
		`info: invalid argument: service name "a.b": want one or more letters, digits, dashes or underscores`: last(
			client.InfoSeq(ended, "a.b")),
	} {
		if got == nil || got.Error() != "discovery: "+want {
			t.Errorf("error %q, want %q", got, "discovery: "+want)
		}
	}
	if !errors.Is(all, context.Canceled) {
		t.Errorf("%v is not %v", all, context.Canceled)
	}
}

func TestOneClientSharedByGoroutines(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer := srv.Connect(t)
	for range 3 {
		addService(t, peer, "stock")
	}
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(forever), discovery.WithMaxResults(3))
	ctx := patient(t)
	const askers = 20
	counts := make(chan int, askers)
	for range askers {
		go func() {
			pings, err := client.PingService(ctx, "stock")
			if err != nil {
				t.Error(err)
			}
			counts <- len(pings)
		}()
	}
	for range askers {
		if n := <-counts; n != 3 {
			t.Errorf("%d answers, want 3", n)
		}
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	if _, err := discovery.New(nil).Ping(t.Context()); !errors.Is(err, nats.ErrInvalidConnection) {
		t.Errorf("error %v, want %v", err, nats.ErrInvalidConnection)
	}
}
