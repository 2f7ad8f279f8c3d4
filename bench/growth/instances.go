package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/discovery"
)

// instancesPerConn is how many instances share a connection.
const instancesPerConn = 20

// crowd is instances of one service, and as many plain subscriptions that answer as they do.
type crowd struct {
	server   *rig.Server
	asker    *nats.Conn
	conns    []*nats.Conn
	services []*typednats.Service
}

// roundTrip is one question to all instances.
type roundTrip struct {
	last, total time.Duration // until the last answer, and until the query was over
}

// sweepInstances asks more and more instances.
func sweepInstances(ctx context.Context, s settings) (r *report, err error) {
	server, err := rig.StartServer(ctx, rig.ServerOptions{})
	if err != nil {
		return nil, err
	}
	c := &crowd{server: server}
	defer func() { err = errors.Join(err, c.close()) }()
	if c.asker, err = server.Connect(); err != nil {
		return nil, err
	}
	questions := c.questions()
	instances := s.points(1, 10, 100, 500, 1000, 2000)
	last, total := make([][]float64, len(questions)), make([][]float64, len(questions))
	var heap []float64
	empty := liveHeap()
	for _, n := range instances {
		if err := c.growTo(n); err != nil {
			return nil, fmt.Errorf("%d instances: %w", n, err)
		}
		heap = append(heap, liveHeap()-empty)
		for i, q := range questions {
			var lasts, totals []float64
			for range s.rounds {
				trip, err := q.ask(ctx)
				if err != nil {
					return nil, fmt.Errorf("%d instances, %s: %w", n, q.name, err)
				}
				lasts, totals = append(lasts, milliseconds(trip.last)), append(totals, milliseconds(trip.total))
			}
			last[i], total[i] = append(last[i], rig.Median(lasts)), append(total[i], rig.Median(totals))
		}
	}
	return instancesReport(instances, questions, last, total, heap), nil
}

func instancesReport(instances []int, questions []broadcast, last, total [][]float64, heap []float64) *report {
	header := []string{"instances", "heap"}
	for _, q := range questions {
		header = append(header, q.name+", last answer, ms")
	}
	for _, q := range questions[1:] {
		header = append(header, q.name+", query over, ms")
	}
	table := rig.NewTable(header...)
	for i, n := range instances {
		row := []string{count(float64(n)), plot.Bytes(heap[i])}
		for j := range questions {
			row = append(row, digits(last[j][i]))
		}
		for j := range questions[1:] {
			row = append(row, digits(total[j+1][i]))
		}
		table.Add(row...)
	}
	r := new(report)
	r.sayf("Instances of a service with one endpoint, %d on a connection, asked with the defaults of the discovery client. "+
		"All answered, each time. A query is over when 500 ms have passed since the last answer (WithStall). Raw is as many "+
		"subscriptions that answer with the bytes of a PING.", instancesPerConn)
	r.add(table)
	xs := floats(instances)
	chart := plot.Chart{
		Title: "Time to the last answer",
		X:     plot.Axis{Label: "instances", Log: true}, Y: plot.Axis{Label: "milliseconds", Log: true},
	}
	for j, q := range questions {
		chart.Lines = append(chart.Lines, plot.NewLine(q.name, xs, last[j]))
		if j > 0 {
			r.laws = append(r.laws, law{"The time to the last answer to " + q.name, "instances", xs, last[j], linear})
		}
	}
	r.laws = append(r.laws, law{"The heap", "instances", xs, heap, linear})
	memory := plot.Chart{
		Title: "Heap of the instances", X: chart.X, Y: plot.Axis{Label: "KiB", Log: true},
		Lines: []plot.Line{plot.NewLine("heap", xs, kibibytes(heap))},
	}
	r.figure = plot.Figure{Charts: []plot.Chart{chart, memory}}
	return r
}

// broadcast is a question to everybody.
type broadcast struct {
	name string
	ask  func(ctx context.Context) (roundTrip, error)
}

// questions are the raw one and those of the discovery client.
func (c *crowd) questions() []broadcast {
	d := discovery.New(c.asker)
	return []broadcast{
		{"raw", func(context.Context) (roundTrip, error) { return c.askRaw() }},
		{"PING", func(ctx context.Context) (roundTrip, error) { return follow(d.PingSeq(ctx, ""), len(c.services)) }},
		{"INFO", func(ctx context.Context) (roundTrip, error) { return follow(d.InfoSeq(ctx, ""), len(c.services)) }},
		{"STATS", func(ctx context.Context) (roundTrip, error) { return follow(d.StatsSeq(ctx, ""), len(c.services)) }},
	}
}

// growTo starts instances until there are so many.
func (c *crowd) growTo(n int) error {
	e := typednats.NewEndpoint[small, small, typednats.Never]("stock-check").Handle(echo)
	for len(c.services) < n {
		if len(c.services)%instancesPerConn == 0 {
			nc, err := c.server.Connect()
			if err != nil {
				return err
			}
			c.conns = append(c.conns, nc)
		}
		nc := c.conns[len(c.conns)-1]
		svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "inventory", Version: "1.0.0"}, e)
		if err != nil {
			return err
		}
		c.services = append(c.services, svc)
		body, err := json.Marshal(svc.Ping())
		if err != nil {
			return err
		}
		if _, err := nc.Subscribe("raw-ping", func(m *nats.Msg) { _ = m.Respond(body) }); err != nil {
			return err
		}
	}
	for _, nc := range c.conns {
		if err := nc.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// follow ranges over the answers, of which there must be so many.
func follow[A any](answers iter.Seq2[A, error], want int) (roundTrip, error) {
	var trip roundTrip
	got, begin := 0, time.Now()
	for _, err := range answers {
		if err != nil {
			return roundTrip{}, err
		}
		got++
		trip.last = time.Since(begin)
	}
	trip.total = time.Since(begin)
	if got != want {
		return roundTrip{}, fmt.Errorf("%d answers, want %d", got, want)
	}
	return trip, nil
}

// askRaw asks the plain subscriptions.
func (c *crowd) askRaw() (roundTrip, error) {
	sub, err := c.asker.SubscribeSync(c.asker.NewInbox())
	if err != nil {
		return roundTrip{}, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	begin := time.Now()
	if err := c.asker.PublishRequest("raw-ping", sub.Subject, nil); err != nil {
		return roundTrip{}, err
	}
	for range c.services {
		if _, err := sub.NextMsg(patience); err != nil {
			return roundTrip{}, err
		}
	}
	took := time.Since(begin)
	return roundTrip{took, took}, nil
}

// close ends the connections, and with them the services.
func (c *crowd) close() error {
	for _, nc := range c.conns {
		nc.Close()
	}
	for _, svc := range c.services {
		<-svc.Done()
	}
	if c.asker != nil {
		c.asker.Close()
	}
	return c.server.Close()
}
