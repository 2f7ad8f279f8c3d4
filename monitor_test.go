package typednats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// ask returns the only answer to a question of the service protocol, as a JSON object.
func ask(t *testing.T, raw *rawClient, subject string) map[string]any {
	t.Helper()
	raw.send("answer", subject, "")
	_, failure, msg := raw.next()
	if failure != "" {
		t.Fatalf("%s: %s", subject, failure)
	}
	if len(msg.Header) > 0 {
		t.Errorf("%s: the answer has headers %v", subject, msg.Header)
	}
	var answer map[string]any
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	raw.silent()
	return answer
}

func TestMonitorAnswersAtAllThreeLevels(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, ctx := srv.Connect(t), within(t)
	group := typednats.NewGroup("g").WithoutQueueGroup()
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.Description, c.Metadata = "echoes", map[string]string{"region": "eu"}
		c.StatsHandler = func(endpoint string) any { return map[string]string{"of": endpoint} }
	}), echo.WithMetadata("unit", "piece").Handle(repeat), echo.InGroup(group).Handle(mixed))
	if _, err := typednats.RequestService(ctx, nc, echo, note{}); err != nil {
		t.Fatal(err)
	}
	_, _ = typednats.RequestService(ctx, nc, echo.InGroup(group), note{"declared"})
	identity := func(kind string, more map[string]any) map[string]any {
		answer := map[string]any{
			"type": "io.nats.micro.v1." + kind + "_response",
			"name": "test", "id": s.ID(), "version": "1.2.3", "metadata": map[string]any{"region": "eu"},
		}
		maps.Copy(answer, more)
		return answer
	}
	raw := newRawClient(t, srv.Connect(t))
	for _, level := range []string{"", ".test", ".test." + s.ID()} {
		compare(t, "PING"+level, identity("ping", nil), ask(t, raw, "$SRV.PING"+level))
		compare(t, "INFO"+level, identity("info", map[string]any{
			"description": "echoes",
			"endpoints": []any{
				map[string]any{
					"name": "echo", "subject": "echo", "queue_group": "q",
					"metadata": map[string]any{"unit": "piece", "typednats.contract": describedContract(t, echo).Digest()},
				},
				map[string]any{
					"name": "echo", "subject": "g.echo", "queue_group": "",
					"metadata": map[string]any{"typednats.contract": describedContract(t, echo.InGroup(group)).Digest()},
				},
			},
		}), ask(t, raw, "$SRV.INFO"+level))

		stats := ask(t, raw, "$SRV.STATS"+level)
		started, _ := stats["started"].(string)
		when, err := time.Parse(time.RFC3339, started)
		if err != nil || !strings.HasSuffix(started, "Z") || time.Since(when) < 0 || time.Since(when) > time.Hour {
			t.Errorf("STATS%s: started %q (%v), want a time in UTC as in RFC 3339", level, started, err)
		}
		delete(stats, "started")
		endpoints, _ := stats["endpoints"].([]any)
		for _, e := range endpoints {
			e := e.(map[string]any)
			total, average := e["processing_time"].(float64), e["average_processing_time"].(float64)
			if total <= 0 || total != average { // one request each
				t.Errorf("STATS%s: processing time %v, average %v", level, total, average)
			}
			delete(e, "processing_time")
			delete(e, "average_processing_time")
		}
		compare(t, "STATS"+level, identity("stats", map[string]any{
			"endpoints": []any{
				map[string]any{
					"name": "echo", "subject": "echo", "queue_group": "q",
					"num_requests": 1.0, "num_errors": 0.0, "last_error": "", "data": map[string]any{"of": "echo"},
				},
				map[string]any{
					"name": "echo", "subject": "g.echo", "queue_group": "",
					"num_requests": 1.0, "num_errors": 1.0, "last_error": "404:no nut", "data": map[string]any{"of": "g.echo"},
				},
			},
		}), stats)
	}
}

