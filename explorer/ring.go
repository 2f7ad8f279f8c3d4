package explorer

import "time"

// The plots have a sample for each question after statistics, and show five minutes.
const (
	statsEvery = 2 * time.Second
	window     = 5 * time.Minute
	samples    = int64(window / statsEvery)
)

// ring holds the newest samples of one endpoint, of all its instances together. Samples are numbered; a place in the
// ring knows whose sample it has, so that what is too old needs no clearing.
type ring struct {
	places [samples]place
}

type place struct {
	number int64
	known  bool
	rates
}

// add adds rates to the samples after one number, up to another one.
func (r *ring) add(after, to int64, x rates) {
	for n := max(after, to-samples) + 1; n <= to; n++ {
		p := &r.places[n%samples]
		if !p.known || p.number != n {
			*p = place{number: n, known: true}
		}
		p.rates = p.plus(x)
	}
}

// at returns the sample with a number. It is false if nothing is known of that time.
func (r *ring) at(n int64) (rates, bool) {
	p := r.places[n%samples]
	return p.rates, p.known && p.number == n
}
