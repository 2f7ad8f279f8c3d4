package main

import (
	"context"
	"fmt"
	"time"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// isPossible reports whether there can be an answer in time.
func (c cell) isPossible() bool { return c.handler < c.deadline }

// sweepTable has a row for each pair of handler and deadline, and says where too little was done.
func sweepTable(cells []cell, outcomes []*outcome, times []float64) (*rig.Table, []string) {
	header := []string{"handlers take", "callers wait", "slots"}
	for _, n := range times {
		header = append(header, fmt.Sprintf("%g times", n))
	}
	table := rig.NewTable(append(header, "no answer", "latest refusal")...)
	var missed []string
	for first := 0; first < len(cells); first += len(times) {
		c := cells[first]
		row := []string{c.handler.String(), c.deadline.String(), fmt.Sprint(c.slots)}
		silent, latest := 0, time.Duration(0)
		for i := first; i < first+len(times); i++ {
			o := outcomes[i]
			row = append(row, fmt.Sprintf("%.0f %%", 100*o.work))
			silent, latest = silent+o.silent, max(latest, o.latest)
			if c.isPossible() && (o.work < 0.9 || o.silent > 0) {
				missed = append(missed, fmt.Sprintf("%s: %.2f, %d without an answer", cells[i].name, o.work, o.silent))
			}
		}
		if !c.isPossible() {
			table.Add(append(row, "not possible in time")...)
			continue
		}
		table.Add(append(row, fmt.Sprint(silent), latest.Round(time.Millisecond).String())...)
	}
	return table, missed
}

// kindsTable has a row for each load.
func kindsTable(loads []*load, outcomes []*outcome) *rig.Table {
	table := rig.NewTable("load", "work", "answered", "refused", "no answer", "median time")
	for i, l := range loads {
		o := outcomes[i]
		table.Add(l.name, fmt.Sprintf("%.0f %%", 100*o.work), o.share(o.good), o.share(o.refused), o.share(o.silent),
			o.typical.Round(time.Millisecond).String())
	}
	return table
}

// retriedTable has a row for each load.
func retriedTable(loads []*load, outcomes []*outcome) *rig.Table {
	table := rig.NewTable("load", "requests for a call", "work", "answered", "refused", "no answer")
	for i, l := range loads {
		o := outcomes[i]
		table.Add(l.name, fmt.Sprintf("%.2f", float64(o.sent)/float64(max(1, o.all))), fmt.Sprintf("%.0f %%", 100*o.work),
			o.share(o.good), o.share(o.refused), o.share(o.silent))
	}
	return table
}

// burstTable has a row for each burst.
func burstTable(ctx context.Context, url string, quick bool) (*rig.Table, error) {
	table := rig.NewTable("calls at once", "answered", "refused", "no answer", "latest refusal")
	bursts := []int{1500, 3000}
	if quick {
		bursts = []int{100}
	}
	for _, n := range bursts {
		for _, known := range []bool{false, true} {
			o, err := burst(ctx, url, n, known)
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("%d, of a service that has just started", n)
			if known {
				name = fmt.Sprintf("%d, of one that has run", n)
			}
			table.Add(name, fmt.Sprint(o.good), fmt.Sprint(o.refused), fmt.Sprint(o.silent),
				o.latest.Round(time.Millisecond).String())
		}
	}
	return table, nil
}

// charts has a chart for each deadline: the work against the load, a line for each handler.
func charts(cells []cell, outcomes []*outcome) []plot.Chart {
	var all []plot.Chart
	index := make(map[time.Duration]int)
	for i, c := range cells {
		if !c.isPossible() {
			continue
		}
		at, ok := index[c.deadline]
		if !ok {
			at = len(all)
			index[c.deadline] = at
			all = append(all, plot.Chart{
				Title: fmt.Sprintf("Callers wait %v", c.deadline),
				X:     plot.Axis{Label: "calls, times the capacity", Log: true},
				Y:     plot.Axis{Label: "work for answers in time, %"},
			})
		}
		chart, point := &all[at], plot.Point{X: c.times, Y: 100 * outcomes[i].work}
		name := c.handler.String()
		if n := len(chart.Lines); n == 0 || chart.Lines[n-1].Name != name {
			chart.Lines = append(chart.Lines, plot.Line{Name: name})
		}
		line := &chart.Lines[len(chart.Lines)-1]
		line.Points = append(line.Points, point)
	}
	return all
}
