package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync/atomic"

	"github.com/typednats/typednats"
)

// partitionOf is the subject that a key belongs to, out of so many. It is the same for all callers.
func partitionOf(key string, partitions int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // it never fails

	return int(h.Sum32()>>1) % partitions // 31 bits fit into any int
}

// partitions splits the subject by the key of the request. Each part has one instance, on a node of its own, which can
// keep what belongs to its keys.
func (c *cluster) partitions(ctx context.Context, s settings) (*report, error) {
	rows := []*measured{{size: 1}, {size: nodes}}
	r, err := s.scale("A subject split by key", "subjects", rows, []string{"to work.0", "to work.1", "to work.2"},
		func(row *measured) error { return c.measurePartitions(ctx, s, row) })
	if err != nil {
		return nil, err
	}
	last := rows[len(rows)-1]
	r.sentence = fmt.Sprintf("%d callers pick the subject by a hash of the key, so that each key has one instance, which may "+
		"keep its state: %d subjects serve %s times as much as one, and no request went to the instance of another key.",
		callers, last.size, ratio(last.against(rows[0])))
	return r, nil
}

func (c *cluster) measurePartitions(ctx context.Context, s settings, row *measured) (err error) {
	var strays atomic.Int64
	var on []int
	var parts []work
	for i := range row.size {
		on, parts = append(on, i%nodes), append(parts, newWork().InSubject(fmt.Sprintf("work.%d", i)))
	}
	all, err := c.deploy(ctx, on, func(i int, inst *instance) []typednats.BoundEndpoint {
		handle := func(ctx context.Context, in request) (request, error) {
			if partitionOf(in.Key, row.size) != i {
				strays.Add(1)
			}
			return inst.wait(ctx, in)
		}
		return []typednats.BoundEndpoint{parts[i].Handle(handle, typednats.WithMaxConcurrent(handlersPerInstance))}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopAll(ctx, all)) }()
	clients := clientsOn(c.callers)
	defer func() { err = errors.Join(err, closeAll(clients)) }()
	perSecond, err := s.load(ctx, callers, func(ctx context.Context, n int) error {
		in := newRequest(n)
		return ask(ctx, clients[n%len(clients)], parts[partitionOf(in.Key, row.size)], in)
	})
	if err != nil {
		return err
	}
	if n := strays.Load(); n > 0 {
		return fmt.Errorf("%d requests went to the instance of another key", n)
	}
	row.perSecond = append(row.perSecond, perSecond)
	row.shares = shares(all, row.size, func(i int) int { return i })
	return nil
}
