package peer_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// systems returns each system once.
func systems() []peer.System {
	return slices.CompactFunc(slices.Concat(peer.Systems(), peer.Bounded()), func(a, b peer.System) bool {
		return a.Name == b.Name
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s, err := rig.StartServer(t.Context(), rig.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range systems() {
		running, err := system.Start(s.URL())
		if err != nil {
			t.Errorf("%s: start: %v", system.Name, err)
			continue
		}
		for name, call := range map[string]rig.Call{
			"small": running.Small, "large": running.Large, "blocking": running.Blocking,
		} {
			if call == nil && name == "large" {
				continue
			}
			if err := call(t.Context()); err != nil {
				t.Errorf("%s: %s: %v", system.Name, name, err)
			}
		}
		took, err := rig.Sequential(t.Context(), order.BlockTime, running.Blocking)
		if least, _ := rig.Spread(took); err != nil || least < float64(order.BlockTime.Microseconds()) {
			t.Errorf("%s: a blocking call took %v µs: %v", system.Name, least, err)
		}
		for range 2 {
			if err := running.Close(); err != nil {
				t.Errorf("%s: close: %v", system.Name, err)
			}
		}
		if running.Small(t.Context()) == nil {
			t.Errorf("%s: a call succeeded after the end", system.Name)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	var got []string
	for _, system := range systems() {
		running, err := system.Start("nats://127.0.0.1:1")
		switch {
		case err == nil:
			got = append(got, system.Name)
			if err := running.Close(); err != nil {
				t.Errorf("%s: close: %v", system.Name, err)
			}
		case !errors.Is(err, nats.ErrNoServers):
			t.Errorf("%s: %v, want %v", system.Name, err, nats.ErrNoServers)
		}
	}
	want := []string{"Connect JSON", "Connect protobuf", "gRPC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("those that need no server (-want +got):\n%s", diff)
	}
}
