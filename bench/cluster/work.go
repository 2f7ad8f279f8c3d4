package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/rig"
)

const (
	handlerTime         = 2 * time.Millisecond
	handlersPerInstance = 4
	callers             = 128
)

// request is what callers send and get back.
type request struct {
	Key   string `json:"key"`
	Count int    `json:"count"`
}

// work is the endpoint of all services here.
type work = typednats.Endpoint[request, request, typednats.Never]

func newWork() work { return typednats.NewEndpoint[request, request, typednats.Never]("work") }

// wait is a handler that waits, as for a database.
func (inst *instance) wait(ctx context.Context, in request) (request, error) {
	inst.calls.Add(1)
	timer := time.NewTimer(handlerTime)
	defer timer.Stop()
	select {
	case <-timer.C:
		return in, nil
	case <-ctx.Done():
		return request{}, ctx.Err()
	}
}

// echo is a handler that does not wait.
func (inst *instance) echo(_ context.Context, in request) (request, error) {
	inst.calls.Add(1)
	return in, nil
}

// keys is how many things requests are about.
const keys = 1000

func newRequest(n int) request { return request{Key: fmt.Sprintf("key-%d", n%keys), Count: n} }

// ask makes one call and checks that it got its own reply.
func ask(ctx context.Context, client *typednats.Client, e work, in request) error {
	out, err := typednats.RequestService(ctx, client, e, in)
	if err == nil && out != in {
		return fmt.Errorf("a reply to another request: %v, want %v", out, in)
	}
	return err
}

// load makes calls, which it counts, and returns how many there were per second.
func (s settings) load(ctx context.Context, callers int, call func(ctx context.Context, n int) error) (float64, error) {
	var calls atomic.Int64
	next := func(ctx context.Context) error { return call(ctx, int(calls.Add(1))) }
	if _, err := rig.Load(ctx, callers, s.slice/4, next); err != nil {
		return 0, err
	}
	rate, err := rig.Load(ctx, callers, s.slice, next)
	if err != nil {
		return 0, err
	}
	if rate.Calls == 0 {
		return 0, errors.New("no call was made")
	}
	return rate.PerSecond(), nil
}

// shares are the parts of all calls that groups of instances have handled. The group of an instance is groupOf of its
// number.
func shares(all []*instance, groups int, groupOf func(i int) int) []float64 {
	parts, total := make([]float64, groups), 0.0
	for i, inst := range all {
		n := float64(inst.calls.Load())
		parts[groupOf(i)] += n
		total += n
	}
	for i := range parts {
		parts[i] /= total
	}
	return parts
}
