package prometheus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/cmd/typednats/internal/prometheus"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	instance := func(name, id string, endpoints ...*micro.EndpointStats) micro.Stats {
		var s micro.Stats
		s.Name, s.ID, s.Version, s.Started = name, id, "1.0.0", time.Unix(1700000000, 5e8)
		s.Endpoints = endpoints
		return s
	}
	buy := &micro.EndpointStats{
		Name: "buy", Subject: "shop.buy", QueueGroup: "q", NumRequests: 1 << 40, NumErrors: 2, ProcessingTime: 1500 * time.Millisecond,
	}
	odd := &micro.EndpointStats{Name: "a\"b\\c\n\x1b[31m\xff", NumRequests: -1, NumErrors: -1, ProcessingTime: -1}
	var b strings.Builder
	err := prometheus.Write(&b, []micro.Stats{instance("shop", "2", buy, buy, nil), instance("shop", "1"), instance("shop", "2", buy), instance("odd", "3", odd)})
	if err != nil {
		t.Fatal(err)
	}
	const labels = `{service="shop",version="1.0.0",id="2",endpoint="buy",subject="shop.buy",queue_group="q"}`
	const oddLabels = `{service="odd",version="1.0.0",id="3",endpoint="a\"b\\c\\n\\x1b[31m\\xff",subject="",queue_group=""}`
	want := `# HELP nats_service_requests_total Requests that the endpoint has handled.
# TYPE nats_service_requests_total counter
nats_service_requests_total` + oddLabels + ` 0
nats_service_requests_total` + labels + ` 1.099511627776e+12
# HELP nats_service_errors_total Requests that were answered with an error. Errors that the endpoint declares count, too, so these are not failures alone.
# TYPE nats_service_errors_total counter
nats_service_errors_total` + oddLabels + ` 0
nats_service_errors_total` + labels + ` 2
# HELP nats_service_processing_seconds_total Time that the endpoint's handlers have taken.
# TYPE nats_service_processing_seconds_total counter
nats_service_processing_seconds_total` + oddLabels + ` 0
nats_service_processing_seconds_total` + labels + ` 1.5
# HELP nats_service_started_seconds When the instance was started, or its counters were reset, in seconds since 1970.
# TYPE nats_service_started_seconds gauge
nats_service_started_seconds{service="odd",version="1.0.0",id="3"} 1.7000000005e+09
nats_service_started_seconds{service="shop",version="1.0.0",id="1"} 1.7000000005e+09
nats_service_started_seconds{service="shop",version="1.0.0",id="2"} 1.7000000005e+09
# HELP nats_service_instances Instances of the service that answered.
# TYPE nats_service_instances gauge
nats_service_instances{service="odd"} 1
nats_service_instances{service="shop"} 2
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
