package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/prometheus"
	"github.com/typednats/typednats/discovery"
)

func newMetricsCommand(t *tool) *cobra.Command {
	listen := ""
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print the statistics of all services for Prometheus",
		Long: `Print the statistics of all services in the text format of Prometheus: those of any NATS library,
from $SRV.STATS. With --listen they are served under /metrics, and asked for anew for each scrape.

Errors include those that an endpoint declares: they are answers, not failures alone.`,
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			nc, err := t.connect(cmd.Context(), nats.MaxReconnects(-1))
			if err != nil {
				return err
			}
			defer nc.Close()
			client := t.discover(nc, t.global.timeout)
			if listen != "" {
				return t.serveMetrics(cmd.Context(), client, listen)
			}
			all, err := client.Stats(cmd.Context())
			if err != nil {
				return err
			}
			return prometheus.Write(t.stdout, all)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "serve them on an `address`, such as 127.0.0.1:9100; port 0 takes a free one")
	return cmd
}

// serveMetrics serves the page until ctx ends.
func (t *tool) serveMetrics(ctx context.Context, client *discovery.Client, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fail(exitUsage, fmt.Errorf("--listen: %w", err))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", &scraper{client: client, wait: t.global.timeout})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	t.printf("http://%s/metrics\n", listener.Addr())
	return serveUntil(ctx, server, listener)
}

// scraper answers scrapes. One at a time asks the services; those that came meanwhile get the same answer.
type scraper struct {
	client *discovery.Client
	wait   time.Duration

	mu   sync.Mutex
	at   time.Time // when text was asked for
	text string
	err  error
}

// ServeHTTP implements [http.Handler].
func (s *scraper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := s.scrape(r.Context(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", prometheus.ContentType)
	_, _ = w.Write([]byte(text)) // whoever asked is gone
}

func (s *scraper) scrape(ctx context.Context, came time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.After(came) {
		return s.text, s.err
	}
	s.at = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.wait) // others wait for it, too
	defer cancel()
	all, err := s.client.Stats(ctx)
	var b strings.Builder
	if err == nil {
		err = prometheus.Write(&b, all)
	}
	s.text, s.err = b.String(), err
	return s.text, s.err
}
