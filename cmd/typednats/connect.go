package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/typednats/typednats/discovery"
)

// leastConnectTimeout is how long a server has at least to answer: who wants a reply in 50 ms does not mean that.
const leastConnectTimeout = 2 * time.Second

// connect opens the connection that the flags and the environment ask for. The caller closes it.
func (t *tool) connect(ctx context.Context, opts ...nats.Option) (*nats.Conn, error) {
	saved, err := t.loadContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := saved.NATSOptions(
		nats.Name("typednats"),
		nats.Timeout(max(t.global.timeout, leastConnectTimeout)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { t.logf("connection: %v", err) }),
	)
	if err != nil {
		return nil, fail(exitConnection, fmt.Errorf("use the context %q: %w", saved.Name, err))
	}
	login, err := t.login()
	if err != nil {
		return nil, err
	}
	all = append(append(all, login...), opts...)
	servers := redacted(saved.ServerURL())
	t.logf("connect to %s", servers)
	nc, err := nats.Connect(saved.ServerURL(), all...)
	if err != nil {
		return nil, fail(exitConnection, connectError(servers, err))
	}
	return nc, nil
}

// loadContext returns the settings of the saved context that counts, with those of the flags and the environment on
// top.
func (t *tool) loadContext(ctx context.Context) (*natscontext.Context, error) {
	registry := natscontext.NewRegistry(natscontext.NewFileBackendAt(t.configDir()))
	var opts []natscontext.Option
	if server := t.setting(t.global.server, "NATS_URL"); server != "" {
		opts = append(opts, natscontext.WithServerURL(server))
	}
	saved, err := registry.Load(ctx, t.setting(t.global.context, "NATS_CONTEXT"), opts...)
	if err == nil {
		return saved, nil
	}
	if errors.Is(err, natscontext.ErrNotFound) {
		known, listErr := registry.List(ctx)
		if listErr != nil || len(known) == 0 {
			return nil, fail(exitUsage, fmt.Errorf("%w: there are no saved contexts; 'nats context add' makes one", err))
		}
		return nil, fail(exitUsage, fmt.Errorf("%w; there are: %s", err, strings.Join(known, ", ")))
	}
	return nil, fail(exitUsage, fmt.Errorf("load the context: %w", err))
}

// configDir is where the nats tool keeps its contexts.
func (t *tool) configDir() string {
	if dir := t.getenv("XDG_CONFIG_HOME"); dir != "" {
		return dir
	}
	return filepath.Join(t.getenv("HOME"), ".config")
}

// login returns the options for --creds and --nkey. They take the place of what a context says.
func (t *tool) login() ([]nats.Option, error) {
	forget := func(o *nats.Options) error {
		o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
		o.UserJWT, o.SignatureCB = nil, nil
		return nil
	}
	creds, nkey := t.global.creds, t.global.nkey
	if creds == "" && nkey == "" { // a flag counts before each variable
		creds, nkey = t.getenv("NATS_CREDS"), t.getenv("NATS_NKEY")
	}
	switch {
	case creds != "" && nkey != "":
		return nil, fail(exitUsage, errors.New("credentials and an nkey are two ways to log in: give one of them"))
	case creds != "":
		if _, err := os.Stat(creds); err != nil {
			return nil, fail(exitUsage, fmt.Errorf("--creds: %w", err))
		}
		return []nats.Option{forget, nats.UserCredentials(creds)}, nil
	case nkey != "":
		opt, err := nkeyOption(nkey)
		if err != nil {
			return nil, fail(exitUsage, fmt.Errorf("--nkey: %w", err))
		}
		return []nats.Option{forget, opt}, nil
	}
	return nil, nil
}

func nkeyOption(path string) (nats.Option, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	opt, err := nats.NkeyOptionFromSeed(path)
	if errors.Is(err, nkeys.ErrInvalidSeed) {
		return nil, fmt.Errorf("%s does not hold the seed of a user: %w", path, err)
	}
	return opt, err
}

// discover returns a client that asks the services on a connection, and waits for so long at most.
func (t *tool) discover(nc *nats.Conn, wait time.Duration) *discovery.Client {
	return discovery.New(nc, discovery.WithMaxWait(wait),
		discovery.WithReplyError(func(subject string, err error) { t.logf("answer to %s: %v", subject, err) }))
}

// connectError says what to do about a connection that cannot be made.
func connectError(servers string, err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("%s refuses this user (%w): set --creds, --nkey or --context", servers, err)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), strings.Contains(err.Error(), "connect"):
		return fmt.Errorf("nothing answers on %s (%w): start a server, or set NATS_URL or --server", servers, err)
	default:
		return fmt.Errorf("connect to %s: %w", servers, err)
	}
}

// redacted returns URLs of servers without passwords.
func redacted(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		server = strings.TrimSpace(server)
		if u, err := url.Parse(server); err == nil && u.User != nil {
			server = u.Redacted()
			if _, set := u.User.Password(); !set {
				u.User = url.User("xxxxx") // a token
				server = u.String()
			}
		}
		list[i] = server
	}
	return strings.Join(list, ",")
}
