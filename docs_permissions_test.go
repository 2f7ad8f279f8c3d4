package typednats_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// documented is the server of docs/guides/permissions.md, and what it refuses to the users of that page.
type documented struct {
	*typednatstest.NATS

	refusals chan error
}

func newDocumented(t *testing.T) documented {
	t.Helper()
	blocks := readMarkdown(t, "docs/guides/permissions.md").blocks
	file := filepath.Join(t.TempDir(), "server.conf")
	if err := os.WriteFile(file, []byte(strings.Join(blocks[0].lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	written, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return documented{
		typednatstest.Run(t, func(o *server.Options) { o.Accounts, o.Users = written.Accounts, written.Users }),
		make(chan error, 100),
	}
}

// as is a connection of a user of the page.
func (d documented) as(t *testing.T, user string) *nats.Conn {
	t.Helper()
	return d.Connect(t, nats.UserInfo(user, user), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		d.refusals <- err
	}))
}

// TestDocsPermissionsAreEnough does all that the page allows. Nothing of it is refused.
func TestDocsPermissionsAreEnough(t *testing.T) {
	t.Parallel()
	endpoint := typednats.NewEndpoint[note, note, missing]("reserve").InGroup(typednats.NewGroup("warehouse"))
	for _, user := range []string{"warehouse", "hidden"} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			srv := newDocumented(t)
			waiting, ended := make(chan struct{}, 1), make(chan error, 1)
			svc := start(t, srv.as(t, user), config(func(c *typednats.ServiceConfig) {
				c.DiscoveryDisabled, c.ContractsAlways = user == "hidden", user != "hidden"
			}),
				endpoint.Handle(func(ctx context.Context, in note) (note, error) {
					if in.Text != "wait" {
						return mixed(ctx, in)
					}
					waiting <- struct{}{}
					<-ctx.Done()
					ended <- context.Cause(ctx)
					return note{}, ctx.Err()
				}))
			web := srv.as(t, "web")
			for kind, r := range requesters(t, web) {
				for range 3 {
					if out, err := typednats.RequestService(within(t), r, endpoint, note{"hello"}); err != nil || out.Text != "hello" {
						t.Errorf("%s: %v, %v", kind, out, err)
					}
				}
				if _, err := typednats.RequestService(within(t), r, endpoint, note{"declared"}); !errors.Is(err, missing{"nut"}) {
					t.Errorf("%s: %v", kind, err)
				}
			}
			ctx, cancel := context.WithCancel(within(t))
			call := callAsync(ctx, typednats.NewClient(web), endpoint, note{"wait"})
			await(t, waiting, "the handler")
			cancel()
			if got := await(t, call, "the end of the call"); !errors.Is(got.err, context.Canceled) {
				t.Errorf("call that was given up: %v", got.err)
			}
			if cause := await(t, ended, "the end of the handler"); !errors.Is(cause, typednats.ErrCallerGone) {
				t.Errorf("the handler's context ended with %v", cause)
			}
			pings, err := discovery.New(srv.as(t, "tools"), discovery.WithMaxResults(1)).Ping(within(t))
			if found := user == "warehouse"; err != nil || (len(pings) == 1) != found {
				t.Errorf("discovery: %v, %v", pings, err)
			}
			mustStop(t, svc)
			if len(srv.refusals) > 0 {
				t.Errorf("the server refused: %v", <-srv.refusals)
			}
		})
	}
}
