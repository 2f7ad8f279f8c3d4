package typednats

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// counts is what is counted for an endpoint. A reset replaces it: a request counts where it was received, so that it
// is on one side of a reset only.
type counts struct {
	requests   atomic.Int64
	processing atomic.Int64             // nanoseconds
	failures   atomic.Pointer[failures] // nil if there were none
}

// failures is a number of errors with the last of them, as nats.go's micro writes it.
type failures struct {
	number int
	last   string
}

// failed counts n errors, which have a code and a description.
func (c *counts) failed(n, code int, description string) {
	next := &failures{last: fmt.Sprintf("%d:%s", code, description)}
	for {
		before := c.failures.Load()
		next.number = n
		if before != nil {
			next.number += before.number
		}
		if c.failures.CompareAndSwap(before, next) {
			return
		}
	}
}

// Ping returns what the service answers to $SRV.PING (ADR-32).
func (s *Service) Ping() micro.Ping {
	return micro.Ping{ServiceIdentity: s.identity(), Type: micro.PingResponseType}
}

// Info returns what the service answers to $SRV.INFO (ADR-32), endpoints in the order in which they were added.
func (s *Service) Info() micro.Info {
	info := micro.Info{
		ServiceIdentity: s.identity(),
		Type:            micro.InfoResponseType,
		Description:     s.cfg.Description,
		Endpoints:       []micro.EndpointInfo{},
	}
	for _, e := range s.current() {
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{
			Name:       e.name,
			Subject:    e.subject,
			QueueGroup: e.queueGroup,
			Metadata:   neverNil(e.metadata),
		})
	}
	return info
}

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
	endpoints := s.current()
	known := addresses(endpoints)
	for _, e := range endpoints {
		one := s.statsOf(e, known[e])
		stats.Endpoints = append(stats.Endpoints, &one)
	}
	return stats
}

// EndpointStats returns the statistics of one endpoint, named by its name where that is unique, else by its subject.
// It reports false where there is no such endpoint.
func (s *Service) EndpointStats(name string) (micro.EndpointStats, bool) {
	e, ok := s.find(name)
	if !ok {
		return micro.EndpointStats{}, false
	}
	return s.statsOf(e, addresses(s.current())[e]), true
}

// Reset sets all statistics to zero and the time of the start to now. Requests that are being handled are not
// counted afterwards. The service keeps its id.
func (s *Service) Reset() {
	for _, e := range s.current() {
		e.counts.Store(&counts{})
	}
	s.mu.Lock()
	s.started = time.Now().UTC()
	s.mu.Unlock()
}

func (s *Service) identity() micro.ServiceIdentity {
	return micro.ServiceIdentity{
		Name:     s.cfg.Name,
		ID:       s.id,
		Version:  s.cfg.Version,
		Metadata: neverNil(s.cfg.Metadata),
	}
}

// statsOf returns the statistics of e, which the StatsHandler knows by its address.
func (s *Service) statsOf(e *servedEndpoint, address string) micro.EndpointStats {
	counted := e.counts.Load()
	failed := counted.failures.Load() // before the requests, so that there are never more
	stats := micro.EndpointStats{
		Name:           e.name,
		Subject:        e.subject,
		QueueGroup:     e.queueGroup,
		NumRequests:    int(counted.requests.Load()),
		ProcessingTime: time.Duration(counted.processing.Load()),
	}
	if failed != nil {
		stats.NumErrors, stats.LastError = failed.number, failed.last
	}
	if stats.NumRequests > 0 {
		stats.AverageProcessingTime = stats.ProcessingTime / time.Duration(stats.NumRequests)
	}
	if s.cfg.StatsHandler == nil {
		return stats
	}
	data, err := s.customStats(address)
	if err != nil {
		s.report(ErrorReport{Endpoint: e.name, Subject: e.subject, Err: fmt.Errorf("statistics data: %w", err)})
	}
	stats.Data = data
	return stats
}

// customStats calls the user's StatsHandler.
func (s *Service) customStats(endpoint string) (data json.RawMessage, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = panicError(recovered)
		}
	}()
	value := s.cfg.StatsHandler(endpoint)
	if value == nil {
		return nil, nil
	}
	return json.Marshal(value)
}

// neverNil copies a map so that it is an object in JSON, as NATS's schemas ask for.
func neverNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
