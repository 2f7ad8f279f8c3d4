package compare

import (
	"context"
	"time"

	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

// measurement measures a system that runs.
type measurement = func(context.Context, *Config, *peer.Running) (values, error)

// warmUp is how long a system runs before it is measured.
func (c *Config) warmUp() time.Duration { return c.Duration / 4 }

// call returns the call of a payload.
func call(p Payload, r *peer.Running) rig.Call {
	if p == Large {
		return r.Large
	}
	return r.Small
}

// load measures a number of callers, warm.
func (c *Config) load(ctx context.Context, callers int, call rig.Call) (rig.Rate, error) {
	if _, err := rig.Load(ctx, callers, c.warmUp(), call); err != nil {
		return rig.Rate{}, err
	}
	return rig.Load(ctx, callers, c.Duration, call)
}

func sequential(p Payload) measurement {
	return func(ctx context.Context, c *Config, r *peer.Running) (values, error) {
		call := call(p, r)
		if _, err := rig.Sequential(ctx, c.warmUp(), call); err != nil {
			return nil, err
		}
		samples, err := rig.Sequential(ctx, c.Duration, call)
		if err != nil {
			return nil, err
		}
		return values{Sequential10: rig.Quantile(samples, 0.1), Sequential50: rig.Median(samples)}, nil
	}
}

func throughput(p Payload, callers int) measurement {
	return func(ctx context.Context, c *Config, r *peer.Running) (values, error) {
		rate, err := c.load(ctx, callers, call(p, r))
		if err != nil {
			return nil, err
		}
		if callers == 512 {
			return values{Throughput512: rate.PerSecond()}, nil
		}
		return values{
			Throughput64: rate.PerSecond(),
			CPU:          float64(rate.CPUPerCall()) / float64(time.Microsecond),
		}, nil
	}
}

func allocations(p Payload) measurement {
	return func(ctx context.Context, c *Config, r *peer.Running) (values, error) {
		call := call(p, r)
		if _, err := rig.Sequential(ctx, c.warmUp(), call); err != nil {
			return nil, err
		}
		allocs, bytes, err := rig.Allocations(ctx, c.Calls, call)
		return values{Allocations: allocs, Bytes: bytes}, err
	}
}

func blocking(ctx context.Context, c *Config, r *peer.Running) (values, error) {
	rate, err := c.load(ctx, 64, r.Blocking)
	return values{Blocking: rate.PerSecond()}, err
}

// bounded measures a fast handler, straight after the burst if there is to be one.
func bounded(ctx context.Context, c *Config, r *peer.Running) (values, error) {
	if !r.Burst {
		rate, err := c.load(ctx, 64, r.Small)
		return values{Bounded: rate.PerSecond()}, err
	}
	if _, err := rig.Load(ctx, 64, c.warmUp(), r.Small); err != nil {
		return nil, err
	}
	if _, err := rig.Load(ctx, 64, c.Duration, r.Blocking); err != nil {
		return nil, err
	}
	rate, err := rig.Load(ctx, 64, c.Duration, r.Small)
	return values{Bounded: rate.PerSecond()}, err
}
