package discovery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

func TestClosedConnection(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	nc.Close()
	client := discovery.New(nc)
	if _, err := client.Ping(t.Context()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("error %v, want %v", err, nats.ErrConnectionClosed)
	}
	if _, err := client.PingInstance(t.Context(), "stock", "X1"); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("one instance: error %v, want %v", err, nats.ErrConnectionClosed)
	}
}

func TestConnectionEndsDuringAQuery(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*nats.Conn) error{
		"closed":  func(nc *nats.Conn) error { nc.Close(); return nil },
		"drained": (*nats.Conn).Drain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			answer(t, srv.Connect(t), "$SRV.PING", func(m *nats.Msg) { respond(t, m, pong(t, "stock", "X1")) })
			nc := srv.Connect(t)
			client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithStall(0))
			var got []string
			var last error
			for p, err := range client.PingSeq(patient(t), "") {
				if last = err; err == nil {
					got = append(got, p.ID)
					if err := end(nc); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !errors.Is(last, nats.ErrConnectionClosed) {
				t.Errorf("error %v, want %v", last, nats.ErrConnectionClosed)
			}
			if diff := cmp.Diff([]string{"X1"}, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDrainingConnection has a subscription that can't finish, so that the connection stays in the state.
func TestDrainingConnection(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	busy, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	answer(t, nc, "work", func(*nats.Msg) { close(busy); <-release })
	if err := nc.Publish("work", nil); err != nil {
		t.Fatal(err)
	}
	<-busy
	if err := nc.Drain(); err != nil {
		t.Fatal(err)
	}
	if _, err := discovery.New(nc).Ping(t.Context()); !errors.Is(err, nats.ErrConnectionDraining) {
		t.Errorf("error %v, want %v", err, nats.ErrConnectionDraining)
	}
}

func TestDisconnected(t *testing.T) {
	t.Parallel()
	for want, opt := range map[error]nats.Option{
		nats.ErrDisconnected:         nats.ReconnectBufSize(1 << 20), // the question waits there to be sent
		nats.ErrReconnectBufExceeded: nats.ReconnectBufSize(-1),
	} {
		t.Run(want.Error(), func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			lost := make(chan struct{})
			nc := srv.Connect(t, opt, nats.MaxReconnects(-1), nats.ReconnectWait(forever),
				nats.DisconnectErrHandler(func(*nats.Conn, error) { close(lost) }))
			srv.Shutdown()
			<-lost
			client := discovery.New(nc, discovery.WithMaxWait(20*time.Millisecond))
			if pings, err := client.Ping(patient(t)); len(pings) != 0 || !errors.Is(err, want) {
				t.Errorf("%v and error %v, want %v", pings, err, want)
			}
			if n := nc.NumSubscriptions(); n != 0 {
				t.Errorf("%d subscriptions afterwards, want none", n)
			}
		})
	}
}

// restricted starts a server with a user "service", who may do all, and a user "client" with those permissions.
func restricted(t *testing.T, p *server.Permissions) *typednatstest.NATS {
	t.Helper()
	return typednatstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "service", Password: "s"},
			{Username: "client", Password: "c", Permissions: p},
		}
	})
}

func TestCustomInboxPrefix(t *testing.T) {
	t.Parallel()
	srv := restricted(t, &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"$SRV.>"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_client.>"}},
	})
	svc := addService(t, srv.Connect(t, nats.UserInfo("service", "s")), "stock")
	nc := srv.Connect(t, nats.UserInfo("client", "c"), nats.CustomInboxPrefix("_INBOX_client"))
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(1))
	infos, err := client.Info(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]micro.Info{svc.Info()}, infos); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if err := nc.LastError(); err != nil {
		t.Errorf("connection reports %v", err)
	}
}

func TestRefusedIsNotNobody(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*server.Permissions{
		"question": {Publish: &server.SubjectPermission{Deny: []string{"$SRV.>"}}},
		"inbox":    {Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := restricted(t, p)
			addService(t, srv.Connect(t, nats.UserInfo("service", "s")), "stock")
			nc := srv.Connect(t, nats.UserInfo("client", "c"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
			client := discovery.New(nc, discovery.WithMaxWait(time.Hour)) // the server says it at once
			ctx := patient(t)
			for range 2 {
				if _, err := client.Ping(ctx); !errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("error %v, want %v", err, nats.ErrPermissionViolation)
				}
			}
			_, err := client.PingInstance(ctx, "stock", "X1")
			if !errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, discovery.ErrNotFound) {
				t.Errorf("one instance: error %v, want %v", err, nats.ErrPermissionViolation)
			}
		})
	}
}

// TestOtherRefusalsDoNotMatter has a permission error for a subject that merely begins like the question's.
func TestOtherRefusalsDoNotMatter(t *testing.T) {
	t.Parallel()
	srv := restricted(t, &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{"$SRV.PING.stock"}},
	})
	service := srv.Connect(t, nats.UserInfo("service", "s"))
	refused := make(chan struct{}, 1)
	nc := srv.Connect(t, nats.UserInfo("client", "c"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) { refused <- struct{}{} }))
	answer(t, service, "$SRV.PING", func(*nats.Msg) {
		if err := nc.Publish("$SRV.PING.stock", nil); err != nil {
			t.Error(err)
		}
	})
	client := discovery.New(nc, discovery.WithMaxWait(200*time.Millisecond))
	if pings, err := client.Ping(patient(t)); len(pings) != 0 || err != nil {
		t.Errorf("%v and error %v, want nothing", pings, err)
	}
	<-refused
}

// TestAcrossAccounts finds the services of another account under the prefix with which they are imported.
func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) {
		backend, tools := server.NewAccount("backend"), server.NewAccount("tools")
		if err := backend.AddServiceExportWithResponse("$SRV.>", server.Streamed, nil); err != nil {
			t.Fatal(err)
		}
		if err := tools.AddServiceImport(backend, "from.backend.>", "$SRV.>"); err != nil {
			t.Fatal(err)
		}
		o.Accounts = []*server.Account{backend, tools}
		o.Users = []*server.User{
			{Username: "backend", Password: "b", Account: backend},
			{Username: "tools", Password: "t", Account: tools},
		}
	})
	peer := srv.Connect(t, nats.UserInfo("backend", "b"))
	first, second := addService(t, peer, "stock"), addService(t, peer, "stock")
	nc := srv.Connect(t, nats.UserInfo("tools", "t"))
	ctx := patient(t)

	client := discovery.New(nc, discovery.WithPrefix("from.backend"), discovery.WithMaxWait(forever),
		discovery.WithStall(0), discovery.WithMaxResults(2))
	infos, err := client.InfoService(ctx, "stock")
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) == 2 && infos[0].ID != first.Info().ID {
		first, second = second, first
	}
	if diff := cmp.Diff([]micro.Info{first.Info(), second.Info()}, infos); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if infos, err := discovery.New(nc).Info(ctx); len(infos) != 0 || err != nil {
		t.Errorf("without the prefix: %v and error %v, want nothing", infos, err)
	}
}
