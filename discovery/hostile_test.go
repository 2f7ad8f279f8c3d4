package discovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// TestLieThatNobodyListens has somebody who says so in place of the server, before another one answers.
func TestLieThatNobodyListens(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	lied := make(chan *nats.Msg, 8)
	liar := srv.Connect(t)
	answer(t, liar, "$SRV.PING.>", func(m *nats.Msg) {
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"503"}}})
		_ = liar.Flush() // they fail when the test is over
		lied <- m
	})
	peer := srv.Connect(t)
	flush(t, peer)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // an honest one, which is slower
		for {
			select {
			case m := <-lied:
				_ = peer.PublishMsg(&nats.Msg{Subject: m.Reply, Data: pong(t, "stock", "X1")})
			case <-stop:
				return
			}
		}
	}()
	var told []error
	client := discovery.New(srv.Connect(t), discovery.WithMaxWait(forever), discovery.WithMaxResults(1),
		discovery.WithReplyError(func(_ string, err error) { told = append(told, err) }))
	pings, err := client.PingService(patient(t), "stock")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if len(told) != 1 || !strings.Contains(told[0].Error(), "no responders") {
		t.Errorf("told %v, want the lie", told)
	}
}

// TestFloodsEndInTime has somebody who answers without end, with all sorts of things, and somebody with one proper answer.
// A query ends when it says, or when it has had enough, and then says that there may be more.
func TestFloodsEndInTime(t *testing.T) {
	t.Parallel()
	const wait = 300 * time.Millisecond
	big := bytes.Repeat([]byte("x"), 900<<10)
	odd := append(append([]byte(`{"name":"stock","id":"X1","type":"io.nats.micro.v1.info_response","endpoints":[`),
		bytes.Repeat([]byte(`{"name":5},`), 50_000)...), []byte(`{"name":5}]}`)...)
	for name, test := range map[string]struct {
		flood func(i int) []byte
		opts  []discovery.Option
		all   bool // the proper answer alone
	}{
		"1 MB of garbage":   {flood: func(int) []byte { return big }},
		"duplicates":        {flood: func(int) []byte { return info("X1") }},
		"odd fields":        {flood: func(int) []byte { return odd }},
		"more and more":     {flood: func(i int) []byte { return info(fmt.Sprint("X", i)) }, all: true},
		"never stalls":      {flood: func(int) []byte { return big }, opts: []discovery.Option{discovery.WithStall(time.Minute)}},
		"a bound of 1 byte": {flood: func(int) []byte { return big }, opts: []discovery.Option{discovery.WithMaxBytes(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			stop, stopped := make(chan struct{}), make(chan struct{})
			answer(t, srv.Connect(t), "$SRV.INFO", func(m *nats.Msg) {
				defer close(stopped)
				respond(t, m, info("X1"))
				for i := 2; ; i++ {
					select {
					case <-stop:
						return
					default:
						respond(t, m, test.flood(i))
					}
				}
			})
			client := discovery.New(srv.Connect(t), append(test.opts, discovery.WithMaxWait(wait))...)
			ctx, cancel := context.WithTimeout(t.Context(), forever)
			defer cancel()
			infos, err := client.Info(ctx)
			close(stop)
			<-stopped
			if ctx.Err() != nil {
				t.Fatal("the query did not end")
			}
			if err != nil && !errors.Is(err, discovery.ErrIncomplete) {
				t.Errorf("error %v, want none or %v", err, discovery.ErrIncomplete)
			}
			if name == "a bound of 1 byte" {
				if len(infos) != 0 || err == nil {
					t.Errorf("%d answers and error %v, want none and %v", len(infos), err, discovery.ErrIncomplete)
				}
				return
			}
			if len(infos) == 0 || infos[0].ID != "X1" || !test.all && len(infos) != 1 {
				t.Errorf("%d answers, want that of X1", len(infos))
			}
		})
	}
}

// TestMaxBytes counts what comes, whatever it is, and keeps what fits.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	const each = 512 + 100 // the second is more than the body and the subject
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.INFO", func(m *nats.Msg) {
		for i := range 10 {
			respond(t, m, info(fmt.Sprint("X", i)))
		}
	})
	infos, err := discovery.New(nc, discovery.WithMaxBytes(5*each+300), discovery.WithMaxWait(forever)).Info(patient(t))
	if !errors.Is(err, discovery.ErrIncomplete) || !strings.Contains(err.Error(), "WithMaxBytes") {
		t.Errorf("error %v, want %v that names WithMaxBytes", err, discovery.ErrIncomplete)
	}
	if n := len(infos); n == 0 || n >= 10 {
		t.Errorf("%d answers, want some", n)
	}
	for i, info := range infos {
		if want := fmt.Sprint("X", i); info.ID != want {
			t.Errorf("answer %d is of %s, want %s", i, info.ID, want)
		}
	}
	infos, err = discovery.New(nc, discovery.WithMaxBytes(10*1024), discovery.WithMaxResults(10)).Info(patient(t))
	if len(infos) != 10 || err != nil {
		t.Errorf("%d answers and error %v, want all", len(infos), err)
	}
}

// info is an answer to INFO.
func info(id string) []byte {
	return slices.Concat([]byte(`{"name":"stock","id":"`), []byte(id),
		[]byte(`","type":"io.nats.micro.v1.info_response"}`))
}
