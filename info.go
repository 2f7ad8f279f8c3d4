package typednats

import (
	"maps"

	"github.com/nats-io/nats.go/micro"
)

// Ping returns what the service answers to $SRV.PING (ADR-32).
func (s *Service) Ping() micro.Ping {
	return micro.Ping{ServiceIdentity: s.identity(), Type: micro.PingResponseType}
}

// Info returns what the service answers to $SRV.INFO (ADR-32), endpoints in the order in which they were added.
// Those whose subscription the server refuses are left out: they get no requests. See [Service.Ready].
func (s *Service) Info() micro.Info {
	info := micro.Info{
		ServiceIdentity: s.identity(),
		Type:            micro.InfoResponseType,
		Description:     s.cfg.Description,
		Endpoints:       []micro.EndpointInfo{},
	}
	for _, e := range s.server.Subscribed() {
		metadata := neverNil(e.Metadata)
		if s.cfg.publishes() {
			announce(metadata, &e.Endpoint)
		}
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{
			Name:       e.Name,
			Subject:    e.Subject,
			QueueGroup: e.QueueGroup,
			Metadata:   metadata,
		})
	}
	return info
}

func (s *Service) identity() micro.ServiceIdentity {
	return micro.ServiceIdentity{
		Name:     s.cfg.Name,
		ID:       s.id,
		Version:  s.cfg.Version,
		Metadata: neverNil(s.cfg.Metadata),
	}
}

// neverNil copies a map so that it is an object in JSON, as NATS's schemas ask for.
func neverNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
