package explorer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// frame is one message to the page.
type frame struct {
	// Whole says that nothing counts that was sent before. Otherwise what is missing here has not changed.
	Whole  bool   `json:"whole"`
	Status status `json:"status"`
	// Services is what there is.
	Services json.RawMessage `json:"services,omitempty"`
	// Samples are by the number of the endpoint, three for each sample from From to To: requests and errors in a
	// second, and the mean time of a request.
	Samples map[int]numbers `json:"samples"`
	From    int64           `json:"from"`
	To      int64           `json:"to"`
}

// status is whether what the page shows is right.
type status struct {
	Link string `json:"link"` // "up", "down", or "closed" for good
	// Asked says that there has been an answer, or time enough for one.
	Asked bool `json:"asked"`
	// Problems says what is wrong with what is shown, for people.
	Problems []string  `json:"problems"`
	At       time.Time `json:"at"`
	Every    int64     `json:"every_ms"` // between samples
	Window   int64     `json:"window"`   // samples
	Calls    bool      `json:"calls"`    // the page may make calls
}

// numbers are written with four digits, and what is not known as null.
type numbers []float64

// MarshalJSON implements [json.Marshaler].
func (n numbers) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 8*len(n)+2), '[')
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, x, 'g', 4, 64)
	}
	return append(b, ']'), nil
}

// numbers appends the three numbers that the page gets. There is no mean time without a request.
func (x rates) numbers(to numbers) numbers {
	mean := math.NaN()
	if x.requests > 0 {
		mean = x.busy / x.requests
	}
	return append(to, x.requests, x.errors, mean)
}

// samples returns the samples of all endpoints of which something is known since one of them.
func (f *fleet) samples(from int64) map[int]numbers {
	all := make(map[int]numbers, len(f.byNumber))
	for number, e := range f.byNumber {
		var list numbers
		isKnown := false
		for n := from; n <= f.sample; n++ {
			x, ok := e.ring.at(n)
			if isKnown = isKnown || ok; ok {
				list = x.numbers(list)
			} else {
				list = append(list, math.NaN(), math.NaN(), math.NaN())
			}
		}
		if isKnown {
			all[number] = list
		}
	}
	return all
}

// publish makes a new version of what is known, and tells all viewers. The lock is held.
func (p *poller) publish() {
	p.version++
	p.whole, p.step = nil, nil
	p.from = min(p.fleet.changed, p.fleet.sample+1)
	p.fleet.changed = p.fleet.sample + 1
	p.status.At = time.Now().UTC().Truncate(time.Millisecond)
	p.status.Problems = []string{}
	for _, question := range []micro.Verb{micro.InfoVerb, micro.StatsVerb} {
		for _, words := range p.wrong[question] {
			if !slices.Contains(p.status.Problems, words) {
				p.status.Problems = append(p.status.Problems, words)
			}
		}
	}
	services, err := json.Marshal(p.fleet.view())
	if err != nil { // there is nothing in it that could fail
		services = p.services
	}
	p.isChanged = !bytes.Equal(services, p.services)
	p.services = services
	for v := range p.viewers {
		select {
		case v.news <- struct{}{}:
		default: // it has yet to look at the last ones
		}
	}
}

// next returns what a viewer does not have yet. One that has missed a version gets all there is.
func (p *poller) next(v *viewer) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.seen == p.version {
		return nil, nil
	}
	isStep := v.seen > 0 && v.seen == p.version-1
	cached := &p.whole
	if isStep {
		cached = &p.step
	}
	if *cached == nil {
		f := frame{Whole: !isStep, Status: p.status, From: p.from, To: p.fleet.sample}
		if !isStep {
			f.From = max(1, p.fleet.sample-samples+1)
		}
		if !isStep || p.isChanged {
			f.Services = p.services
		}
		f.Samples = p.fleet.samples(f.From)
		data, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encode frame: %w", err)
		}
		*cached = data
	}
	v.seen = p.version
	return *cached, nil
}
