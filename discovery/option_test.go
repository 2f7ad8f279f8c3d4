package discovery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

func TestBadOptions(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	long := strings.Repeat("p", 1025)
	for want, opt := range map[string]discovery.Option{
		`WithMaxWait(0s): must be more than zero`:                              discovery.WithMaxWait(0),
		`WithMaxWait(-1s): must be more than zero`:                             discovery.WithMaxWait(-time.Second),
		`WithMaxResults(-1): must not be negative`:                             discovery.WithMaxResults(-1),
		`WithStall(-1ms): must not be negative`:                                discovery.WithStall(-time.Millisecond),
		`WithPrefix(""): it is empty`:                                          discovery.WithPrefix(""),
		`WithPrefix("a..b"): token 2 is empty`:                                 discovery.WithPrefix("a..b"),
		`WithPrefix("$SRV."): token 2 is empty`:                                discovery.WithPrefix("$SRV."),
		`WithPrefix("a.*"): it holds a wildcard`:                               discovery.WithPrefix("a.*"),
		`WithPrefix(">"): it holds a wildcard`:                                 discovery.WithPrefix(">"),
		`WithPrefix("a b"): token 1 holds a space or a control character`:      discovery.WithPrefix("a b"),
		`WithPrefix("a\r\nPUB"): token 1 holds a space or a control character`: discovery.WithPrefix("a\r\nPUB"),
		`WithPrefix("\xff"): it is not UTF-8, which $SRV.INFO could not show`:  discovery.WithPrefix("\xff"),
		`WithPrefix("` + long[:64] + `"): it has 1025 bytes, more than 1024`:   discovery.WithPrefix(long),
	} {
		_, err := discovery.New(nc, opt).Ping(t.Context())
		if !errors.Is(err, discovery.ErrInvalidArgument) {
			t.Errorf("error %v, want %v", err, discovery.ErrInvalidArgument)
			continue
		}
		if diff := cmp.Diff("discovery: ping: invalid argument: "+want, err.Error()); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
}

func TestAllBadOptionsAreReported(t *testing.T) {
	t.Parallel()
	client := discovery.New(nil, nil,
		discovery.WithMaxWait(-1), discovery.WithMaxResults(-7), nil,
		discovery.WithMaxBytes(0), discovery.WithStall(-1), discovery.WithPrefix(""))
	_, err := client.StatsInstance(t.Context(), "stock", "X1")
	if !errors.Is(err, discovery.ErrInvalidArgument) || !errors.Is(err, nats.ErrInvalidConnection) {
		t.Fatalf("error %v, want %v and %v", err, discovery.ErrInvalidArgument, nats.ErrInvalidConnection)
	}
	want := []string{
		"no connection: nats: invalid connection",
		"option 1 is nil",
		"option 4 is nil",
		"WithMaxWait(-1ns): must be more than zero",
		"WithMaxResults(-7): must not be negative",
		"WithMaxBytes(0): must be more than zero",
		"WithStall(-1ns): must not be negative",
		`WithPrefix(""): it is empty`,
	}
	got := strings.Split(strings.TrimPrefix(err.Error(), "discovery: stats: "), "\n")
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], "invalid argument: ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// TestNilOption: every query reports it, and none sends anything.
func TestNilOption(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	asked, err := nc.SubscribeSync("$SRV.>")
	if err != nil {
		t.Fatal(err)
	}
	client := discovery.New(nc, discovery.WithStall(0), nil)
	ctx := patient(t)
	errs := make(map[string]error)
	_, errs["Ping"] = client.Ping(ctx)
	_, errs["PingService"] = client.PingService(ctx, "stock")
	_, errs["PingInstance"] = client.PingInstance(ctx, "stock", "X1")
	for _, err := range client.PingSeq(ctx, "") {
		errs["PingSeq"] = err
	}
	_, errs["Info"] = client.Info(ctx)
	_, errs["InfoService"] = client.InfoService(ctx, "stock")
	_, errs["InfoInstance"] = client.InfoInstance(ctx, "stock", "X1")
	for _, err := range client.InfoSeq(ctx, "") {
		errs["InfoSeq"] = err
	}
	_, errs["Stats"] = client.Stats(ctx)
	_, errs["StatsService"] = client.StatsService(ctx, "stock")
	_, errs["StatsInstance"] = client.StatsInstance(ctx, "stock", "X1")
	for _, err := range client.StatsSeq(ctx, "") {
		errs["StatsSeq"] = err
	}
	if len(errs) != 12 {
		t.Errorf("%d queries, want 12", len(errs))
	}
	for query, err := range errs {
		if !errors.Is(err, discovery.ErrInvalidArgument) || !strings.Contains(err.Error(), "option 2 is nil") {
			t.Errorf("%s: error %v, want %v about option 2", query, err, discovery.ErrInvalidArgument)
		}
	}
	flush(t, nc)
	if n, _, err := asked.Pending(); n != 0 || err != nil {
		t.Errorf("%d questions sent (%v), want none", n, err)
	}
}

func TestNilReplyErrorTellsNobody(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) { respond(t, m, []byte("noise")) })
	client := discovery.New(nc, discovery.WithReplyError(nil), discovery.WithMaxWait(100*time.Millisecond))
	if _, err := client.Ping(patient(t)); err != nil {
		t.Error(err)
	}
}

