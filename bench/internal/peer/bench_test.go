package peer_test

import (
	"runtime"
	"testing"

	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

// BenchmarkCall is one system at a time, with 64 callers of the small message. It is for profiles: a comparison has its
// systems take turns.
func BenchmarkCall(b *testing.B) {
	s, err := rig.StartServer(b.Context(), rig.ServerOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	for _, system := range peer.Systems() {
		b.Run(system.Name, func(b *testing.B) {
			running, err := system.Start(s.URL())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = running.Close() })
			b.ReportAllocs()
			b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := running.Small(b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
