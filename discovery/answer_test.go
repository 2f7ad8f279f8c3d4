package discovery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// TestWhatIsNoAnswerIsDropped has a reply that does not count, and then a proper one.
func TestWhatIsNoAnswerIsDropped(t *testing.T) {
	t.Parallel()
	const pingType = `"type":"io.nats.micro.v1.ping_response"`
	for name, c := range map[string]struct {
		header nats.Header
		data   string
		want   string
	}{
		"empty":      {data: "", want: "decode answer: unexpected end of JSON input"},
		"not JSON":   {data: "pong", want: "decode answer: invalid character 'p' looking for beginning of value"},
		"cut short":  {data: `{"name":"stock"`, want: "decode answer: unexpected end of JSON input"},
		"two values": {data: `{}{}`, want: "decode answer: invalid character '{' after top-level value"},
		"null":       {data: "null", want: `answer of type "" instead of "io.nats.micro.v1.ping_response"`},
		"an array":   {data: "[]", want: "decode answer: json: cannot unmarshal array into Go value of type micro.Ping"},
		"another question's": {
			data: `{"name":"stock","id":"X1","type":"io.nats.micro.v1.info_response"}`,
			want: `answer of type "io.nats.micro.v1.info_response" instead of "io.nats.micro.v1.ping_response"`,
		},
		"a long type": {
			data: `{"type":"` + strings.Repeat("t", 1000) + `"}`,
			want: `answer of type "` + strings.Repeat("t", 64) + `" instead of "io.nats.micro.v1.ping_response"`,
		},
		"no name": {data: `{"id":"X1",` + pingType + `}`, want: "answer without a service name"},
		"no id":   {data: `{"name":"stock",` + pingType + `}`, want: `answer of service "stock" without an instance id`},
		"another service's": {
			data: `{"name":"price","id":"X1",` + pingType + `}`,
			want: `answer of service "price", which was not asked`,
		},
		"an error reply": {
			header: nats.Header{micro.ErrorHeader: {"go\x1baway"}, micro.ErrorCodeHeader: {"403"}},
			data:   `{"name":"stock","id":"X1",` + pingType + `}`,
			want:   `service error 403: "go\x1baway"`,
		},
		"an error reply without a code": {
			header: nats.Header{micro.ErrorHeader: {"go away"}},
			want:   `service error 500: "go away"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := typednatstest.Server(t)
			answer(t, nc, "$SRV.PING.stock", func(m *nats.Msg) {
				if err := m.RespondMsg(&nats.Msg{Header: c.header, Data: []byte(c.data)}); err != nil {
					t.Error(err)
				}
				respond(t, m, pong(t, "stock", "X1"))
			})
			var got []dropped
			client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(1),
				discovery.WithReplyError(func(subject string, err error) {
					got = append(got, dropped{subject, err.Error()})
				}))
			pings, err := client.PingService(patient(t), "stock")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]dropped{{"$SRV.PING.stock", c.want}}, got); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyTheInstanceThatWasAskedCounts(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING.stock.X1", func(m *nats.Msg) {
		respond(t, m, pong(t, "stock", "X2"))
		respond(t, m, pong(t, "price", "X1"))
		respond(t, m, pong(t, "stock", "X1"))
	})
	var got []string
	client := discovery.New(nc, discovery.WithMaxWait(forever),
		discovery.WithReplyError(func(_ string, err error) { got = append(got, err.Error()) }))
	one, err := client.PingInstance(patient(t), "stock", "X1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ping("stock", "X1"), one); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	want := []string{
		`answer of instance "X2", which was not asked`,
		`answer of service "price", which was not asked`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestGarbageAloneIsNobody(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.STATS.>", func(m *nats.Msg) { respond(t, m, []byte("noise")) })
	client := discovery.New(nc, discovery.WithMaxWait(100*time.Millisecond))
	ctx := patient(t)
	if stats, err := client.StatsService(ctx, "stock"); len(stats) != 0 || err != nil {
		t.Errorf("%v and error %v, want nothing", stats, err)
	}
	if _, err := client.StatsInstance(ctx, "stock", "X1"); !errors.Is(err, discovery.ErrNotFound) {
		t.Errorf("error %v, want %v", err, discovery.ErrNotFound)
	}
}

// TestDuplicatesCountOnce: one id under two names is two instances, one that answers twice is not.
func TestDuplicatesCountOnce(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING", func(m *nats.Msg) {
		for _, name := range []string{"stock", "stock", "price", "stock", "last"} {
			respond(t, m, pong(t, name, "X1"))
		}
	})
	var got []error
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(3),
		discovery.WithReplyError(func(_ string, err error) { got = append(got, err) }))
	pings, err := client.Ping(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []micro.Ping{ping("stock", "X1"), ping("price", "X1"), ping("last", "X1")}
	if diff := cmp.Diff(want, pings); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if len(got) != 2 || !errors.Is(got[0], discovery.ErrDuplicate) || !errors.Is(got[1], discovery.ErrDuplicate) {
		t.Errorf("dropped %v, want %v twice", got, discovery.ErrDuplicate)
	}
}
