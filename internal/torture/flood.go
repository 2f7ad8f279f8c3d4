package main

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
)

const (
	floodClients = 16
	floodRounds  = 4
)

// flood asks all instances many things at once, and afterwards whether all are there.
func (s *saboteur) flood() {
	var clients sync.WaitGroup
	for i := range floodClients {
		clients.Go(func() {
			c := s.load.callers[i%len(s.load.callers)]
			client := discovery.New(c.nc, discovery.WithMaxResults(fleetSize), discovery.WithMaxWait(2*time.Second))
			for range floodRounds {
				s.ask(client)
			}
		})
	}
	clients.Wait()
	for i, c := range s.load.callers {
		if n := s.fleet.found(c.nc, patience); n != fleetSize {
			s.account.brokenf(allFound, "caller %d found %d instances, want %d", i, n, fleetSize)
		}
	}
}

// ask checks what can be checked of answers that were shed in part.
func (s *saboteur) ask(client *discovery.Client) {
	ctx := context.Background()
	_, _ = client.Ping(ctx)
	_, _ = client.InfoService(ctx, serviceName)
	stats, _ := client.StatsService(ctx, serviceName)
	for _, one := range stats {
		for _, e := range one.Endpoints {
			s.checkStats(e)
		}
	}
}

func (s *saboteur) checkStats(e *micro.EndpointStats) {
	s.account.hear("statistics read while running")
	if e.NumErrors > e.NumRequests {
		s.account.brokenf(statsAgree, "endpoint %q: num_errors %d, num_requests %d", e.Name, e.NumErrors, e.NumRequests)
	}
}
