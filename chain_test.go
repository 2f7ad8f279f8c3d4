package typednats_test

import (
	"context"
	"testing"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// TestChainedCallsPassOnWhatIsLeft: a handler that calls another service with its context gives it no more time than
// its own caller still has.
func TestChainedCallsPassOnWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, bare := range map[string]bool{"client": false, "connection": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			requester := func() typednats.Requester {
				nc := srv.Connect(t)
				if bare {
					return nc
				}
				return typednats.NewClient(nc)
			}
			outer := typednats.NewEndpoint[struct{}, time.Time, typednats.Never]("outer")
			inner := typednats.NewEndpoint[struct{}, time.Time, typednats.Never]("inner")
			deadline := func(ctx context.Context, _ struct{}) (time.Time, error) {
				at, _ := ctx.Deadline()
				return at, nil
			}
			middle := requester()
			svc, err := typednats.NewService(srv.Connect(t), typednats.ServiceConfig{Name: "chain", Version: "1.0.0"},
				inner.Handle(deadline),
				outer.Handle(func(ctx context.Context, in struct{}) (time.Time, error) {
					return typednats.RequestService(ctx, middle, inner, in)
				}))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got, err := typednats.RequestService(ctx, requester(), outer, struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			// Each hop rounds up to a millisecond and starts counting when it reads the request.
			want, _ := ctx.Deadline()
			if early, late := want.Add(-time.Second), want.Add(30*time.Second); got.Before(early) || got.After(late) {
				t.Errorf("the inner handler's deadline is %v from the caller's", got.Sub(want))
			}
			if err := svc.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
