package typednats_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// spacious is a payload that takes much more memory than its body.
type spacious [256 << 10]byte

// Requests that waited held an In and an Out each, whatever those take: 64 of these, 32 MiB.
func TestWhatWaitsIsNotMadeBeforeItRuns(t *testing.T) { //nolint:paralleltest // it measures what the process holds
	const waiting = 64
	srv := typednatstest.Run(t)
	entered, opened := make(chan struct{}, 1+waiting), make(chan struct{})
	e := typednats.NewEndpoint[spacious, spacious, typednats.Never]("large")
	s := start(t, srv.Connect(t), config(), e.Handle(func(_ context.Context, _ spacious) (spacious, error) {
		entered <- struct{}{}
		<-opened
		return spacious{}, typednats.Errorf(418, "no reply of half a megabyte")
	}, typednats.WithMaxConcurrent(1)))
	raw := newRawClient(t, srv.Connect(t))
	raw.send("runs", "large", `[]`)
	await(t, entered, "the handler")
	before := heapInUse()
	for i := range waiting {
		raw.send(strconv.Itoa(i), "large", `[]`)
	}
	eventually(t, "the requests to wait", func() bool { return requestsOf(s, "large") == 1+waiting })
	if grown := int64(heapInUse()) - int64(before); grown > 8<<20 {
		t.Errorf("%d requests that wait hold %d MB", waiting, grown>>20)
	}
	close(opened)
	for range 1 + waiting {
		raw.next()
	}
}

// Bodies alone were counted: 400 requests without a body, with headers of 900 kB, held 695 MiB. Here are a few of them.
func TestHeadersCountAgainstTheBoundOnBytes(t *testing.T) {
	t.Parallel()
	const bound = 8 << 20
	var many []string
	for i := range 9000 {
		many = append(many, strconv.Itoa(i))
	}
	for name, test := range map[string]struct {
		header nats.Header
		most   int // of them may wait
	}{
		"one of 900 kB":     {nats.Header{"Large": {strings.Repeat("x", 900_000)}}, bound / 900_000},
		"many short values": {nats.Header{"Many": many}, bound / (64 * len(many))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const requests = 40
			srv := typednatstest.Run(t)
			g := newGate()
			defer g.open()
			start(t, srv.Connect(t), config(), echo.Handle(g.handle,
				typednats.WithMaxConcurrent(1), typednats.WithMaxPending(requests, bound)))
			raw := newRawClient(t, srv.Connect(t))
			raw.send("runs", "echo", `{}`)
			await(t, g.entered, "the handler")
			for i := range requests {
				msg := &nats.Msg{Subject: "echo", Reply: fmt.Sprintf("%s.%d", raw.inbox, i), Header: test.header}
				if err := raw.nc.PublishMsg(msg); err != nil {
					t.Fatal(err)
				}
			}
			for range requests - test.most {
				if _, failure, _ := raw.next(); failure != "503:too many requests" {
					t.Fatalf("reply %q", failure)
				}
			}
			raw.flush()
		})
	}
}
