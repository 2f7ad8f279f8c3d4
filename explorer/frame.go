package explorer

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
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
