package discovery

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// The types below read an answer of which some field is not what it should be: what can be read is kept, the rest stays
// at zero and is named. They cost a pass over the answer for each level, so an answer is first read as it should be.

// lenient is a T that every JSON value can be decoded into.
type lenient[T any] struct {
	value T
	odd   string // what came instead of a T; empty if a T came
}

// UnmarshalJSON leaves the value at zero if data holds something else. A null changes nothing, as elsewhere in JSON.
func (l *lenient[T]) UnmarshalJSON(data []byte) error {
	*l = lenient[T]{}
	if json.Unmarshal(data, &l.value) != nil {
		*l = lenient[T]{odd: describe(data)}
	}
	return nil
}

// describe says what a JSON value is, short enough for a log.
func describe(data []byte) string {
	switch data[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		var s string
		_ = json.Unmarshal(data, &s) // data is valid, so that this fits
		return fmt.Sprintf("%.40q", s)
	default:
		return fmt.Sprintf("%.40s", data)
	}
}

// oddities are the fields of one answer that cannot be read.
type oddities struct {
	fields []string // the first few
	more   int
}

// maxOddities bounds how many fields are named. A service that sends one endpoint wrong sends all of them wrong.
const maxOddities = 8

func (o *oddities) add(path, what string) {
	if len(o.fields) == maxOddities {
		o.more++
		return
	}
	o.fields = append(o.fields, path+" is "+what)
}

// err is nil if every field could be read.
func (o *oddities) err(who instance) error {
	if len(o.fields) == 0 {
		return nil
	}
	list := strings.Join(o.fields, ", ")
	if o.more > 0 {
		list += fmt.Sprintf(", and %d more", o.more)
	}
	return fmt.Errorf("service %.64q, instance %.64q: %w: %s", who.name, who.id, ErrOddField, list)
}

// take returns the value of a field, and names the field if it is odd.
func take[T any](o *oddities, path string, field lenient[T]) T {
	if field.odd != "" {
		o.add(path, field.odd)
	}
	return field.value
}

// takeMap leaves out the keys whose value is odd.
func takeMap(o *oddities, path string, field lenient[map[string]lenient[string]]) map[string]string {
	values := take(o, path, field)
	if values == nil {
		return nil
	}
	m := make(map[string]string, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if v := values[key]; v.odd == "" {
			m[key] = v.value
		} else {
			o.add(fmt.Sprintf("%s[%.40q]", path, key), v.odd)
		}
	}
	return m
}

// takeSlice leaves out the elements that are null or odd.
func takeSlice[T, A any](
	o *oddities, path string, field lenient[[]*lenient[T]], element func(o *oddities, path string, e *T) A,
) []A {
	values := take(o, path, field)
	if values == nil {
		return nil
	}
	all := make([]A, 0, len(values))
	for i, v := range values {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case v == nil:
			o.add(path, "null")
		case v.odd != "":
			o.add(path, v.odd)
		default:
			all = append(all, element(o, path, &v.value))
		}
	}
	return all
}

// lenientAnswer is what the three answers have in common.
type lenientAnswer struct {
	Name     lenient[string]                     `json:"name"`
	ID       lenient[string]                     `json:"id"`
	Version  lenient[string]                     `json:"version"`
	Metadata lenient[map[string]lenient[string]] `json:"metadata"`
	Type     lenient[string]                     `json:"type"`
}

func (a *lenientAnswer) identity(o *oddities) micro.ServiceIdentity {
	return micro.ServiceIdentity{
		Name:     take(o, "name", a.Name),
		ID:       take(o, "id", a.ID),
		Version:  take(o, "version", a.Version),
		Metadata: takeMap(o, "metadata", a.Metadata),
	}
}

type lenientPing struct{ lenientAnswer }

func (a *lenientPing) answer(o *oddities) micro.Ping {
	return micro.Ping{ServiceIdentity: a.identity(o), Type: take(o, "type", a.Type)}
}

type lenientInfo struct {
	lenientAnswer
	Description lenient[string]                          `json:"description"`
	Endpoints   lenient[[]*lenient[lenientEndpointInfo]] `json:"endpoints"`
}

func (a *lenientInfo) answer(o *oddities) micro.Info {
	return micro.Info{
		ServiceIdentity: a.identity(o),
		Type:            take(o, "type", a.Type),
		Description:     take(o, "description", a.Description),
		Endpoints:       takeSlice(o, "endpoints", a.Endpoints, endpointInfo),
	}
}

type lenientEndpointInfo struct {
	Name       lenient[string]                     `json:"name"`
	Subject    lenient[string]                     `json:"subject"`
	QueueGroup lenient[string]                     `json:"queue_group"`
	Metadata   lenient[map[string]lenient[string]] `json:"metadata"`
}

func endpointInfo(o *oddities, path string, e *lenientEndpointInfo) micro.EndpointInfo {
	return micro.EndpointInfo{
		Name:       take(o, path+".name", e.Name),
		Subject:    take(o, path+".subject", e.Subject),
		QueueGroup: take(o, path+".queue_group", e.QueueGroup),
		Metadata:   takeMap(o, path+".metadata", e.Metadata),
	}
}

type lenientStats struct {
	lenientAnswer
	Started   lenient[time.Time]                        `json:"started"`
	Endpoints lenient[[]*lenient[lenientEndpointStats]] `json:"endpoints"`
}

func (a *lenientStats) answer(o *oddities) micro.Stats {
	return micro.Stats{
		ServiceIdentity: a.identity(o),
		Type:            take(o, "type", a.Type),
		Started:         take(o, "started", a.Started),
		Endpoints:       takeSlice(o, "endpoints", a.Endpoints, readEndpointStats),
	}
}

type lenientEndpointStats struct {
	Name                  lenient[string]      `json:"name"`
	Subject               lenient[string]      `json:"subject"`
	QueueGroup            lenient[string]      `json:"queue_group"`
	NumRequests           lenient[int]         `json:"num_requests"`
	NumErrors             lenient[int]         `json:"num_errors"`
	LastError             lenient[string]      `json:"last_error"`
	ProcessingTime        lenient[nanoseconds] `json:"processing_time"`
	AverageProcessingTime lenient[nanoseconds] `json:"average_processing_time"`
	Data                  json.RawMessage      `json:"data"`
}

func readEndpointStats(o *oddities, path string, e *lenientEndpointStats) *micro.EndpointStats {
	return &micro.EndpointStats{
		Name:                  take(o, path+".name", e.Name),
		Subject:               take(o, path+".subject", e.Subject),
		QueueGroup:            take(o, path+".queue_group", e.QueueGroup),
		NumRequests:           take(o, path+".num_requests", e.NumRequests),
		NumErrors:             take(o, path+".num_errors", e.NumErrors),
		LastError:             take(o, path+".last_error", e.LastError),
		ProcessingTime:        time.Duration(take(o, path+".processing_time", e.ProcessingTime)),
		AverageProcessingTime: time.Duration(take(o, path+".average_processing_time", e.AverageProcessingTime)),
		Data:                  e.Data,
	}
}
