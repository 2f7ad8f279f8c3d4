package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/wire"
)

// The functions below read the body of an answer. The identity they return is the answer's own; it has a name and an
// id if the error is nil.

func parsePing(data []byte) (micro.Ping, micro.ServiceIdentity, error) {
	var ping micro.Ping
	if err := decode(data, &ping); err != nil {
		return micro.Ping{}, micro.ServiceIdentity{}, err
	}
	return ping, ping.ServiceIdentity, checkAnswer(ping.ServiceIdentity, ping.Type, micro.PingResponseType)
}

func parseInfo(data []byte) (micro.Info, micro.ServiceIdentity, error) {
	var info micro.Info
	if err := decode(data, &info); err != nil {
		return micro.Info{}, micro.ServiceIdentity{}, err
	}
	return info, info.ServiceIdentity, checkAnswer(info.ServiceIdentity, info.Type, micro.InfoResponseType)
}

func parseStats(data []byte) (micro.Stats, micro.ServiceIdentity, error) {
	var wire struct {
		micro.Stats
		Endpoints []*endpointStats `json:"endpoints"`
	}
	if err := decode(data, &wire); err != nil {
		return micro.Stats{}, micro.ServiceIdentity{}, err
	}
	stats := wire.Stats
	if wire.Endpoints != nil {
		stats.Endpoints = make([]*micro.EndpointStats, len(wire.Endpoints))
	}
	for i, e := range wire.Endpoints {
		// Whoever ranges over the endpoints does not expect a nil pointer.
		if e == nil {
			return micro.Stats{}, micro.ServiceIdentity{}, fmt.Errorf("decode answer: endpoint %d is null", i)
		}
		e.EndpointStats.ProcessingTime = time.Duration(e.ProcessingTime)
		e.EndpointStats.AverageProcessingTime = time.Duration(e.AverageProcessingTime)
		stats.Endpoints[i] = &e.EndpointStats
	}
	return stats, stats.ServiceIdentity, checkAnswer(stats.ServiceIdentity, stats.Type, micro.StatsResponseType)
}

// endpointStats is micro.EndpointStats with durations that may have a fraction.
type endpointStats struct {
	micro.EndpointStats
	ProcessingTime        nanoseconds `json:"processing_time"`
	AverageProcessingTime nanoseconds `json:"average_processing_time"`
}

// nanoseconds is a duration as it crosses the wire. The schema asks for an integer, but services in JavaScript send an
// average with a fraction, and it would be a pity to lose their statistics for it.
type nanoseconds time.Duration

// UnmarshalJSON takes any number that fits once it is rounded. A null changes nothing, as elsewhere in JSON.
func (n *nanoseconds) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*int64)(n)) == nil {
		return nil
	}
	var f float64
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	f = math.Round(f)
	if f < math.MinInt64 || f >= math.MaxInt64 {
		return fmt.Errorf("%v nanoseconds are out of range", f)
	}
	*n = nanoseconds(f)
	return nil
}

func decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// checkAnswer reports what is missing in an answer. The texts from the wire are cut short: they end up in logs.
func checkAnswer(who micro.ServiceIdentity, got, want string) error {
	switch {
	case got != want:
		return fmt.Errorf("answer of type %.64q instead of %q", got, want)
	case who.Name == "":
		return errors.New("answer without a service name")
	case who.ID == "":
		return fmt.Errorf("answer of service %.64q without an instance id", who.Name)
	}
	return nil
}

// errorReply returns the service error that a reply with these headers stands for, nil if it stands for none.
func errorReply(h nats.Header) error {
	e, failed := wire.ParseErrorReply(h)
	if !failed {
		return nil
	}
	return fmt.Errorf("service error %d: %.256q", e.Code, e.Description)
}
