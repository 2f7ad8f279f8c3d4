package typednats

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/server"
)

// Stats returns what the service answers to $SRV.STATS (ADR-32). Every request received counts once in NumRequests;
// every error reply, declared errors included, counts once in NumErrors; ProcessingTime is the time in which requests
// were decoded and handled, without that in the queue.
func (s *Service) Stats() micro.Stats {
	stats := micro.Stats{
		ServiceIdentity: s.identity(),
		Type:            micro.StatsResponseType,
		Endpoints:       []*micro.EndpointStats{},
	}
	s.mu.Lock()
	stats.Started = s.started
	s.mu.Unlock()
	endpoints := s.server.Endpoints()
	known := addresses(endpoints)
	for _, e := range endpoints {
		one := s.statsOf(e, known[e])
		stats.Endpoints = append(stats.Endpoints, &one)
	}
	return stats
}

// EndpointStats returns the statistics of one endpoint, named by its name if that is unique, else by its subject. It
// reports false if there is no such endpoint.
func (s *Service) EndpointStats(name string) (micro.EndpointStats, bool) {
	e, ok := s.server.Find(name)
	if !ok {
		return micro.EndpointStats{}, false
	}
	return s.statsOf(e, addresses(s.server.Endpoints())[e]), true
}

// Reset sets all statistics to zero and the time of the start to now. Requests that are being handled are not
// counted afterwards. The service keeps its id.
func (s *Service) Reset() {
	for _, e := range s.server.Endpoints() {
		e.ResetCounts()
	}
	s.mu.Lock()
	s.started = time.Now().UTC()
	s.mu.Unlock()
}

// statsOf returns the statistics of e, which the StatsHandler knows by its address.
func (s *Service) statsOf(e *server.Served, address string) micro.EndpointStats {
	counted := e.Counts()
	stats := micro.EndpointStats{
		Name:           e.Name,
		Subject:        e.Subject,
		QueueGroup:     e.QueueGroup,
		NumRequests:    counted.Requests,
		NumErrors:      counted.Errors,
		LastError:      counted.LastError,
		ProcessingTime: counted.Processing,
	}
	if stats.NumRequests > 0 {
		stats.AverageProcessingTime = stats.ProcessingTime / time.Duration(stats.NumRequests)
	}
	if s.cfg.LoadInStats {
		stats.Data = loadOf(e).data()
	}
	if s.cfg.StatsHandler == nil {
		return stats
	}
	data, err := s.customStats(address)
	if err != nil {
		s.reporter.report(server.Report{Endpoint: e.Name, Subject: e.Subject, Err: fmt.Errorf("statistics data: %w", err)})
	}
	stats.Data = data
	return stats
}

// customStats calls the user's StatsHandler.
func (s *Service) customStats(endpoint string) (data json.RawMessage, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = server.NewPanicError(recovered)
		}
	}()
	value := s.cfg.StatsHandler(endpoint)
	if value == nil {
		return nil, nil
	}
	return json.Marshal(value)
}

// addresses returns, for each endpoint, its name if no other endpoint has it, else its subject.
func addresses(endpoints []*server.Served) map[*server.Served]string {
	named := make(map[string]int, len(endpoints))
	for _, e := range endpoints {
		named[e.Name]++
	}
	found := make(map[*server.Served]string, len(endpoints))
	for _, e := range endpoints {
		found[e] = e.Name
		if named[e.Name] > 1 {
			found[e] = e.Subject
		}
	}
	return found
}
