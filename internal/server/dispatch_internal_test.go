package server

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

// dispatchCallers is how many callers the benchmarks of dispatch have.
const dispatchCallers = 64

// dispatchReceiver runs everything that an intake gives it.
type dispatchReceiver struct{ handle nats.MsgHandler }

func (d dispatchReceiver) admit(m *nats.Msg) *Request {
	r, _ := requests.Get().(*Request)
	r.Msg = m
	return r
}

func (d dispatchReceiver) proceed(r *Request) {
	d.handle(r.Msg)
	r.recycle()
}

func (d dispatchReceiver) turnAway() bool { return false }

func (d dispatchReceiver) drop(*Request) {}

// dispatches are the ways to get from a subscription to concurrent handlers, without anything else that a service does.
// Each starts one and returns its end.
var dispatches = []struct {
	name  string
	start func(nc *nats.Conn, handle nats.MsgHandler) (*nats.Subscription, func(), error)
}{
	{"inline", func(nc *nats.Conn, handle nats.MsgHandler) (*nats.Subscription, func(), error) {
		sub, err := nc.QueueSubscribe("dispatch", "q", handle)
		return sub, func() {}, err
	}},
	{"goroutine per request", func(nc *nats.Conn, handle nats.MsgHandler) (*nats.Subscription, func(), error) {
		sub, err := nc.QueueSubscribe("dispatch", "q", func(m *nats.Msg) { go handle(m) })
		return sub, func() {}, err
	}},
	{"pool of 64", func(nc *nats.Conn, handle nats.MsgHandler) (*nats.Subscription, func(), error) {
		messages := make(chan *nats.Msg, intakeSize)
		for range 64 {
			go func() {
				for m := range messages {
					handle(m)
				}
			}()
		}
		sub, err := nc.ChanQueueSubscribe("dispatch", "q", messages)
		return sub, func() { close(messages) }, err
	}},
	{"intake", func(nc *nats.Conn, handle nats.MsgHandler) (*nats.Subscription, func(), error) {
		in := newIntakes().forQuestions()
		sub, err := in.routes.add(func() (*nats.Subscription, error) {
			return nc.ChanQueueSubscribe("dispatch", "q", in.messages)
		}, dispatchReceiver{handle})
		return sub, func() {
			in.close()
			in.readers.Wait()
		}, err
	}},
}

// BenchmarkDispatch is what the design of the intake was chosen from: a handler that is fast, and one that blocks.
func BenchmarkDispatch(b *testing.B) {
	handlers := []struct {
		name   string
		handle nats.MsgHandler
	}{
		{"fast handler", func(m *nats.Msg) { _ = m.Respond(m.Data) }},
		{"handler blocks 2 ms", func(m *nats.Msg) {
			<-time.After(2 * time.Millisecond)
			_ = m.Respond(m.Data)
		}},
	}
	for _, handler := range handlers {
		for _, dispatch := range dispatches {
			b.Run(handler.name+"/"+dispatch.name, func(b *testing.B) {
				srv := runServer(b, natsserver.Socket())
				nc, caller := srv.connect(b), srv.connect(b)
				sub, end, err := dispatch.start(nc, handler.handle)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() {
					_ = sub.Unsubscribe()
					end()
				})
				if err := nc.Flush(); err != nil {
					b.Fatal(err)
				}
				dispatchLoad(b, caller)
			})
		}
	}
}

// dispatchLoad makes calls from many callers and reports how many are answered.
func dispatchLoad(b *testing.B, caller *nats.Conn) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	body := []byte(`{"text":"hello"}`)
	b.SetParallelism(dispatchCallers / 2) // per processor; the figures in the documents are from two
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := caller.RequestWithContext(ctx, "dispatch", body); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
