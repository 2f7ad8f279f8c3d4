package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natsserver"
)

// ServerOptions is what is special about a server. The zero value is a server with the defaults of nats-server.
type ServerOptions struct {
	// MaxPayload is the largest message, in bytes. 0 means the default of nats-server, 1 MiB.
	MaxPayload int32 `json:"max_payload"`

	// Cluster is the name of the server's cluster, whose routes have a random port. "" means that it is alone.
	Cluster string `json:"cluster"`

	// Routes is the route URLs of members of the cluster that the server is to join. See [Server.RouteURL].
	Routes []string `json:"routes"`

	// Processors is the GOMAXPROCS of the server. 0 means as many as there are.
	Processors int `json:"processors"`
}

// Server is a nats-server in a process of its own, on a random port of the loopback interface. It is safe for
// concurrent use.
type Server struct {
	child *child
	ready serverReady
}

// serverReady is what a server says when it accepts connections.
type serverReady struct {
	URL      string `json:"url"`
	RouteURL string `json:"route_url"`
}

// StartServer starts a server and returns once it accepts connections. It ends with [Server.Close], with ctx, and with
// this process.
func StartServer(ctx context.Context, opts ServerOptions) (*Server, error) {
	arg, err := json.Marshal(opts)
	if err != nil {
		return nil, err
	}
	var env []string
	if opts.Processors > 0 {
		env = []string{"GOMAXPROCS=" + strconv.Itoa(opts.Processors)}
	}
	s := new(Server)
	if s.child, err = startChild(ctx, &s.ready, env, serverJob, string(arg)); err != nil {
		return nil, fmt.Errorf("start nats-server: %w", err)
	}
	return s, nil
}

// URL is where clients connect.
func (s *Server) URL() string { return s.ready.URL }

// RouteURL is where other members of the cluster connect; "" if there is no cluster.
func (s *Server) RouteURL() string { return s.ready.RouteURL }

// PID is the server's process.
func (s *Server) PID() int { return s.child.pid }

// Connect opens a connection, which the caller closes.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect(s.URL(), opts...)
}

// Close ends the server and waits for it. Its error is that of the server's process. It can be called any number of
// times.
func (s *Server) Close() error { return s.child.stop() }

// serveNATS is the job of the child.
func serveNATS(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, got %q", args)
	}
	var opts ServerOptions
	if err := json.Unmarshal([]byte(args[0]), &opts); err != nil {
		return fmt.Errorf("decode options: %w", err)
	}
	so := natsserver.Socket()
	so.MaxPayload = opts.MaxPayload
	if opts.Cluster != "" {
		so.Cluster = server.ClusterOpts{Name: opts.Cluster, Host: so.Host, Port: server.RANDOM_PORT}
	}
	for _, route := range opts.Routes {
		u, err := url.Parse(route)
		if err != nil {
			return fmt.Errorf("route: %w", err)
		}
		so.Routes = append(so.Routes, u)
	}
	srv, err := natsserver.Start(so)
	if err != nil {
		return err
	}
	defer srv.Stop()
	ready := serverReady{URL: srv.ClientURL()}
	if addr := srv.ClusterAddr(); addr != nil {
		ready.RouteURL = "nats://" + addr.String()
	}
	return announce(ready, stdin, stdout)
}