// NATS's published schemas want objects, arrays and strings where Go's zero values would be null or missing.
func TestMonitorAnswersHoldNoNulls(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config())
	raw := newRawClient(t, srv.Connect(t))
	for verb, want := range map[string][]string{
		"PING":  {"id", "metadata", "name", "type", "version"},
		"INFO":  {"description", "endpoints", "id", "metadata", "name", "type", "version"},
		"STATS": {"endpoints", "id", "metadata", "name", "started", "type", "version"},
	} {
		answer := ask(t, raw, "$SRV."+verb)
		compare(t, verb+" fields", want, slices.Sorted(maps.Keys(answer)))
		compare(t, verb+" metadata", any(map[string]any{}), answer["metadata"])
		if verb != "PING" {
			compare(t, verb+" endpoints", any([]any{}), answer["endpoints"])
		}
	}
}

func TestMonitorAddressesOneServiceAndOneInstance(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	named := func(name string) *typednats.Service {
		return start(t, nc, config(func(c *typednats.ServiceConfig) { c.Name = name }), echo.WithoutQueueGroup().Handle(repeat))
	}
	a1, a2, b := named("a"), named("a"), named("b") // all on one connection
	raw := newRawClient(t, srv.Connect(t))
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		for subject, want := range map[string][]string{
			"":              {a1.ID(), a2.ID(), b.ID()},
			".a":            {a1.ID(), a2.ID()},
			".b":            {b.ID()},
			".a." + a1.ID(): {a1.ID()},
			".b." + b.ID():  {b.ID()},
		} {
			raw.send("x", "$SRV."+verb+subject, "")
			var got []string
			for range want {
				_, _, msg := raw.next()
				var ping micro.Ping
				if err := json.Unmarshal(msg.Data, &ping); err != nil {
					t.Fatal(err)
				}
				got = append(got, ping.ID)
			}
			slices.Sort(want)
			slices.Sort(got)
			compare(t, verb+subject, want, got)
			raw.silent()
		}
		for _, subject := range []string{".c", ".A", ".b." + a1.ID(), ".a.x"} {
			nobodyServes(t, nc, "$SRV."+verb+subject)
		}
	}
}

func TestMonitorFollowsTheEndpoints(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, ctx := srv.Connect(t), within(t)
	s := start(t, nc, config(), echo.Handle(repeat))
	raw := newRawClient(t, srv.Connect(t))
	subjects := func() (list []string) {
		for _, e := range ask(t, raw, "$SRV.INFO.test")["endpoints"].([]any) {
			list = append(list, fmt.Sprint(e.(map[string]any)["subject"]))
		}
		return list
	}
	if err := s.AddEndpoints(echo.InSubject("b").Handle(repeat), echo.InSubject("c").Handle(repeat)); err != nil {
		t.Fatal(err)
	}
	compare(t, "after adding", []string{"echo", "b", "c"}, subjects())
	if err := s.RemoveEndpoint(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	compare(t, "after removing", []string{"echo", "c"}, subjects())
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"$SRV.PING", "$SRV.INFO.test", "$SRV.STATS.test." + s.ID()} {
		nobodyServes(t, nc, subject)
	}
}

// What would not fit into a message is left out of the statistics, the least needed first.
func TestStatsAreShortenedToFit(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	for name, test := range map[string]struct {
		data, failure string
		wantData      bool
		want          string // the last error
		reported      bool
	}{
		"fits":              {data: "some", failure: "no", wantData: true, want: "403:no"},
		"large errors":      {data: "some", failure: strings.Repeat("<", 3000), wantData: true, want: "403:" + strings.Repeat("<", 28)},
		"large data":        {data: strings.Repeat("x", 5000), failure: "no", want: "403", reported: true},
		"large data, alone": {data: strings.Repeat("x", 5000), reported: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reports := make(reportLog, 10)
			nc := srv.Connect(t)
			service := config(reports.config, func(c *typednats.ServiceConfig) {
				c.StatsHandler = func(string) any { return test.data }
			})
			service.Name = strings.NewReplacer(" ", "-", ",", "").Replace(name)
			e := echo.InSubject(service.Name)
			start(t, nc, service, e.Handle(func(context.Context, note) (note, error) {
				return note{}, typednats.Errorf(403, "%s", test.failure)
			}))
			if test.failure != "" {
				_, _ = typednats.RequestService(within(t), nc, e, note{})
			}
			got, err := discovery.New(nc, discovery.WithMaxResults(1)).StatsService(within(t), service.Name)
			if err != nil || len(got) != 1 {
				t.Fatalf("STATS = %v, %v", got, err)
			}
			compare(t, "last error", test.want, got[0].Endpoints[0].LastError)
			compare(t, "data is there", test.wantData, got[0].Endpoints[0].Data != nil)
			if !test.reported {
				return
			}
			if r := await(t, reports, "a report"); r.Subject != "$SRV.STATS" || !errors.Is(r.Err, nats.ErrMaxPayload) {
				t.Errorf("reported %+v", r)
			}
		})
	}
}

