package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// enough is the least that one step must add, as a part of what it would add if nothing else were in the way.
const enough = 0.5

// measured is one row.
type measured struct {
	size      int       // instances, subjects or connections
	perSecond []float64 // in each round
	shares    []float64
}

// instances serves the same subject from more and more instances, spread over the nodes.
func (c *cluster) instances(ctx context.Context, s settings) (*report, error) {
	rows := []*measured{{size: 1}, {size: 2}, {size: 3}, {size: 6}}
	e := newWork()
	r, err := s.scale("More instances", "instances", rows, []string{"served on node 1", "on node 2", "on node 3"},
		func(row *measured) error { return c.measureInstances(ctx, s, e, row) })
	if err != nil {
		return nil, err
	}
	last := rows[len(rows)-1]
	r.sentence = fmt.Sprintf("%d callers on all three nodes, one subject, one queue group: %d instances serve %s times as much "+
		"as one, without any change to a caller.", callers, last.size, ratio(last.against(rows[0])))
	return r, nil
}

// scale measures each row in each round. What there is more and more of must add throughput.
func (s settings) scale(
	title, what string, rows []*measured, shares []string, measure func(*measured) error,
) (*report, error) {
	for range s.rounds {
		for _, row := range rows {
			if err := measure(row); err != nil {
				return nil, fmt.Errorf("%d %s: %w", row.size, what, err)
			}
		}
	}
	r := &report{
		title:  title,
		table:  rig.NewTable(append([]string{what, "calls/s", "× one"}, shares...)...),
		chart:  chart(title, what, rows),
		missed: missed(what, rows),
	}
	for _, row := range rows {
		r.table.Add(append([]string{fmt.Sprint(row.size), count(row.median()), ratio(row.against(rows[0]))},
			percentages(row.shares)...)...)
	}
	return r, nil
}

func (c *cluster) measureInstances(ctx context.Context, s settings, e work, row *measured) (err error) {
	var on []int
	for i := range row.size {
		on = append(on, i%nodes)
	}
	all, err := c.deploy(ctx, on, func(_ int, inst *instance) []typednats.BoundEndpoint {
		return []typednats.BoundEndpoint{e.Handle(inst.wait, typednats.WithMaxConcurrent(handlersPerInstance))}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopAll(ctx, all)) }()
	clients := clientsOn(c.callers)
	defer func() { err = errors.Join(err, closeAll(clients)) }()
	perSecond, err := s.load(ctx, callers, func(ctx context.Context, n int) error {
		return ask(ctx, clients[n%len(clients)], e, newRequest(n))
	})
	if err != nil {
		return err
	}
	row.perSecond = append(row.perSecond, perSecond)
	row.shares = shares(all, nodes, func(i int) int { return on[i] })
	return nil
}

func (m *measured) median() float64 { return rig.Median(m.perSecond) }

// against is the throughput as a multiple of another one's, each round by itself.
func (m *measured) against(other *measured) float64 {
	var ratios []float64
	for i := range m.perSecond {
		ratios = append(ratios, m.perSecond[i]/other.perSecond[i])
	}
	return rig.Median(ratios)
}

// missed reports the first row that adds too little to the one before it.
func missed(what string, rows []*measured) error {
	for i, row := range rows[1:] {
		before := rows[i]
		want := 1 + enough*(float64(row.size)/float64(before.size)-1)
		if got := row.against(before); !(got >= want) {
			return fmt.Errorf("%d %s serve %.2f times as much as %d, want at least %.2f", row.size, what, got, before.size, want)
		}
	}
	return nil
}

func chart(title, over string, rows []*measured) plot.Chart {
	var xs, ys []float64
	for _, row := range rows {
		xs, ys = append(xs, float64(row.size)), append(ys, row.median())
	}
	return plot.Chart{
		Title: title, X: plot.Axis{Label: over}, Y: plot.Axis{Label: "calls per second"},
		Lines: []plot.Line{plot.NewLine("typednats", xs, ys)},
	}
}

// count writes a whole number.
func count(v float64) string { return humanize.Comma(int64(v + 0.5)) }

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }

func percentages(parts []float64) []string {
	var cells []string
	for _, part := range parts {
		cells = append(cells, fmt.Sprintf("%.0f %%", 100*part))
	}
	return cells
}
