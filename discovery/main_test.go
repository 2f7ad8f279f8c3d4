package discovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"
)

// patience bounds what should take no time at all, so that a failure is not a hang.
const patience = 30 * time.Second

// forever is a wait that no test gets to see the end of.
const forever = time.Hour

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patient returns a context that ends a test which waits in vain.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// addService starts an instance as nats.go's micro package does it, with one endpoint.
func addService(t *testing.T, nc *nats.Conn, name string) micro.Service {
	t.Helper()
	svc, err := micro.AddService(nc, micro.Config{
		Name:        name,
		Version:     "1.2.3",
		Description: "the " + name + " service",
		Metadata:    map[string]string{"team": "blue"},
		Endpoint: &micro.EndpointConfig{
			Subject:  name + ".do",
			Handler:  micro.HandlerFunc(func(r micro.Request) { _ = r.Respond(r.Data()) }),
			Metadata: map[string]string{"kind": "echo"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
	// The connection of a test's client may be another one: the server must know the service first.
	flush(t, nc)
	return svc
}

// answer subscribes f to a question.
func answer(t *testing.T, nc *nats.Conn, subject string, f nats.MsgHandler) {
	t.Helper()
	if _, err := nc.Subscribe(subject, f); err != nil {
		t.Fatal(err)
	}
	flush(t, nc)
}

// respond sends an answer from inside a subscription. The test may be over by then, and its connections closed.
func respond(t *testing.T, msg *nats.Msg, data []byte) {
	t.Helper()
	if err := msg.Respond(data); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("respond on %s: %v", msg.Subject, err)
	}
}

func flush(t *testing.T, nc *nats.Conn) {
	t.Helper()
	if err := nc.FlushTimeout(patience); err != nil {
		t.Errorf("flush: %v", err) // not Fatal: subscriptions flush, too
	}
}

func ping(name, id string) micro.Ping {
	return micro.Ping{
		ServiceIdentity: micro.ServiceIdentity{Name: name, ID: id, Version: "0.0.1"},
		Type:            micro.PingResponseType,
	}
}

// pong is the body of an answer to a ping.
func pong(t *testing.T, name, id string) []byte {
	t.Helper()
	return marshal(t, ping(name, id))
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Errorf("marshal %T: %v", v, err)
	}
	return data
}

func ids(pings []micro.Ping) []string {
	all := make([]string, len(pings))
	for i, p := range pings {
		all[i] = p.ID
	}
	return all
}

// dropped is one call of the function of discovery.WithReplyError.
type dropped struct{ Subject, Err string }
