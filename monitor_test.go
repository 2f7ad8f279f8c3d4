package typednats_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
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
					"metadata": map[string]any{"unit": "piece"},
				},
				map[string]any{
					"name": "echo", "subject": "g.echo", "queue_group": "",
					"metadata": map[string]any{},
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

func TestMonitorAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 1024 })
	reports := make(reportLog, 10)
	start(t, srv.Connect(t), config(reports.config, func(c *typednats.ServiceConfig) {
		c.StatsHandler = func(string) any { return strings.Repeat("x", 2000) }
	}), echo.Handle(repeat))
	raw := newRawClient(t, srv.Connect(t))
	raw.send("x", "$SRV.STATS", "")
	if _, failure, _ := raw.next(); !strings.HasPrefix(failure, "500:reply of") {
		t.Errorf("reply %q, want that it is too large", failure)
	}
	if report := await(t, reports, "a report"); report.Subject != "$SRV.STATS" {
		t.Errorf("reported %+v", report)
	}
	ask(t, raw, "$SRV.PING")
	if _, err := raw.nc.RequestWithContext(within(t), "$SRV.INFO", nil); err != nil {
		t.Errorf("INFO: %v", err)
	}
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
