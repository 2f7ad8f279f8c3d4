// Package prometheus writes the statistics of services in the text format of Prometheus.
package prometheus

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

// ContentType is that of what [Write] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// metric is one metric of endpoints.
type metric struct {
	name, help string
	value      func(*micro.EndpointStats) float64
}

func metrics() []metric {
	return []metric{
		{
			"nats_service_requests_total", "Requests that the endpoint has handled.",
			func(e *micro.EndpointStats) float64 { return float64(max(e.NumRequests, 0)) },
		},
		{
			"nats_service_errors_total", "Requests that were answered with an error. Errors that the endpoint declares count, too, " +
				"so these are not failures alone.",
			func(e *micro.EndpointStats) float64 { return float64(max(e.NumErrors, 0)) },
		},
		{
			"nats_service_processing_seconds_total", "Time that the endpoint's handlers have taken.",
			func(e *micro.EndpointStats) float64 { return max(e.ProcessingTime, 0).Seconds() },
		},
	}
}

// Write writes what instances said of themselves. Each series occurs once, whatever they said: an instance, or an
// endpoint of it, that is there twice counts as the first one.
func Write(w io.Writer, all []micro.Stats) error {
	out := bufio.NewWriter(w)
	series := unique(all)
	for _, m := range metrics() {
		head(out, m.name, m.help, "counter")
		for _, s := range series {
			line(out, m.name, s.labels, m.value(s.stats))
		}
	}
	head(out, "nats_service_started_seconds", "When the instance was started, or its counters were reset, in seconds since 1970.", "gauge")
	instances := make(map[string]int)
	seen := make(map[string]bool)
	for _, s := range sorted(all) {
		labels := labels("service", s.Name, "version", s.Version, "id", s.ID)
		if seen[s.Name+" "+s.ID] {
			continue
		}
		seen[s.Name+" "+s.ID] = true
		instances[s.Name]++
		if !s.Started.IsZero() {
			line(out, "nats_service_started_seconds", labels, float64(s.Started.UnixNano())/float64(time.Second))
		}
	}
	head(out, "nats_service_instances", "Instances of the service that answered.", "gauge")
	for _, s := range sorted(all) {
		if n := instances[s.Name]; n > 0 {
			line(out, "nats_service_instances", labels("service", s.Name), float64(n))
			delete(instances, s.Name)
		}
	}
	return out.Flush()
}

// series is one endpoint of one instance.
type oneEndpoint struct {
	labels string
	stats  *micro.EndpointStats
}

// unique returns the endpoints of all instances, each once.
func unique(all []micro.Stats) []oneEndpoint {
	var list []oneEndpoint
	seen := make(map[string]bool)
	for _, s := range sorted(all) {
		for _, e := range s.Endpoints {
			if e == nil {
				continue
			}
			text := labels("service", s.Name, "version", s.Version, "id", s.ID, "endpoint", e.Name, "subject", e.Subject,
				"queue_group", e.QueueGroup)
			if !seen[text] {
				seen[text] = true
				list = append(list, oneEndpoint{text, e})
			}
		}
	}
	return list
}

// sorted returns the instances in an order that does not depend on who answered first.
func sorted(all []micro.Stats) []micro.Stats {
	return slices.SortedStableFunc(slices.Values(all), func(a, b micro.Stats) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.ID, b.ID))
	})
}

// What is written is checked by Flush: a bufio.Writer remembers its first error.

func head(out *bufio.Writer, name, help, kind string) {
	_, _ = out.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

func line(out *bufio.Writer, name, labels string, value float64) {
	_, _ = out.WriteString(name + labels + " " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// labels returns pairs of names and values as the format has them. Values come from strangers.
func labels(pairs ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var list []string
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, pair[0]+`="`+escape.Replace(terminal.Safe(pair[1]))+`"`)
	}
	return "{" + strings.Join(list, ",") + "}"
}