// Callers who choose what errors say do not make the statistics too large for a message.
func TestHostileErrorsDoNotSilenceStats(t *testing.T) {
	t.Parallel()
	const endpoints = 300
	nc, ctx := typednatstest.Server(t), within(t)
	var bound []typednats.BoundEndpoint
	for i := range endpoints {
		bound = append(bound, echo.InSubject(fmt.Sprint("echo.", i)).Handle(func(_ context.Context, in note) (note, error) {
			return note{}, typednats.Errorf(403, "%s", in.Text)
		}))
	}
	s := start(t, nc, config(), bound...)
	for i := range endpoints {
		_, _ = typednats.RequestService(ctx, nc, echo.InSubject(fmt.Sprint("echo.", i)), note{strings.Repeat("<", 5000)})
	}
	got, err := discovery.New(nc).StatsInstance(ctx, s.Name(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "endpoints", endpoints, len(got.Endpoints))
	compare(t, "last error", "403:"+strings.Repeat("<", 28), got.Endpoints[endpoints-1].LastError)
	one, _ := s.EndpointStats("echo.0")
	compare(t, "length of the last error", 1024, len(one.LastError))
}

// A service with more endpoints than $SRV can tell of does not start, nor does it get them later.
func TestEndpointsThatDiscoveryCouldNotTellOf(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096 })
	nc, ctx := srv.Connect(t), within(t)
	all := func(from, to int) (bound []typednats.BoundEndpoint) {
		for i := from; i < to; i++ {
			bound = append(bound, echo.InSubject(fmt.Sprintf("echo.%04d", i)).Handle(repeat))
		}
		return bound
	}
	room := 0
	for ; ; room++ {
		s, err := typednats.NewService(nc, config(), all(0, room+1)...)
		if err != nil {
			if !errors.Is(err, nats.ErrMaxPayload) || !strings.Contains(err.Error(), fmt.Sprint(room+1, " endpoints")) {
				t.Fatalf("NewService with %d endpoints = %v, want ErrMaxPayload that counts them", room+1, err)
			}
			break
		}
		if err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if room < 8 {
		t.Fatalf("there is room for %d endpoints", room)
	}
	before := nc.NumSubscriptions()
	s := start(t, nc, config(), all(0, room)...)
	if err := s.AddEndpoints(all(room, room+1)...); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("AddEndpoints = %v, want ErrMaxPayload", err)
	}
	d := discovery.New(nc)
	if info, err := d.InfoInstance(ctx, s.Name(), s.ID()); err != nil || len(info.Endpoints) != room {
		t.Errorf("INFO: %d endpoints, %v", len(info.Endpoints), err)
	}
	if stats, err := d.StatsInstance(ctx, s.Name(), s.ID()); err != nil || len(stats.Endpoints) != room {
		t.Errorf("STATS: %d endpoints, %v", len(stats.Endpoints), err)
	}
	if err := s.RemoveEndpoint(ctx, "echo.0000"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddEndpoints(all(room, room+1)...); err != nil {
		t.Errorf("AddEndpoints in the room of another: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, "subscriptions", before, nc.NumSubscriptions())
	silent := config(func(c *typednats.ServiceConfig) { c.DiscoveryDisabled = true })
	start(t, nc, silent, all(0, 2*room)...)
}

func TestMonitorQuestionWithoutReplySubjectIsIgnored(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	start(t, srv.Connect(t), config())
	for range 200 { // more than may be answered at a time
		if err := nc.Publish("$SRV.PING", nil); err != nil {
			t.Fatal(err)
		}
	}
	raw := newRawClient(t, nc)
	eventually(t, "an answer", func() bool {
		raw.send("x", "$SRV.PING", "")
		_, failure, _ := raw.next()
		return failure == ""
	})
}
