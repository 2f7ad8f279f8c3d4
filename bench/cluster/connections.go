package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// manyCallers is what one connection has to carry in the third part.
const manyCallers = 512

// connections calls from one program through more and more connections, which are spread over the nodes.
func (c *cluster) connections(ctx context.Context, s settings) (r *report, err error) {
	e := newWork()
	all, err := c.deploy(ctx, []int{0, 1, 2}, func(_ int, inst *instance) []typednats.BoundEndpoint {
		return []typednats.BoundEndpoint{e.Handle(inst.echo)}
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopAll(ctx, all)) }()
	for _, inst := range all {
		_, err := inst.nc.QueueSubscribe("raw", "q", func(m *nats.Msg) { _ = m.Respond(m.Data) })
		if err != nil {
			return nil, err
		}
		if err := inst.nc.Flush(); err != nil {
			return nil, err
		}
	}
	sizes := []int{1, 2, 4}
	var raw, typed []*measured
	for _, n := range sizes {
		raw, typed = append(raw, &measured{size: n}), append(typed, &measured{size: n})
	}
	for range s.rounds {
		for i, n := range sizes {
			if err := c.measureConnections(ctx, s, e, raw[i], typed[i]); err != nil {
				return nil, fmt.Errorf("%d connections: %w", n, err)
			}
		}
	}
	return connectionsReport(raw, typed), nil
}

func connectionsReport(raw, typed []*measured) *report {
	r := &report{
		title: "Several connections of one program",
		table: rig.NewTable("connections", "raw, calls/s", "× one", "typednats, calls/s", "× one", "× raw"),
		chart: chart("Several connections of one program", "connections", typed),
	}
	rawLine := chart("", "", raw).Lines[0]
	rawLine.Name = "raw"
	r.chart.Lines = []plot.Line{rawLine, r.chart.Lines[0]}
	for i, row := range typed {
		r.table.Add(fmt.Sprint(row.size), count(raw[i].median()), ratio(raw[i].against(raw[0])),
			count(row.median()), ratio(row.against(typed[0])), ratio(row.against(raw[i])))
	}
	last := len(typed) - 1
	r.sentence = fmt.Sprintf("%d callers of a handler that returns at once, through connections to different nodes with a Client "+
		"on each: %d connections carry %s times what one does (raw: %s). The processors bound this part. Where a single "+
		"connection's stream of bytes is what bounds a program, this is what to change.",
		manyCallers, typed[last].size, ratio(typed[last].against(typed[0])), ratio(raw[last].against(raw[0])))
	return r
}

// measureConnections measures raw calls and typed ones through the same connections.
func (c *cluster) measureConnections(ctx context.Context, s settings, e work, raw, typed *measured) (err error) {
	var conns []*nats.Conn
	defer func() {
		for _, nc := range conns {
			nc.Close()
		}
	}()
	for i := range raw.size {
		nc, err := c.servers[i%nodes].Connect()
		if err != nil {
			return err
		}
		conns = append(conns, nc)
	}
	body, err := json.Marshal(newRequest(0))
	if err != nil {
		return err
	}
	perSecond, err := s.load(ctx, manyCallers, func(_ context.Context, n int) error {
		_, err := conns[n%len(conns)].Request("raw", body, patience)
		return err
	})
	if err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	raw.perSecond = append(raw.perSecond, perSecond)

	clients := clientsOn(conns)
	defer func() { err = errors.Join(err, closeAll(clients)) }()
	perSecond, err = s.load(ctx, manyCallers, func(ctx context.Context, n int) error {
		return ask(ctx, clients[n%len(clients)], e, newRequest(n))
	})
	typed.perSecond = append(typed.perSecond, perSecond)
	return err
}
