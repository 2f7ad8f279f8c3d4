package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// job is a request: how long its handler is to take, in nanoseconds; and its reply: how long it took, which on a busy machine
// is longer.
type job struct {
	Takes int64 `json:"takes"`
}

// run is the handler.
func (j job) run() job {
	began := time.Now()
	<-time.After(time.Duration(j.Takes))
	return job{int64(time.Since(began))}
}

// endpoint is what is called.
type endpoint = typednats.Endpoint[job, job, typednats.Never]

// service is one that runs a load's handlers, and a client of it on a connection of its own.
type service struct {
	*typednats.Service
	endpoint

	client      *typednats.Client
	connections []*nats.Conn
}

// startService starts one on a subject of its own.
func startService(url string, l *load) (*service, error) {
	s := &service{endpoint: typednats.NewEndpoint[job, job, typednats.Never]("work").
		InSubject("work." + rand.Text()).Idempotent()}
	for range 2 {
		nc, err := nats.Connect(url)
		if err != nil {
			return nil, errors.Join(err, s.close(context.Background()))
		}
		s.connections = append(s.connections, nc)
	}
	var err error
	s.Service, err = typednats.NewService(s.connections[0], typednats.ServiceConfig{Name: "overload", Version: "1.0.0"},
		s.Handle(func(_ context.Context, j job) (job, error) {
			if l.luck != nil {
				j.Takes = int64(l.luck())
			}
			return j.run(), nil
		}, typednats.WithMaxConcurrent(l.slots)))
	if err != nil {
		return nil, errors.Join(err, s.close(context.Background()))
	}
	s.client = typednats.NewClient(s.connections[1], typednats.WithRetry(l.retry))
	return s, nil
}

// call makes one call.
func (s *service) call(ctx context.Context, takes time.Duration) (job, error) {
	return typednats.RequestService(ctx, s.client, s.endpoint, job{int64(takes)})
}

// close ends what was started.
func (s *service) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var errs []error
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.Service != nil {
		errs = append(errs, s.Stop(ctx))
	}
	for _, nc := range s.connections {
		nc.Close()
	}
	return errors.Join(errs...)
}

// load is calls of one endpoint at random moments, whose handlers wait.
type load struct {
	name  string
	slots int
	times float64 // the capacity
	takes func() time.Duration
	waits func() time.Duration // the callers
	warm  time.Duration        // before anything is counted
	count time.Duration
	retry typednats.Retry
	luck  func() time.Duration // how long a handler takes, anew for each attempt; nil if the call says it

	spell                  bool    // the first half of what is counted is different
	timesInSpell, slowdown float64 // how
}

// outcome is what became of a load.
type outcome struct {
	work    float64 // the share of the slots' time that was spent for answers that arrived
	calls   int
	all     int // those that were not counted included
	sent    int // requests for all
	good    int
	refused int
	silent  int
	latest  time.Duration // the latest refusal
	typical time.Duration // median time of an answer
	times   []time.Duration
}

// share is a part of the calls in percent.
func (o *outcome) share(n int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(1, o.calls)))
}

// mean is what a function returns on average.
func mean(f func() time.Duration) time.Duration {
	const n = 20_000
	var sum time.Duration
	for range n {
		sum += f()
	}
	return sum / n
}

// rate is how many calls a second come at most.
func (l *load) rate() float64 {
	return max(l.times, l.timesInSpell) * float64(l.slots) / mean(l.takes).Seconds()
}

// run offers the load to a service of its own.
func (l *load) run(ctx context.Context, url string) (*outcome, error) {
	s, err := startService(url, l)
	if err != nil {
		return nil, err
	}
	o := l.offer(ctx, s)
	o.sent = s.Stats().Endpoints[0].NumRequests
	return o, s.close(ctx)
}

// offer makes the calls.
func (l *load) offer(ctx context.Context, s *service) *outcome {
	var (
		o     outcome
		mu    sync.Mutex
		calls sync.WaitGroup
	)
	capacity := float64(l.slots) / mean(l.takes).Seconds()
	began := time.Now()
	for at := time.Duration(0); at < l.warm+l.count && ctx.Err() == nil; {
		times, slowdown := l.times, 1.0
		if l.spell && at > l.warm && at < l.warm+l.count/2 {
			times, slowdown = l.timesInSpell, l.slowdown
		}
		at += time.Duration(mathrand.ExpFloat64() / (times * capacity) * float64(time.Second)) //nolint:gosec // any
		if ahead := at - time.Since(began); ahead > 0 {
			<-time.After(ahead)
		}
		takes, patience := time.Duration(slowdown*float64(l.takes())), l.waits()
		calls.Go(func() {
			came := time.Now()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			j, err := s.call(ctx, takes)
			took := time.Since(came)
			mu.Lock()
			defer mu.Unlock()
			o.all++
			if ended := time.Since(began); ended > l.warm && ended < l.warm+l.count {
				o.add(err, j, took)
			}
		})
	}
	calls.Wait()
	o.end(l)
	return &o
}

// add counts the end of one call.
func (o *outcome) add(err error, reply job, took time.Duration) {
	o.calls++
	refused, isRefused := errors.AsType[*typednats.ServiceError](err)
	switch {
	case err == nil:
		o.good++
		o.work += time.Duration(reply.Takes).Seconds()
		o.times = append(o.times, took)
	case isRefused && refused.Refused == typednats.RefusedOverload:
		o.refused++
		o.latest = max(o.latest, took)
	default:
		o.silent++
	}
}

// end works out what is told of it.
func (o *outcome) end(l *load) {
	o.work /= float64(l.slots) * l.count.Seconds()
	o.typical = median(o.times)
}

// burst makes so many calls at once, of a service that knows how long handlers take or does not.
func burst(ctx context.Context, url string, n int, known bool) (*outcome, error) {
	const slots, takes, patience = 64, 100 * time.Millisecond, 5 * time.Second
	s, err := startService(url, &load{slots: slots})
	if err != nil {
		return nil, err
	}
	if known {
		if _, err := s.call(ctx, takes); err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
	}
	var (
		o     outcome
		mu    sync.Mutex
		calls sync.WaitGroup
	)
	for range n {
		calls.Go(func() {
			came := time.Now()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			j, err := s.call(ctx, takes)
			mu.Lock()
			defer mu.Unlock()
			o.add(err, j, time.Since(came))
		})
	}
	calls.Wait()
	return &o, s.close(ctx)
}
