package typednats

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// endpointStats is what is counted for an endpoint.
type endpointStats struct {
	epoch            int // counts resets, so that a request is counted on one side of them only
	requests, errors int
	lastCode         int // 0 if there was no error
	lastDescription  string
	processing       time.Duration
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
// every error reply, declared errors included, counts once in NumErrors; ProcessingTime is the time spent in the
// handler.
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
	for _, e := range endpoints {
		one := s.statsOf(e, endpoints)
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
	return s.statsOf(e, s.current()), true
}

// Reset sets all statistics to zero and the time of the start to now. Requests that are being handled are not
// counted afterwards. The service keeps its id.
func (s *Service) Reset() {
	for _, e := range s.current() {
		e.mu.Lock()
		e.stats = endpointStats{epoch: e.stats.epoch + 1}
		e.mu.Unlock()
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

// statsOf returns the statistics of e, which is one of endpoints.
func (s *Service) statsOf(e *servedEndpoint, endpoints []*servedEndpoint) micro.EndpointStats {
	e.mu.Lock()
	counted := e.stats
	e.mu.Unlock()
	stats := micro.EndpointStats{
		Name:           e.name,
		Subject:        e.subject,
		QueueGroup:     e.queueGroup,
		NumRequests:    counted.requests,
		NumErrors:      counted.errors,
		LastError:      counted.lastError(),
		ProcessingTime: counted.processing,
	}
	if counted.requests > 0 {
		stats.AverageProcessingTime = counted.processing / time.Duration(counted.requests)
	}
	if s.cfg.StatsHandler == nil {
		return stats
	}
	data, err := s.customStats(addressOf(e, endpoints))
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

// count enters a request's end into the statistics, unless they were reset since it came.
func (e *servedEndpoint) count(r *request, out outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.epoch != e.stats.epoch {
		return
	}
	e.stats.processing += r.took
	if out.code != 0 {
		e.stats.errors++
		e.stats.lastCode, e.stats.lastDescription = out.code, out.description
	}
}

// lastError is the last error as nats.go's micro writes it.
func (s *endpointStats) lastError() string {
	if s.lastCode == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%s", s.lastCode, s.lastDescription)
}

// neverNil copies a map so that it is an object in JSON, as NATS's schemas ask for.
func neverNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
