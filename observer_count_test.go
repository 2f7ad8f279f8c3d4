package typednats_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// wayward is a handler that ends in each way that a handler has, and the guard before it.
func wayward(ctx context.Context, in note) (note, error) {
	switch in.Text {
	case "large":
		return note{strings.Repeat("x", 8<<10)}, nil
	case "large error":
		return note{}, missing{strings.Repeat("x", 8<<10)}
	case "late":
		<-ctx.Done()
		return in, ctx.Err()
	}
	return mixed(ctx, in)
}

func waywardGuard(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
	switch inv.Header.Get("Guard") {
	case "refuses":
		return nil, typednats.Errorf(401, "no")
	case "declares":
		return nil, missing{"caller"}
	case "fails":
		return nil, errors.New("the secret is 42")
	case "panics":
		panic("the secret is 42")
	}
	return ctx, nil
}

// callWayward calls in one of those ways.
func callWayward(ctx context.Context, client *typednats.Client, way string) {
	each, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	var opts []typednats.CallOption
	body := note{way}
	switch verb, what, _ := strings.Cut(way, " "); {
	case verb == "guard":
		opts = append(opts, typednats.WithHeader("Guard", what))
	case way == "codec":
		opts = append(opts, typednats.WithCallCodec(msgpack.Codec))
	case way == "undecodable":
		_, _ = typednats.Request[[]int, note](each, client, "echo", []int{1})
		return
	case way == "cancelled":
		each, cancel = context.WithCancel(each)
		defer cancel()
		time.AfterFunc(5*time.Millisecond, cancel)
		body.Text = "late"
	case way == "late":
		each, cancel = context.WithTimeout(each, 20*time.Millisecond)
		defer cancel()
	}
	_, _ = typednats.RequestService(each, client, echo, body, opts...)
}

// The observer and the statistics count the same, whatever happens: under load, by code and by tag, and however the service
// ends meanwhile.
func TestObserverSeesWhatStatisticsCount(t *testing.T) {
	t.Parallel()
	ways := []string{
		"", "declared", "service", "undeclared", "panic", "goexit", "large", "large error", "late", "cancelled",
		"codec", "undecodable", "guard refuses", "guard declares", "guard fails", "guard panics", "late",
	}
	for name, stop := range map[string]func(t *testing.T, s *typednats.Service, closeConn func()){
		"when all is over": nil,
		"stop that gives up": func(t *testing.T, s *typednats.Service, _ func()) {
			t.Helper()
			err := s.Stop(cancelled(within(t)))
			if err != nil && !errors.Is(err, typednats.ErrAbandoned) && !errors.Is(err, context.Canceled) {
				t.Errorf("Stop = %v", err)
			}
		},
		"stop that waits":   func(t *testing.T, s *typednats.Service, _ func()) { t.Helper(); mustStop(t, s) },
		"connection closed": func(_ *testing.T, _ *typednats.Service, closeConn func()) { closeConn() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
			nc, o := srv.Connect(t), newWatching()
			s := start(t, nc, config(func(c *typednats.ServiceConfig) {
				c.Observers, c.Guards = []typednats.Observer{o}, []typednats.Guard{waywardGuard}
			}), echo.Handle(wayward, typednats.WithMaxConcurrent(4), typednats.WithMaxPending(8, 1<<20)))
			ctx, quit := context.WithCancel(within(t))
			defer quit()
			client := newClient(t, srv.Connect(t))
			var callers sync.WaitGroup
			for i := range 32 {
				callers.Go(func() {
					for n := 0; ctx.Err() == nil && n < 3*len(ways); n++ {
						callWayward(ctx, client, ways[(i+n)%len(ways)])
					}
				})
			}
			if stop != nil {
				eventually(t, "requests", func() bool { return requestsOf(s, "echo") > 200 })
				stop(t, s, nc.Close)
				await(t, s.Done(), "Done")
				quit()
			}
			callers.Wait()
			_ = s.Stop(within(t)) // it has been stopped above, or stops now
			// A Stop that gives up leaves handlers and answers behind, which go on.
			eventually(t, "the last request", func() bool { return s.Stats().Endpoints[0].NumRequests == len(o.ended) })
			seen := struct{ requests, errors int }{len(o.started), 0}
			codes, tags := make(map[int]int), make(map[string]int)
			for range seen.requests {
				end := <-o.ended
				if end.Code != 0 {
					seen.errors++
					codes[end.Code]++
				}
				if end.Tag != "" {
					tags[end.Tag]++
				}
			}
			stats := s.Stats().Endpoints[0]
			compare(t, "requests and errors", [2]int{stats.NumRequests, stats.NumErrors}, [2]int{seen.requests, seen.errors})
			compare(t, "codes", loadOf(s).Codes, codes, cmpopts.EquateEmpty())
			compare(t, "tags", loadOf(s).Tags, tags, cmpopts.EquateEmpty())
			if stop != nil {
				return
			}
			for _, code := range []int{400, 401, 403, 404, 415, 500, 503} {
				if codes[code] == 0 {
					t.Errorf("nothing has ended with code %d: %v", code, codes)
				}
			}
		})
	}
}
