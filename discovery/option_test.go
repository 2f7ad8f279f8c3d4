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
		`WithMaxWait(0s): must be more than zero`:                    discovery.WithMaxWait(0),
		`WithMaxWait(-1s): must be more than zero`:                   discovery.WithMaxWait(-time.Second),
		`WithMaxResults(-1): must not be negative`:                   discovery.WithMaxResults(-1),
		`WithStall(-1ms): must not be negative`:                      discovery.WithStall(-time.Millisecond),
		`WithPrefix(""): empty token`:                                discovery.WithPrefix(""),
		`WithPrefix("a..b"): empty token`:                            discovery.WithPrefix("a..b"),
		`WithPrefix("$SRV."): empty token`:                           discovery.WithPrefix("$SRV."),
		`WithPrefix("a.*"): a dot or a wildcard in a token`:          discovery.WithPrefix("a.*"),
		`WithPrefix(">"): a dot or a wildcard in a token`:            discovery.WithPrefix(">"),
		`WithPrefix("a b"): a space or a control character`:          discovery.WithPrefix("a b"),
		`WithPrefix("a\r\nPUB"): a space or a control character`:     discovery.WithPrefix("a\r\nPUB"),
		`WithPrefix("\xff"): not UTF-8`:                              discovery.WithPrefix("\xff"),
		`WithPrefix("` + long[:64] + `"...): longer than 1024 bytes`: discovery.WithPrefix(long),
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
	client := discovery.New(typednatstest.Server(t),
		discovery.WithMaxWait(-1), discovery.WithMaxResults(-7), discovery.WithStall(-1))
	_, err := client.StatsInstance(t.Context(), "stock", "X1")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"WithMaxWait(-1ns)", "WithMaxResults(-7)", "WithStall(-1ns)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}

func TestNilOptionChangesNothing(t *testing.T) {
	t.Parallel()
	if _, err := discovery.New(typednatstest.Server(t), nil, discovery.WithReplyError(nil)).Ping(patient(t)); err != nil {
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
	for _, id := range []string{"", "*", ">", "a.b", "a b", "a\r\n", "a\x7f", "a\u2028b", "\xff", ".", "a>", long} {
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
