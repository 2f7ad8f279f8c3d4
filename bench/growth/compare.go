package main

import (
	"context"
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