// TestNamesAndIDsCannotWidenASubject has a spy on everything: nothing may be sent for a bad name.
func TestNamesAndIDsCannotWidenASubject(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	spy := srv.Connect(t)
	heard, err := spy.SubscribeSync("$SRV.>")
	if err != nil {
		t.Fatal(err)
	}
	flush(t, spy)
	nc := srv.Connect(t)
	client := discovery.New(nc, discovery.WithMaxWait(time.Millisecond))
	ctx := patient(t)
	long := strings.Repeat("x", 1025)

	for _, name := range []string{"", "*", ">", "a.b", "a b", "a\r\n", "ä", "a\x00", ".", "$SRV", long} {
		_, ofService := client.PingService(ctx, name)
		_, ofInstance := client.InfoInstance(ctx, name, "X1")
		errs := []error{ofService, ofInstance}
		if name != "" { // which is everybody for an iterator
			for _, err := range client.StatsSeq(ctx, name) {
				errs = append(errs, err)
			}
		}
		for _, err := range errs {
			if !errors.Is(err, discovery.ErrInvalidArgument) {
				t.Errorf("name %.20q: error %v, want %v", name, err, discovery.ErrInvalidArgument)
			}
		}
	}
	for _, id := range []string{"", "*", ">", "a.b", "a b", "a\r\n", "a\x7f", "\xff", ".", "a>", long} {
		if _, err := client.PingInstance(ctx, "stock", id); !errors.Is(err, discovery.ErrInvalidArgument) {
			t.Errorf("id %.20q: error %v, want %v", id, err, discovery.ErrInvalidArgument)
		}
	}
	flush(t, nc)
	flush(t, spy)
	if n, _, err := heard.Pending(); n != 0 || err != nil {
		t.Errorf("%d questions sent (%v), want none", n, err)
	}

	// Ids need not look like those of the libraries, and the longest of everything still fits a protocol line.
	for _, id := range []string{"instance:7/ä", long[:1024]} {
		if _, err := client.PingInstance(ctx, long[:1024], id); !errors.Is(err, discovery.ErrNotFound) {
			t.Errorf("id %.20q: error %v, want %v", id, err, discovery.ErrNotFound)
		}
	}
	if err := nc.LastError(); err != nil {
		t.Errorf("connection reports %v", err)
	}
}

func TestWithPrefix(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	asked := make(chan string, 1)
	answer(t, nc, "acme.Srv.PING.stock", func(m *nats.Msg) {
		asked <- m.Subject
		respond(t, m, pong(t, "stock", "X1"))
	})
	client := discovery.New(nc,
		discovery.WithPrefix("acme.Srv"), discovery.WithMaxWait(forever), discovery.WithMaxResults(1))
	pings, err := client.PingService(patient(t), "stock")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("acme.Srv.PING.stock", <-asked); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
}
