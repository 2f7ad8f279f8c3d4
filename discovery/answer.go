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

// The functions below read the body of an answer. The author they return has a name and an id if the error is nil.

// author is who wrote an answer, and which of its fields cannot be read.
type author struct {
	instance

	odd oddities
}

func parsePing(data []byte) (micro.Ping, author, error) {
	ping, odd, err := decode(data, strictPing, func() fields[micro.Ping] { return new(lenientPing) })
	if err == nil {
		err = checkAnswer(ping.ServiceIdentity, ping.Type, micro.PingResponseType)
	}
	return ping, author{instance{ping.Name, ping.ID}, odd}, err
}

func parseInfo(data []byte) (micro.Info, author, error) {
	info, odd, err := decode(data, strictInfo, func() fields[micro.Info] { return new(lenientInfo) })
	if err == nil {
		err = checkAnswer(info.ServiceIdentity, info.Type, micro.InfoResponseType)
	}
	return info, author{instance{info.Name, info.ID}, odd}, err
}

func parseStats(data []byte) (micro.Stats, author, error) {
	stats, odd, err := decode(data, strictStats, func() fields[micro.Stats] { return new(lenientStats) })
	if err == nil {
		err = checkAnswer(stats.ServiceIdentity, stats.Type, micro.StatsResponseType)
	}
	return stats, author{instance{stats.Name, stats.ID}, odd}, err
}

// fields is an answer of which each field was read by itself.
type fields[A any] interface{ answer(o *oddities) A }

// decode reads an answer as it should be or, if it is not, field by field.
func decode[A any](
	data []byte, strict func([]byte) (A, error), lenient func() fields[A],
) (answer A, odd oddities, err error) {
	if answer, err = strict(data); err == nil {
		return answer, odd, nil
	}
	byField := lenient()
	if json.Unmarshal(data, byField) != nil { // it is not even an object
		return answer, odd, fmt.Errorf("decode answer: %w", err)
	}
	return byField.answer(&odd), odd, nil
}

func strictPing(data []byte) (ping micro.Ping, err error) {
	err = json.Unmarshal(data, &ping)
	return ping, err
}

func strictInfo(data []byte) (info micro.Info, err error) {
	if err := json.Unmarshal(data, &info); err != nil {
		return info, err
	}
	for i, e := range info.Endpoints {
		if e.Name == "" && e.Subject == "" {
			return info, fmt.Errorf("endpoint %d is perhaps null", i)
		}
	}
	return info, nil
}

func strictStats(data []byte) (micro.Stats, error) {
	var wire struct {
		micro.Stats
		Endpoints []*endpointStats `json:"endpoints"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return micro.Stats{}, err
	}
	stats := wire.Stats
	if wire.Endpoints != nil {
		stats.Endpoints = make([]*micro.EndpointStats, len(wire.Endpoints))
	}
	for i, e := range wire.Endpoints {
		// Whoever ranges over the endpoints does not expect a nil pointer.
		if e == nil {
			return micro.Stats{}, fmt.Errorf("endpoint %d is null", i)
		}
		e.EndpointStats.ProcessingTime = time.Duration(e.ProcessingTime)
		e.EndpointStats.AverageProcessingTime = time.Duration(e.AverageProcessingTime)
		stats.Endpoints[i] = &e.EndpointStats
	}
	return stats, nil
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
