package compare

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/bench/internal/peer"
)

// A ratio is taken against the runs of the reference right before and after.
func TestRatio(t *testing.T) {
	t.Parallel()
	system := func(name string) peer.System {
		return peer.System{Name: name, Start: func(string) (*peer.Running, error) { return new(peer.Running), nil }}
	}
	measured := []float64{100, 90, 60, 200, 150, 300} // raw, a, b, raw, c, raw
	s := stage{
		payload:   Small,
		reference: system("raw"),
		systems:   []peer.System{system("a"), system("b"), system("c")},
		measure: func(context.Context, *Config, *peer.Running) (values, error) {
			v := measured[0]
			measured = measured[1:]
			return values{CPU: v}, nil
		},
	}
	var got Result
	if err := s.run(t.Context(), &Config{Rounds: 1}, 0, &got); err != nil {
		t.Fatal(err)
	}
	want := []*Series{
		{Metric: CPU, Payload: Small, System: "raw", Values: []float64{100, 200, 300}},
		{Metric: CPU, Payload: Small, System: "a", Values: []float64{90}, Ratios: []float64{0.6}},
		{Metric: CPU, Payload: Small, System: "b", Values: []float64{60}, Ratios: []float64{0.4}},
		{Metric: CPU, Payload: Small, System: "c", Values: []float64{150}, Ratios: []float64{0.6}},
	}
	if diff := cmp.Diff(want, got.Series); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}
