package typednats_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// bench runs one call again and again, one at a time and in parallel.
func bench(b *testing.B, call func(ctx context.Context) error) {
	b.Helper()
	ctx := b.Context()
	if err := call(ctx); err != nil { // subscribes to replies
		b.Fatal(err)
	}
	b.Run("sequential", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := call(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := call(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkRaw is the baseline: bytes there and back with nats.go alone.
func BenchmarkRaw(b *testing.B) {
	srv := typednatstest.Run(b)
	peer := srv.Connect(b)
	_, err := peer.QueueSubscribe("echo", "q", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		b.Fatal(err)
	}
	if err := peer.Flush(); err != nil { // requests come on another connection
		b.Fatal(err)
	}
	nc, body := srv.Connect(b), []byte(`{"text":"hello"}`)
	timeout, cancel := context.WithTimeout(b.Context(), patience*10)
	b.Cleanup(cancel)
	bench(b, func(context.Context) error {
		_, err := nc.RequestWithContext(timeout, "echo", body)
		return err
	})
}

// BenchmarkConn calls an endpoint through a bare connection.
func BenchmarkConn(b *testing.B) {
	benchCodecs(b, func(nc *nats.Conn) typednats.Requester { return nc })
}

// BenchmarkClient calls an endpoint through a Client.
func BenchmarkClient(b *testing.B) {
	benchCodecs(b, func(nc *nats.Conn) typednats.Requester {
		client := typednats.NewClient(nc)
		b.Cleanup(func() { _ = client.Close() })
		return client
	})
}

// benchCodecs benchmarks calls in each codec through a requester on its own connection.
func benchCodecs(b *testing.B, requester func(nc *nats.Conn) typednats.Requester) {
	b.Helper()
	for _, codec := range []typednats.Codec{json.Codec, msgpack.Codec} {
		b.Run(strings.TrimPrefix(codec.ContentType(), "application/"), func(b *testing.B) {
			srv := typednatstest.Run(b)
			e := echo.WithCodec(codec)
			start(b, srv.Connect(b), config(), e.Handle(repeat))
			r := requester(srv.Connect(b))
			bench(b, func(ctx context.Context) error {
				_, err := typednats.RequestService(ctx, r, e, note{"hello"})
				return err
			})
		})
	}
}
