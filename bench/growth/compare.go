package main

import (
	"context"
	"slices"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// comparison is contenders at the places of a sweep, the first of them raw.
type comparison struct {
	results [][]result
	rates   [][]float64 // by contender and place, in calls per second
	perCall [][]float64 // by contender and place, in microseconds
	allocs  [][]float64 // by contender and place, of one call
}

// compare measures the throughput of all contenders and the allocations of their calls.
func (s settings) compare(ctx context.Context, places ...place) (*comparison, error) {
	results, err := s.measure(ctx, places...)
	if err != nil {
		return nil, err
	}
	n := len(places[0].contenders)
	c := &comparison{
		results: results, rates: make([][]float64, n), perCall: make([][]float64, n), allocs: make([][]float64, n),
	}
	for i, p := range places {
		for j, each := range p.contenders {
			allocs, err := s.allocations(ctx, each.call)
			if err != nil {
				return nil, err
			}
			c.rates[j] = append(c.rates[j], results[i][j].throughput())
			c.perCall[j] = append(c.perCall[j], 1e6/results[i][j].throughput())
			c.allocs[j] = append(c.allocs[j], allocs)
		}
	}
	return c, nil
}

// rateCells are the throughput of raw, and of each other contender with its part of that.
func (c *comparison) rateCells(place int) []string {
	var cells []string
	for j, got := range c.results[place] {
		cells = append(cells, count(got.throughput()))
		if j > 0 {
			cells = append(cells, ratio(got.against(c.results[place][0])))
		}
	}
	return cells
}

// allocCells are the allocations of all contenders.
func (c *comparison) allocCells(place int) []string {
	var cells []string
	for _, allocs := range c.allocs {
		cells = append(cells, digits(allocs[place]))
	}
	return cells
}

// report is the table of a comparison at the places xs, its figure, and the law of each contender but raw.
func (c *comparison) report(
	contenders []contender, over string, limit float64, axis plot.Axis, xs []int, table *rig.Table, text string,
) *report {
	for i, n := range xs {
		table.Add(slices.Concat([]string{count(float64(n))}, c.rateCells(i), c.allocCells(i))...)
	}
	r := new(report)
	r.sayf("%s", text)
	r.add(table)
	at := floats(xs)
	throughput := plot.Chart{Title: "Throughput", X: axis, Y: plot.Axis{Label: "calls per second"}}
	allocations := plot.Chart{Title: "Allocations of a call", X: axis, Y: plot.Axis{Label: "allocations"}}
	for j, each := range contenders {
		throughput.Lines = append(throughput.Lines, plot.NewLine(each.name, at, c.rates[j]))
		allocations.Lines = append(allocations.Lines, plot.NewLine(each.name, at, c.allocs[j]))
		if j > 0 {
			r.laws = append(r.laws, law{"The time of a call (" + each.name + ")", over, at, c.perCall[j], limit},
				law{"Its number of allocations", over, at, c.allocs[j], limit})
		}
	}
	r.figure = plot.Figure{Charts: []plot.Chart{throughput, allocations}}
	return r
}
