// Inventory runs two instances of a service and a client that uses it for real: replies, declared and undeclared
// failures, two codecs, groups, a wildcard, headers, discovery, a stop under load, and statistics. Each step checks
// what came.
//
// The packages are laid out as a team would lay them out: stock is the contract, which both sides import; server
// answers; client calls. story.go tells one run, and this file starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/examples/internal/embedded"
	"github.com/typednats/typednats/examples/inventory/server"
)

const usage = `Usage: inventory [-url URLS [-creds FILE] [-serve]] [-explore]

Runs two instances of the inventory service and a client that calls them, and
says what was asked and what came. Without -url, NATS runs inside the program.

With -explore it tells no story. The instances are kept busy until they are
interrupted, and a page shows them at the address that is printed.

An interrupt or SIGTERM stops both instances after what they have accepted; a
second one ends the program at once. Every run answers on the subjects inventory.api.>, so
there should be one run at a time on the same servers.

The exit status is 0 if every step did what it says, or a signal ended
-serve or -explore; 1 if not; 2 if the flags are wrong.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal has its usual effect
	os.Exit(run(ctx, os.Args[1:], furniture(), os.Stdout, os.Stderr))
}

// run is the program. It returns its exit status.
func run(ctx context.Context, args []string, store *server.Store, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	p := program{config: cfg, store: store, out: log.New(stdout, "", 0), logger: slog.New(slog.NewTextHandler(stderr, nil))}
	if err := p.run(ctx); err != nil {
		log.New(stderr, "inventory: ", 0).Print(err)
		return 1
	}
	return 0
}

type config struct {
	urls, creds string
	serve       bool
	explore     bool
}

// parse reads the flags. It has said what is wrong when it returns an error.
func parse(args []string, stderr io.Writer) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("inventory", flag.ContinueOnError)
	flags.SetOutput(stderr)
	messages := log.New(stderr, "", 0)
	flags.Usage = func() {
		messages.Print(usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&cfg.urls, "url", "", "use the NATS servers at `URLS`, separated by commas")
	flags.StringVar(&cfg.creds, "creds", "", "authenticate with the credentials in `FILE`; needs -url")
	flags.BoolVar(&cfg.serve, "serve", false, "after the story, serve until interrupted; needs -url")
	flags.BoolVar(&cfg.explore, "explore", false, "keep the instances busy, and show them on a page")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case cfg.urls == "" && cfg.creds != "":
		err = errors.New("-creds needs -url")
	case cfg.serve && cfg.explore:
		err = errors.New("-explore serves until it is interrupted, without -serve")
	case cfg.urls == "" && cfg.serve:
		err = errors.New("-serve needs -url: nobody else reaches a server inside the program")
	}
	if err != nil {
		messages.Print(err)
		flags.Usage()
	}
	return cfg, err
}

// program is one run.
type program struct {
	config

	store  *server.Store
	out    *log.Logger
	logger *slog.Logger
}

func (p *program) run(ctx context.Context) error {
	connect := p.connect
	if p.urls == "" {
		srv, err := embedded.Start()
		if err != nil {
			return err
		}
		defer srv.Stop()
		connect = srv.Connect
	}
	var conns []*nats.Conn // one for the client, one for each instance, as if each were a program of its own
	for _, name := range []string{"client", "instance 1", "instance 2"} {
		nc, err := connect(nats.Name("inventory " + name))
		if err != nil {
			return fmt.Errorf("connect to NATS: %w", err)
		}
		defer nc.Close() // the services are stopped by then, which sends their replies
		conns = append(conns, nc)
	}

	inventory := server.Inventory{Store: p.store, Logger: p.logger}
	if p.explore {
		return explore(ctx, p.out, inventory, conns[0], conns[1:])
	}
	if err := tell(ctx, p.out, inventory, conns[0], conns[1:]); err != nil {
		return err
	}
	if !p.serve {
		return nil
	}
	p.out.Print("\nServing until interrupted.")
	if err := serve(ctx, inventory, conns[1:]); err != nil {
		return err
	}
	p.out.Print("Interrupted: both instances have answered what they had accepted.")
	return nil
}

// serve runs an instance on each connection until ctx ends or one of them fails.
func serve(ctx context.Context, inventory server.Inventory, conns []*nats.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(conns))
	var instances sync.WaitGroup
	for i, nc := range conns {
		instances.Go(func() {
			defer cancel()
			errs[i] = inventory.Serve(ctx, nc)
		})
	}
	instances.Wait()
	return errors.Join(errs...)
}

// connect opens a connection to the servers of -url, which outlives the restart of any of them.
func (p *program) connect(opts ...nats.Option) (*nats.Conn, error) {
	if p.creds != "" {
		opts = append(opts, nats.UserCredentials(p.creds))
	}
	return nats.Connect(p.urls, append(opts,
		nats.MaxReconnects(-1),
		nats.NoCallbacksAfterClientClose(), // our own Close is no disconnect
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			p.logger.Warn("disconnected", "connection", nc.Opts.Name, "error", err)
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			p.logger.Info("reconnected", "connection", nc.Opts.Name, "server", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) {
			p.logger.Error("connection failed", "connection", nc.Opts.Name, "error", err)
		}),
	)...)
}
