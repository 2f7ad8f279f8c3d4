package typednats

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// shortError is how much is left of a last error in an answer that would be too large, in bytes.
const shortError = 32

// errDataLeftOut is reported to the owner of the service.
var errDataLeftOut = fmt.Errorf("the endpoints' data is left out of the answer: %w", nats.ErrMaxPayload)

// answers is what the service says when it is asked about itself.
func (s *Service) answers() []server.Answer {
	if s.cfg.DiscoveryDisabled {
		return nil
	}
	return []server.Answer{
		{Verb: micro.PingVerb, Body: func() any { return s.Ping() }},
		{Verb: micro.InfoVerb, Body: func() any { return &infoAnswer{Info: s.Info()} }},
		{Verb: micro.StatsVerb, Body: func() any { return &statsAnswer{Stats: s.Stats(), report: s.reporter.report} }},
	}
}

// answerSize is the size of the largest answer without endpoints, in bytes.
func (s *Service) answerSize() int {
	info := micro.Info{ServiceIdentity: s.identity(), Type: micro.InfoResponseType, Description: s.cfg.Description}
	stats := micro.Stats{ServiceIdentity: s.identity(), Type: micro.StatsResponseType, Started: s.started}
	return max(sizeOf(info), sizeOf(stats))
}

// answerSizeOf is the most that an endpoint takes in an answer that is as short as can be, in bytes.
func answerSizeOf(e *server.Endpoint) int {
	info := micro.EndpointInfo{Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup, Metadata: neverNil(e.Metadata)}
	stats := micro.EndpointStats{
		Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup,
		NumRequests: math.MaxInt, NumErrors: math.MaxInt, LastError: strconv.Itoa(math.MaxInt),
		ProcessingTime: math.MaxInt64, AverageProcessingTime: math.MaxInt64,
	}
	return max(sizeOf(info), sizeOf(stats)) + len(",")
}

func sizeOf(answer any) int {
	data, _ := json.Marshal(answer) //nolint:errchkjson // it holds text and numbers only
	return len(data)
}

// infoAnswer is the answer to $SRV.INFO. If it does not fit into a message, what the library says of endpoints is left out:
// a service of so many can be found, and not checked.
type infoAnswer struct {
	micro.Info

	isShort bool
}

// Shorten implements [server.Shortener].
func (a *infoAnswer) Shorten() bool {
	if a.isShort {
		return false
	}
	a.isShort = true
	for _, e := range a.Endpoints {
		maps.DeleteFunc(e.Metadata, func(key, _ string) bool { return strings.HasPrefix(key, wire.MetadataPrefix) })
	}
	return true
}

// statsAnswer is the answer to $SRV.STATS. If it does not fit into a message the texts of last errors are cut, then all
// but the code is, and the data is left out.
type statsAnswer struct {
	micro.Stats

	report func(server.Report)
	step   int
}

// Shorten implements [server.Shortener].
func (a *statsAnswer) Shorten() bool {
	a.step++
	switch a.step {
	case 1:
		for _, e := range a.Endpoints {
			e.LastError = wire.CutText(e.LastError, shortError)
		}
		return true
	case 2:
		var data bool
		for _, e := range a.Endpoints {
			data = data || e.Data != nil
			e.LastError, _, _ = strings.Cut(e.LastError, ":")
			e.Data = nil
		}
		if data {
			a.report(server.Report{Subject: micro.APIPrefix + "." + micro.StatsVerb.String(), Err: errDataLeftOut})
		}
		return true
	default:
		return false
	}
}
