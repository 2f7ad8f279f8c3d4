package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

//go:generate go run members_generate.go

// fixedCallers is how many callers there are where their number is not what grows.
const fixedCallers = 64

// member is the union of the declared errors.
type member interface {
	error
	member()
}

// failure is what all members have in common.
type failure struct {
	ID string `json:"id"`
}

func (f failure) Error() string { return "cannot handle " + f.ID }

func (failure) member() {}

// question says how it is to be answered.
type question struct {
	ID   string `json:"id"`
	Fail int    `json:"fail"` // the number of a member, counted from 1; 0 for success
}

// sweepMembers declares more and more errors.
func sweepMembers(ctx context.Context, s settings) (r *report, err error) {
	b, err := newBed(ctx, rig.ServerOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	const body = `{"id":"item-456","fail":0}`
	raw, err := b.raw("raw", []byte(body))
	if err != nil {
		return nil, err
	}
	members := s.points(1, 4, 16, 64)
	var places []place
	for _, n := range members {
		contenders, err := b.failing(n)
		if err != nil {
			return nil, err
		}
		places = append(places, place{fixedCallers, append([]contender{raw}, contenders...), false})
	}
	c, err := s.compare(ctx, places...)
	if err != nil {
		return nil, err
	}
	return membersReport(members, places[0].contenders, c), nil
}

// failing serves an endpoint with so many members and returns a call that succeeds and those that fail with the first
// and with the last of them.
func (b *bed) failing(members int) ([]contender, error) {
	declared := allMembers()[:members]
	e := typednats.NewEndpoint[question, small, member](fmt.Sprintf("members-%d", members)).FailsWith(declared...)
	_, err := b.serve(typednats.ServiceConfig{}, e.Handle(func(_ context.Context, q question) (small, error) {
		if q.Fail > 0 {
			return small{}, declared[q.Fail-1]
		}
		return small{ID: q.ID}, nil
	}))
	if err != nil {
		return nil, err
	}
	call := func(name string, fail int) contender {
		c := typed(name, b.client, e, question{ID: "item-456", Fail: fail})
		if fail == 0 {
			return c
		}
		want := declared[fail-1]
		return contender{name, func(ctx context.Context) error {
			if err := c.call(ctx); !errors.Is(err, want) {
				return fmt.Errorf("%w, want a %T", err, want)
			}
			return nil
		}}
	}
	return []contender{
		call("success", 0),
		call("fails with the first", 1),
		call("with the last", members),
	}, nil
}

func membersReport(members []int, contenders []contender, c *comparison) *report {
	table := rig.NewTable("members", "raw, calls/s", "success, calls/s", "× raw", "first, calls/s", "× raw",
		"last, calls/s", "× raw", "raw, allocs", "success, allocs", "first, allocs", "last, allocs")
	return c.report(contenders, "members", flat, plot.Axis{Label: "declared errors", Log: true}, members, table,
		fmt.Sprintf("Calls with %d callers of an endpoint with more and more declared errors. Those that fail get the first or "+
			"the last of them, with its Go type. Allocations are those of one call, on both sides together.", fixedCallers))
}
