package typednats

import (
	"encoding/json"
	"time"

	"github.com/typednats/typednats/internal/server"
)

// EndpointLoad is how busy one endpoint of a service is, and what has become of its requests. It is also what STATS has as
// `data` if [ServiceConfig] says LoadInStats, without name and subject, which stand beside that.
type EndpointLoad struct {
	Name    string `json:"name,omitempty"`
	Subject string `json:"subject,omitempty"`

	// Running is how many requests are in the hands of handlers, at most MaxConcurrent.
	Running int `json:"running"`

	// Waiting is how many are in the queue, at most MaxPending.
	Waiting int `json:"waiting"`

	// WaitingBytes is what they hold, counted as [WithMaxPending] says, at most MaxPendingBytes.
	WaitingBytes int `json:"waiting_bytes"`

	// MaxConcurrent, MaxPending and MaxPendingBytes are the endpoint's bounds.
	MaxConcurrent   int `json:"max_concurrent"`
	MaxPending      int `json:"max_pending"`
	MaxPendingBytes int `json:"max_pending_bytes"`

	// QueueTime is how long requests have been in the queue, all together, since the last [Service.Reset]; those that
	// still wait are not in it. As JSON it is in nanoseconds, as micro's times are.
	QueueTime time.Duration `json:"queue_time"`

	// Codes is how many error replies had each code since then, declared errors included. All together they are the
	// NumErrors of the statistics. A handler can make up any number of codes: those beyond the first 64 count as 0.
	Codes map[int]int `json:"codes,omitempty"`

	// Tags is how many of them were declared errors, by the tag that was sent.
	Tags map[string]int `json:"tags,omitempty"`
}

// Load returns how busy each endpoint is at this moment, in the order of [Service.Stats]. It costs little: an exporter may
// ask each second.
func (s *Service) Load() []EndpointLoad {
	endpoints := s.server.Endpoints()
	loads := make([]EndpointLoad, 0, len(endpoints))
	for _, e := range endpoints {
		load := loadOf(e)
		load.Name, load.Subject = e.Name, e.Subject
		loads = append(loads, load)
	}
	return loads
}

func loadOf(e *server.Served) EndpointLoad {
	load := e.Load()
	return EndpointLoad{
		Running: load.Running, Waiting: load.Waiting, WaitingBytes: load.WaitingBytes,
		MaxConcurrent: e.MaxConcurrent, MaxPending: e.MaxPending, MaxPendingBytes: e.MaxPendingBytes,
		QueueTime: load.Queued, Codes: load.Codes, Tags: load.Tags,
	}
}

// data is what STATS says of it.
func (l EndpointLoad) data() json.RawMessage {
	data, _ := json.Marshal(l) //nolint:errchkjson // it holds text and numbers only
	return data
}
