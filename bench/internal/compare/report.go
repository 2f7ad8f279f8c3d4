package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

// Markdown returns the tables.
func (r *Result) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n%s\n", r.Machine.Go, r.Machine.Markdown(), r.Config)
	section := func(text string, t *rig.Table) { fmt.Fprintf(&b, "\n%s\n\n%s", text, t.Markdown()) }
	for _, p := range []Payload{Small, Large} {
		if len(r.systems(Sequential10, p)) == 0 {
			continue
		}
		section(fmt.Sprintf("### A %s message\n\nAgainst %s: the median over the rounds, and the quartiles. "+
			"For callers more is better, for the rest less.", p, peer.Raw), r.table("against "+peer.Raw, p, (*Series).ratio,
			Sequential10, Throughput64, Throughput512, CPU, Allocations))
		section("As measured: medians over the rounds. Processor time, allocations and bytes are those of client and "+
			"service together; what the NATS server uses, which Connect and gRPC do without, is not in them.", r.table("medians", p, (*Series).median,
			Sequential10, Sequential50, Throughput64, Throughput512, CPU, Allocations, Bytes))
	}
	if len(r.systems(Blocking, Small)) > 0 {
		section("### A handler that blocks for 2 ms\n\n64 callers, a small message.",
			r.throughput(Blocking, peer.RawGoroutines))
	}
	if len(r.systems(Bounded, Small)) > 0 {
		section("### What it costs to bound how many handlers run\n\n"+
			"64 callers of a fast handler, which gets and returns bytes. Raw runs it where the subscription is read; the "+
			"service of typednats bounds it, and raw client means that only the service differs from raw. After a burst "+
			"means straight after 64 callers of the same endpoint whose handlers blocked for 2 ms.",
			r.throughput(Bounded, peer.Raw))
	}
	return b.String()
}

// systems returns the names of those that were measured, the reference first.
func (r *Result) systems(m Metric, p Payload) []string {
	var names []string
	for _, s := range r.Series {
		if s.Metric == m && s.Payload == p {
			names = append(names, s.System)
		}
	}
	return names
}

// table has a row for each system and a column for each metric.
func (r *Result) table(title string, p Payload, cell func(*Series) string, metrics ...Metric) *rig.Table {
	header := []string{title}
	for _, m := range metrics {
		header = append(header, string(m))
	}
	t := rig.NewTable(header...)
	for _, system := range r.systems(metrics[0], p) {
		row := []string{system}
		for _, m := range metrics {
			row = append(row, cell(r.Find(m, p, system)))
		}
		t.Add(row...)
	}
	return t
}

func (r *Result) throughput(m Metric, reference string) *rig.Table {
	t := rig.NewTable("system", "calls/s", "against "+reference)
	for _, system := range r.systems(m, Small) {
		s := r.Find(m, Small, system)
		t.Add(system, s.median(), s.ratio())
	}
	return t
}

// ratio is the median of the ratios, and their quartiles: a passing disturbance moves the smallest and the largest.
func (s *Series) ratio() string {
	if len(s.Ratios) == 0 {
		return "1"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)",
		rig.Median(s.Ratios), rig.Quantile(s.Ratios, 0.25), rig.Quantile(s.Ratios, 0.75))
}

// median is the median of the values.
func (s *Series) median() string {
	precision := 0
	if slices.Contains([]Metric{Sequential10, Sequential50, CPU, Allocations}, s.Metric) {
		precision = 1
	}
	return fmt.Sprintf("%.*f", precision, rig.Median(s.Values))
}
