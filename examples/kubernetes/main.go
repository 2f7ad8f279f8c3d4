// Kubernetes is a service as it runs there: it waits for NATS instead of failing, says whether it is ready, and after a
// SIGTERM answers what it has accepted before it ends. docs/guides/kubernetes.md says why each part is as it is.
//
// It reads two variables of the environment: NATS_URL, which it needs, and PROBES, the address of the page for probes.
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// Quote says what an item costs in another currency.
var Quote = typednats.NewEndpoint[QuoteRequest, QuoteReply, typednats.Never]("quote").
	InGroup(typednats.NewGroup("pricing"))

// QuoteRequest names a currency and how many euros the item costs.
type QuoteRequest struct {
	Currency string  `json:"currency"`
	Euros    float64 `json:"euros"`
}

// QuoteReply is the price in the other currency.
type QuoteReply struct {
	Price float64 `json:"price"`
}

// Rate belongs to another service: what one euro is worth.
var Rate = typednats.NewEndpoint[string, float64, typednats.Never]("rate").InGroup(typednats.NewGroup("exchange"))

// drainTimeout must be shorter than terminationGracePeriodSeconds.
const drainTimeout = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Getenv("NATS_URL"), cmp.Or(os.Getenv("PROBES"), ":8080")); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends, or until the connection is closed for good.
func run(ctx context.Context, url, probesAddr string) error {
	if url == "" {
		return errors.New("NATS_URL is not set")
	}
	nc, err := nats.Connect(url,
		nats.RetryOnFailedConnect(true), // NATS may start later than this program
		nats.MaxReconnects(-1),          // and may be away for longer than two minutes
	)
	if err != nil {
		return err
	}
	defer nc.Close() // after the service has stopped
	cfg := typednats.ServiceConfig{Name: "pricing", Version: "1.0.0", MaxConcurrent: 64}
	svc, err := typednats.NewService(nc, cfg, Quote.Handle(quote(typednats.NewClient(nc))))
	if err != nil {
		return err
	}
	closeProbes, err := serveProbes(ctx, probesAddr, svc.Ready)
	if err == nil {
		defer closeProbes()
		select {
		case <-ctx.Done():
		case <-svc.Done():
			err = nats.ErrConnectionClosed // another process may be let in
		}
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return errors.Join(err, svc.Stop(stopCtx))
}

// quote asks another service, so that it can be in the middle of a request when the program has to end.
func quote(client *typednats.Client) func(context.Context, QuoteRequest) (QuoteReply, error) {
	return func(ctx context.Context, r QuoteRequest) (QuoteReply, error) {
		rate, err := typednats.RequestService(ctx, client, Rate, r.Currency)
		return QuoteReply{Price: r.Euros * rate}, err
	}
}

// serveProbes answers the probes of Kubernetes. Alive is a program that answers at all: if NATS is away, another start
// does not help. Ready is one that gets requests.
func serveProbes(
	ctx context.Context, addr string, ready func(context.Context) error,
) (closeProbes func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	log.Print("probes on ", listener.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	page := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = page.Serve(listener) }() // until it is closed
	return func() { _ = page.Close() }, nil
}
