package main

import (
	"context"
	"errors"
	"sync"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// sweepCallers has more and more callers at a time.
func sweepCallers(ctx context.Context, s settings) (r *report, err error) {
	b, err := newBed(ctx, rig.ServerOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	raw, err := b.raw("raw", []byte(smallBody))
	if err != nil {
		return nil, err
	}
	e := typednats.NewEndpoint[small, small, typednats.Never]("echo")
	if _, err := b.serve(typednats.ServiceConfig{}, e.Handle(echo)); err != nil {
		return nil, err
	}
	json := typed("typednats", b.client, e, smallValue())

	callers := s.points(1, 4, 16, 64, 256, 1024, 4096)
	var places []place
	for _, n := range callers {
		places = append(places, place{n, []contender{raw, json}, true})
	}
	results, err := s.measure(ctx, places...)
	if err != nil {
		return nil, err
	}
	r = callersReport(callers, results)
	return r, s.overload(ctx, b, r)
}

func callersReport(callers []int, results [][]result) *report {
	table := rig.NewTable("callers", "raw, calls/s", "typednats, calls/s", "× raw",
		"raw p50, ms", "typednats p50, ms", "raw p99, ms", "typednats p99, ms")
	xs := floats(callers)
	var rate, p50, p99 [2][]float64 // of raw and typednats
	for i, n := range callers {
		for j, got := range results[i] {
			rate[j] = append(rate[j], got.throughput())
			p50[j] = append(p50[j], rig.Median(got.p50))
			p99[j] = append(p99[j], rig.Median(got.p99))
		}
		table.Add(count(float64(n)), count(rate[0][i]), count(rate[1][i]), ratio(results[i][1].against(results[i][0])),
			digits(p50[0][i]), digits(p50[1][i]), digits(p99[0][i]), digits(p99[1][i]))
	}
	r := new(report)
	r.sayf("Calls of a small message in JSON, through a Client. Each caller calls again once it has its reply.")
	r.add(table)
	r.laws = []law{{"The median latency", "callers", xs, p50[1], linear}}
	x := plot.Axis{Label: "callers", Log: true}
	r.figure = plot.Figure{Charts: []plot.Chart{
		{
			Title: "Throughput", X: x, Y: plot.Axis{Label: "calls per second"},
			Lines: []plot.Line{plot.NewLine("raw", xs, rate[0]), plot.NewLine("typednats", xs, rate[1])},
		},
		{
			Title: "Latency", X: x, Y: plot.Axis{Label: "milliseconds", Log: true},
			Lines: []plot.Line{
				plot.NewLine("raw p50", xs, p50[0]), plot.NewLine("typednats p50", xs, p50[1]),
				plot.NewLine("raw p99", xs, p99[0]), plot.NewLine("typednats p99", xs, p99[1]),
			},
		},
	}}
	return r
}

// overload shows where callers become too many: handlers that do not return take what may run and what may wait.
func (s settings) overload(ctx context.Context, b *bed, r *report) error {
	running, waiting, extra := typednats.DefaultMaxConcurrent, typednats.DefaultMaxPendingMessages, 500
	if s.quick {
		running, waiting, extra = 2, 3, 5
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e := typednats.NewEndpoint[small, small, typednats.Never]("held")
	release := make(chan struct{})
	held := func(_ context.Context, in small) (small, error) {
		<-release
		return in, nil
	}
	_, err := b.serve(typednats.ServiceConfig{}, e.Handle(held,
		typednats.WithMaxConcurrent(running), typednats.WithMaxPending(waiting, typednats.DefaultMaxPendingBytes)))
	if err != nil {
		return err
	}
	call := typed("held", b.client, e, smallValue()).call
	ended := make(chan error, running+waiting+extra)
	var callers sync.WaitGroup
	for range cap(ended) {
		callers.Go(func() { ended <- call(ctx) })
	}
	var refusal error
	for range extra {
		if refusal = <-ended; refusal == nil {
			break
		}
	}
	close(release)
	callers.Wait()
	close(ended)
	failed := 0
	for err := range ended {
		if err != nil {
			failed, refusal = failed+1, err
		}
	}
	if refusal == nil || failed > 0 {
		return errors.Join(errors.New("want exactly the calls refused that neither run nor wait"), refusal)
	}
	r.sayf("Where it breaks: of %s calls at once to a handler that does not return, the endpoint accepts %s "+
		"(%s run, %s wait) and refuses the others at once. Their callers get `%v`.",
		count(float64(cap(ended))), count(float64(running+waiting)), count(float64(running)), count(float64(waiting)), refusal)
	return nil
}
