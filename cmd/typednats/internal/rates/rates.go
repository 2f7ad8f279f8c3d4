// Package rates turns the counters of services into what happens now.
package rates

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// Row is what one endpoint of a service does, all of its instances together.
type Row struct {
	Service   string        `json:"service"`
	Endpoint  string        `json:"endpoint"`
	Subject   string        `json:"subject"`
	Instances int           `json:"instances"`
	Requests  float64       `json:"requests_per_second"`
	Errors    float64       `json:"errors_per_second"`
	Latency   time.Duration `json:"latency_ns"` // the mean of the requests in the time; 0 if there were none
	Total     int           `json:"requests"`
	Failed    int           `json:"errors"`
	LastError string        `json:"last_error"`
}

// Tracker remembers the counters of the last time. It is for one goroutine.
type Tracker struct {
	last map[key]counters
}

// key is an endpoint of an instance.
type key struct{ service, id, endpoint, subject string }

type counters struct {
	at               time.Time
	started          time.Time
	requests, errors int
	processing       time.Duration
}

// Sample is what one instance said.
type Sample struct {
	At    time.Time
	Stats micro.Stats
}

// Update takes what all instances said now, and returns what has happened since the last time, by name. An instance
// that is new counts from the next time on. One that was started or reset anew, or whose counters have fallen, counts
// from there.
func (t *Tracker) Update(samples []Sample) []Row {
	next := make(map[key]counters)
	type name struct{ service, endpoint, subject string }
	rows := make(map[name]*Row)
	spent, handled := make(map[name]time.Duration), make(map[name]int)
	for _, s := range samples {
		for _, e := range s.Stats.Endpoints {
			if e == nil {
				continue
			}
			k := key{s.Stats.Name, s.Stats.ID, e.Name, e.Subject}
			if _, twice := next[k]; twice {
				continue
			}
			n := name{s.Stats.Name, e.Name, e.Subject}
			row := rows[n]
			if row == nil {
				row = &Row{Service: n.service, Endpoint: n.endpoint, Subject: n.subject}
				rows[n] = row
			}
			row.Instances++
			row.Total += e.NumRequests
			row.Failed += e.NumErrors
			if e.LastError != "" {
				row.LastError = e.LastError
			}
			now := counters{at: s.At, started: s.Stats.Started, requests: e.NumRequests, errors: e.NumErrors, processing: e.ProcessingTime}
			next[k] = now
			before, known := t.last[k]
			if !known {
				continue
			}
			since, seconds := now.since(before)
			if seconds <= 0 {
				continue
			}
			row.Requests += float64(since.requests) / seconds
			row.Errors += float64(since.errors) / seconds
			spent[n] += since.processing
			handled[n] += since.requests
		}
	}
	t.last = next
	list := make([]Row, 0, len(rows))
	for n, row := range rows {
		if handled[n] > 0 {
			row.Latency = spent[n] / time.Duration(handled[n])
		}
		list = append(list, *row)
	}
	By(Name)(list)
	return list
}

// since returns how much the counters have grown since before, and in how many seconds.
func (c counters) since(before counters) (counters, float64) {
	seconds := c.at.Sub(before.at).Seconds()
	if !c.started.Equal(before.started) || c.requests < before.requests || c.errors < before.errors || c.processing < before.processing {
		return c, seconds
	}
	c.requests -= before.requests
	c.errors -= before.errors
	c.processing -= before.processing
	return c, seconds
}

// Order is what rows are sorted by.
type Order string

// The orders. Numbers are sorted from the largest on.
const (
	Name     Order = "name"
	Requests Order = "requests"
	Errors   Order = "errors"
	Latency  Order = "latency"
)

// By returns a function that sorts rows.
func By(order Order) func([]Row) {
	return func(rows []Row) {
		slices.SortFunc(rows, func(a, b Row) int {
			byNumber := 0
			switch order {
			case Requests:
				byNumber = cmp.Compare(b.Requests, a.Requests)
			case Errors:
				byNumber = cmp.Compare(b.Errors, a.Errors)
			case Latency:
				byNumber = cmp.Compare(b.Latency, a.Latency)
			case Name:
			}
			return cmp.Or(byNumber, strings.Compare(a.Service, b.Service), strings.Compare(a.Endpoint, b.Endpoint),
				strings.Compare(a.Subject, b.Subject))
		})
	}
}
