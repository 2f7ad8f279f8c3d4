package natstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natstest"
)

func TestServersAnswer(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(testing.TB) *natstest.Server{
		"in process": func(tb testing.TB) *natstest.Server { return natstest.Run(tb) },
		"socket":     func(tb testing.TB) *natstest.Server { return natstest.RunSocket(tb) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := run(t)
			nc := srv.Connect(t)
			if _, err := nc.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
				t.Fatal(err)
			}
			if err := nc.Flush(); err != nil { // the request comes on another connection
				t.Fatal(err)
			}
			reply, err := srv.Connect(t).Request("echo", []byte("hello"), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(reply.Data); got != "hello" {
				t.Errorf("reply %q, want %q", got, "hello")
			}
		})
	}
}
