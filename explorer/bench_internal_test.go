package explorer

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// BenchmarkRound is what two seconds cost with 2,000 instances of a service that has ten endpoints, and one viewer, apart from
// asking them.
func BenchmarkRound(b *testing.B) {
	const instances, endpoints = 2000, 10
	all := make([]micro.Stats, instances)
	for i := range all {
		all[i].Name, all[i].ID, all[i].Version = "stock", fmt.Sprint("I", i), "1.0.0"
		for e := range endpoints {
			all[i].Endpoints = append(all[i].Endpoints, &micro.EndpointStats{Name: "do", Subject: fmt.Sprint("stock.do.", e)})
		}
	}
	p := newPoller(nil, nil, newSettings(nil))
	now := time.Unix(1_700_000_000, 0)
	v := &viewer{}
	var sent int
	for b.Loop() {
		now = now.Add(statsEvery)
		for i := range all {
			for _, e := range all[i].Endpoints {
				e.NumRequests += 3
				e.ProcessingTime += time.Millisecond
			}
		}
		p.mu.Lock()
		p.fleet.count(now, all, true)
		p.answered(micro.StatsVerb, nil)
		p.mu.Unlock()
		data, err := p.next(v)
		if err != nil || !json.Valid(data) {
			b.Fatalf("%v: %.200s", err, data)
		}
		sent = len(data)
	}
	b.ReportMetric(float64(sent), "frame-bytes")
}
