package rates_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/cmd/typednats/internal/rates"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// sample is what an instance says after some seconds.
func sample(id string, seconds int, started time.Time, requests, errors int, took time.Duration) rates.Sample {
	s := rates.Sample{At: start.Add(time.Duration(seconds) * time.Second)}
	s.Stats.Name, s.Stats.ID, s.Stats.Started = "shop", id, started
	s.Stats.Endpoints = []*micro.EndpointStats{
		{Name: "buy", Subject: "shop.buy", NumRequests: requests, NumErrors: errors, ProcessingTime: took},
		nil,
		{Name: "buy", Subject: "shop.buy", NumRequests: 1000, NumErrors: 1000}, // twice: the first counts
	}
	return s
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	var tracker rates.Tracker
	row := rates.Row{Service: "shop", Endpoint: "buy", Subject: "shop.buy"}
	for i, step := range []struct {
		name    string
		samples []rates.Sample
		want    func(*rates.Row)
	}{
		{"nothing is known yet", []rates.Sample{sample("a", 0, start, 100, 10, time.Second)}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed = 1, 100, 10
		}},
		{"what has come since", []rates.Sample{sample("a", 2, start, 120, 11, 1200*time.Millisecond)}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed, r.Requests, r.Errors, r.Latency = 1, 120, 11, 10, 0.5, 10*time.Millisecond
		}},
		{"a new instance counts from the next time on", []rates.Sample{
			sample("a", 4, start, 120, 11, 1200*time.Millisecond), sample("b", 4, start, 500, 0, time.Minute),
		}, func(r *rates.Row) { r.Instances, r.Total, r.Failed = 2, 620, 11 }},
		{"both", []rates.Sample{
			sample("a", 6, start, 122, 11, 1202*time.Millisecond), sample("b", 6, start, 504, 0, time.Minute+4*time.Millisecond),
		}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed, r.Requests, r.Latency = 2, 626, 11, 3, time.Millisecond
		}},
		{"counters have fallen", []rates.Sample{sample("a", 8, start, 4, 2, 8*time.Millisecond)}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed, r.Requests, r.Errors, r.Latency = 1, 4, 2, 2, 1, 2*time.Millisecond
		}},
		{"started anew", []rates.Sample{sample("a", 10, start.Add(9*time.Second), 6, 2, 12*time.Millisecond)}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed, r.Requests, r.Errors, r.Latency = 1, 6, 2, 3, 1, 2*time.Millisecond
		}},
		{"the same instant", []rates.Sample{sample("a", 10, start.Add(9*time.Second), 7, 2, 12*time.Millisecond)}, func(r *rates.Row) {
			r.Instances, r.Total, r.Failed = 1, 7, 2
		}},
	} {
		want := row
		step.want(&want)
		if diff := cmp.Diff([]rates.Row{want}, tracker.Update(step.samples)); diff != "" {
			t.Errorf("%d, %s (-want +got):\n%s", i, step.name, diff)
		}
	}
	if rows := tracker.Update(nil); len(rows) != 0 {
		t.Errorf("rows of nobody: %v", rows)
	}
}

func TestBy(t *testing.T) {
	t.Parallel()
	rows := []rates.Row{
		{Service: "b", Requests: 3, Errors: 1, Latency: 1}, {Service: "a", Requests: 1, Errors: 1, Latency: 3},
		{Service: "c", Requests: 2, Errors: 2, Latency: 2},
	}
	for order, want := range map[rates.Order]string{
		rates.Name: "abc", rates.Requests: "bca", rates.Errors: "cab", rates.Latency: "acb",
	} {
		rates.By(order)(rows)
		if got := rows[0].Service + rows[1].Service + rows[2].Service; got != want {
			t.Errorf("by %s: %s, want %s", order, got, want)
		}
	}
}
