package typednats_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// BenchmarkContracts measures what publishing contracts costs: the time of NewService, and the first INFO, for which the
// documents are made, and its size. Each endpoint has a document of its own.
func BenchmarkContracts(b *testing.B) {
	nc := typednatstest.Run(b, func(o *server.Options) { o.MaxPayload = 8 << 20 }).Connect(b)
	for _, n := range []int{1000, 5000} {
		for _, published := range []bool{false, true} {
			b.Run(fmt.Sprintf("endpoints=%d/published=%v", n, published), func(b *testing.B) {
				cfg := config(func(c *typednats.ServiceConfig) { c.ContractsDisabled = !published })
				size := 0
				for b.Loop() {
					b.StopTimer()
					bound := make([]typednats.BoundEndpoint, n)
					for i := range bound {
						bound[i] = echo.InSubject(fmt.Sprintf("bench.e%04d", i)).Handle(repeat)
					}
					b.StartTimer()
					s, err := typednats.NewService(nc, cfg, bound...)
					if err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					info, err := json.Marshal(s.Info())
					if err != nil {
						b.Fatal(err)
					}
					size = len(info)
					if err := s.Stop(within(b)); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				b.ReportMetric(float64(size), "INFO-bytes")
			})
		}
	}
}

// BenchmarkContract makes the document of an endpoint.
func BenchmarkContract(b *testing.B) {
	b.ReportAllocs()
	if _, err := echo.Contract(); err != nil { // its types are known then
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := echo.WithMetadata("a", "b").Contract(); err != nil {
			b.Fatal(err)
		}
	}
}
