// Versions changes the contract of a service step by step while instances of two releases run side by side. After each step
// it prints what comparing the two contracts says, and whether a client of the release before can call everybody.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/examples/internal/embedded"
)

// release is a version of the service's contract, with what serves it.
type release struct {
	contract typednats.ServiceContract
	bound    []typednats.BoundEndpoint
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	srv, err := embedded.Start()
	if err != nil {
		return err
	}
	defer srv.Stop()
	nc, err := srv.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	for _, step := range []struct {
		title    string
		from, to release
	}{
		{"a required field in the request", of(bind(first)), of(bind(count))},
		{"an optional field in the request, and a field in the reply", of(bind(first)), of(bind(note))},
		{"one more error", of(bind(note)), of(bind(hold))},
		{"another codec", of(bind(hold)), of(bind(swapped))},
		{"one more codec", of(bind(hold)), of(bind(both))},
		{"another subject", of(bind(both)), of(bind(renamed))},
		{"another subject beside the old one", of(bind(both)), of(bind(renamed), bind(alias))},
		{"the old subject is deprecated", of(bind(renamed), bind(alias)), of(bind(renamed), bind(old))},
	} {
		fmt.Println("#", step.title)
		if err := compare(step.from, step.to); err != nil {
			return err
		}
		if err := runBoth(ctx, nc, step.from, step.to); err != nil {
			return err
		}
	}
	return nil
}

// served is an endpoint with its handler.
type served struct {
	typednats.Descriptor

	bound typednats.BoundEndpoint
}

// bind binds the one handler that all releases have here.
func bind[In, Out any](e typednats.Endpoint[In, Out, stockError]) served {
	return served{e, e.Handle(func(context.Context, In) (out Out, err error) { return out, nil })}
}

// of is the release with these endpoints.
func of(endpoints ...served) release {
	var r release
	var descriptors []typednats.Descriptor
	for _, e := range endpoints {
		descriptors = append(descriptors, e.Descriptor)
		r.bound = append(r.bound, e.bound)
	}
	r.contract = typednats.NewServiceContract("stock", descriptors...)
	return r
}

// documents returns the contracts of a release.
func (r release) documents() (docs []contract.Document, err error) {
	for _, d := range r.contract.Endpoints() {
		doc, err := d.Contract()
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// compare prints what a change does, as contracttest.Golden does in a test.
func compare(from, to release) error {
	before, err := from.documents()
	if err != nil {
		return err
	}
	after, err := to.documents()
	if err != nil {
		return err
	}
	for _, f := range contract.DiffAll(before, after) {
		fmt.Printf("%v: %s [%s]", f.Level, f.Message, f.Rule)
		if f.Hurt != "" {
			fmt.Printf(", hurts %s", f.Hurt)
		}
		if f.Rollout != "" {
			fmt.Printf(", %s", f.Rollout)
		}
		fmt.Println()
	}
	return nil
}

// runBoth has an instance of each release, and asks whether a client of the first can call both.
func runBoth(ctx context.Context, nc *nats.Conn, from, to release) error {
	docs, err := from.documents()
	if err != nil {
		return err
	}
	before, err := start(nc, from)
	if err != nil {
		return err
	}
	after, err := start(nc, to)
	if err != nil {
		return errors.Join(err, before.Stop(ctx))
	}
	return errors.Join(check(ctx, nc, docs), before.Stop(ctx), after.Stop(ctx))
}

// start starts an instance, which serves what is in its contract and nothing else.
func start(nc *nats.Conn, r release) (*typednats.Service, error) {
	return typednats.NewService(nc, typednats.ServiceConfig{Version: "1.0.0", Contract: r.contract}, r.bound...)
}

// check prints whether a client can call everybody who is there. A program does so when it starts.
func check(ctx context.Context, nc *nats.Conn, docs []contract.Document) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := discovery.New(nc, discovery.WithMaxResults(2))
	answer := "=> a client of the release before can call both"
	for finding, err := range discovery.Check(ctx, client, docs...) {
		if err != nil {
			return err
		}
		switch {
		case finding.Level == contract.Breaking:
			answer = "=> a client of the release before must not meet this one"
		case finding.Rule == contract.RuleSubject:
			answer = "=> a client of the release before is served by the other instance alone"
		}
	}
	fmt.Println(answer)
	return nil
}
