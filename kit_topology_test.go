package typednats_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/typednatstest"
)

// topology is where a service and its callers are, and what is between them.
type topology struct {
	service, caller *typednatstest.NATS // they may be one
	login           [2]string           // of the service's connection and the callers'; "" is none
	prefix          string              // the first token that callers see; the service's is "topo"
	tokens          bool                // reply subjects arrive as they are
	cancels         bool                // messages of callers that give up arrive
}

// connectService and connectCaller open a connection that ends with tb.
func (o *topology) connectService(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return o.service.Connect(tb, as(o.login[0], opts)...)
}

func (o *topology) connectCaller(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return o.caller.Connect(tb, as(o.login[1], opts)...)
}

// as adds the login of a user whose password is its name.
func as(user string, opts []nats.Option) []nats.Option {
	if user == "" {
		return opts
	}
	return append([]nats.Option{nats.UserInfo(user, user)}, opts...)
}

// configured is the option of a server with the text of a configuration file.
func configured(tb testing.TB, text string) func(*server.Options) {
	tb.Helper()
	return func(o *server.Options) {
		if err := o.ProcessConfigString(text); err != nil {
			tb.Fatalf("configuration: %v", err)
		}
		o.Host, o.Port = "127.0.0.1", server.RANDOM_PORT
	}
}

// twoAccounts is a configuration in which APP imports what SVC exports.
const twoAccounts = `
	leafnodes { listen: "127.0.0.1:-1" }
	accounts {
		SVC: {
			users: [ { user: svc, password: svc } ]
			exports: [ { service: "topo.>" } ]
		}
		APP: {
			users: [ { user: app, password: app } ]
			imports: [ %s ]
		}
	}`

// mappedAccount is a configuration of one account that gives subjects another name.
const mappedAccount = `
	accounts {
		APP: {
			users: [ { user: app, password: app } ]
			mappings: {
				"old.*": "topo.$1"
				"_TYPEDNATS.CANCEL.old.*": "_TYPEDNATS.CANCEL.topo.$1"
			}
		}
	}`

const importAll = `{ service: { account: SVC, subject: "topo.>" } }`

// leafOf runs a server that is a leaf node of hub, with the login of a user of it.
func leafOf(tb testing.TB, hub *typednatstest.NATS, user string) *typednatstest.NATS {
	tb.Helper()
	vars, err := hub.Varz(nil)
	if err != nil {
		tb.Fatal(err)
	}
	remote := &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", vars.LeafNode.Port)}
	if user != "" {
		remote.User = url.UserPassword(user, user)
	}
	leaf := typednatstest.RunSocket(tb, func(o *server.Options) {
		o.ServerName = "leaf-" + nats.NewInbox()
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{remote}}}
	})
	eventually(tb, "the leaf node's connection", func() bool { return leaf.NumLeafNodes() == 1 })
	return leaf
}

// topologies returns how to make each kind.
func topologies() map[string]func(tb testing.TB) topology {
	imported := func(tb testing.TB) *typednatstest.NATS {
		tb.Helper()
		return typednatstest.RunSocket(tb, configured(tb, fmt.Sprintf(twoAccounts, importAll)))
	}
	return map[string]func(tb testing.TB) topology{
		"one server": func(tb testing.TB) topology {
			tb.Helper()
			srv := typednatstest.RunSocket(tb)
			return topology{service: srv, caller: srv, prefix: "topo", tokens: true, cancels: true}
		},
		"import": func(tb testing.TB) topology {
			tb.Helper()
			srv := imported(tb)
			return topology{service: srv, caller: srv, login: [2]string{"svc", "app"}, prefix: "topo"}
		},
		"import under another name": func(tb testing.TB) topology {
			tb.Helper()
			srv := typednatstest.RunSocket(tb, configured(tb, fmt.Sprintf(twoAccounts,
				`{ service: { account: SVC, subject: "topo.*" }, to: "old.$1" }`)))
			return topology{service: srv, caller: srv, login: [2]string{"svc", "app"}, prefix: "old"}
		},
		"mapping": func(tb testing.TB) topology {
			tb.Helper()
			srv := typednatstest.RunSocket(tb, configured(tb, mappedAccount))
			return topology{service: srv, caller: srv, login: [2]string{"app", "app"}, prefix: "old", tokens: true, cancels: true}
		},
		"leaf node": func(tb testing.TB) topology {
			tb.Helper()
			hub := typednatstest.RunSocket(tb, configured(tb, `leafnodes { listen: "127.0.0.1:-1" }`))
			return topology{service: hub, caller: leafOf(tb, hub, ""), prefix: "topo", tokens: true, cancels: true}
		},
		"service at a leaf node": func(tb testing.TB) topology {
			tb.Helper()
			hub := typednatstest.RunSocket(tb, configured(tb, `leafnodes { listen: "127.0.0.1:-1" }`))
			return topology{service: leafOf(tb, hub, ""), caller: hub, prefix: "topo", tokens: true, cancels: true}
		},
		"leaf node of an account that imports": func(tb testing.TB) topology {
			tb.Helper()
			hub := imported(tb)
			return topology{service: hub, caller: leafOf(tb, hub, "app"), login: [2]string{"svc", ""}, prefix: "topo"}
		},
		"cluster": func(tb testing.TB) topology {
			tb.Helper()
			nodes := typednatstest.RunCluster(tb, 3)
			return topology{service: nodes[0], caller: nodes[2], prefix: "topo", tokens: true, cancels: true}
		},
		"cluster with import": func(tb testing.TB) topology {
			tb.Helper()
			nodes := typednatstest.RunCluster(tb, 3, configured(tb, fmt.Sprintf(twoAccounts, importAll)))
			return topology{service: nodes[0], caller: nodes[2], login: [2]string{"svc", "app"}, prefix: "topo"}
		},
	}
}

// twoWays is a configuration in which half of APP's requests on old.* stay in the account, and half go to SVC.
const twoWays = `
	accounts {
		SVC: {
			users: [ { user: svc, password: svc } ]
			exports: [ { service: "topo.>" } ]
		}
		APP: {
			users: [ { user: app, password: app } ]
			imports: [ { service: { account: SVC, subject: "topo.*" }, to: "far.$1" } ]
			mappings: {
				"old.*": [ { destination: "topo.$1", weight: 50% }, { destination: "far.$1", weight: 50% } ]
			}
		}
	}`
