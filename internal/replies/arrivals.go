package replies

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// arrivalPlaces is how many subjects are known at a time. They take 8 KiB, and 64 bytes for each subject.
	arrivalPlaces = 1 << 10

	// arrivalNeighbours is how many places a subject may have. With one alone, two busy subjects that share it would
	// push each other out for good.
	arrivalNeighbours = 4

	// arrivalHolds is how long a confirmation counts at most. It bounds how long a path that has changed, as one does when a
	// server is configured anew, goes unnoticed.
	arrivalHolds = 30 * time.Second
)

// Arrivals is what a client knows of the subjects that it calls: whether the last token of its reply subjects arrives
// there. A server rewrites reply subjects on a service import, and what the token said is gone. So it is not relied on
// until a reply confirms it. One reply that does not confirm, from an instance that is reached another way or from a
// service of another make, counts for as long as the connection holds. When the connection is lost, nothing is known.
//
// Each call asks, so asking takes no lock, reads no clock and allocates nothing. A subject that is pushed out by others is
// merely not known. It is safe for concurrent use and has no goroutine.
type Arrivals struct {
	nc     *nats.Conn
	losses chan nats.Status // of the connection; has one if it was lost since somebody last asked
	epoch  atomic.Uint64    // counts the connections: what was learnt in another epoch is not known
	period atomic.Uint64    // counts the times of arrivalHolds: what was confirmed in another one is not known
	seed   maphash.Seed
	places [arrivalPlaces]atomic.Pointer[arrival]

	mu     sync.Mutex  // held to write
	timer  *time.Timer // ends the period; nil until there is one, and while nothing is confirmed in it
	closed bool
}

// arrival is what is known of a subject. It is replaced, never changed.
type arrival struct {
	subject       string
	arrives       bool
	epoch, period uint64
}

// NewArrivals returns what is known of subjects that are called through nc: nothing. It must be closed.
func NewArrivals(nc *nats.Conn) *Arrivals {
	a := &Arrivals{nc: nc, seed: maphash.MakeSeed()}
	if nc != nil {
		a.losses = nc.StatusChanged(nats.RECONNECTING)
	}
	return a
}

// Close ends the watch of the connection. It can be called any number of times.
func (a *Arrivals) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.nc != nil {
		a.nc.RemoveStatusListener(a.losses)
	}
}

// Known reports whether tokens arrive at a subject, as far as is known, and the epoch, in which the reply has to come
// if it is to teach anything.
func (a *Arrivals) Known(subject string) (arrives bool, epoch uint64) {
	if len(a.losses) > 0 {
		a.forgetAll()
	}
	epoch = a.epoch.Load()
	known := a.find(subject, epoch)
	return known != nil && known.arrives && known.period == a.period.Load(), epoch
}

// Learn enters what the reply to a request that was sent in the epoch has shown.
func (a *Arrivals) Learn(subject string, epoch uint64, arrives bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if epoch != a.epoch.Load() || a.closed {
		return
	}
	if known := a.find(subject, epoch); known != nil && !known.arrives {
		return
	}
	a.putLocked(&arrival{subject: subject, arrives: arrives, epoch: epoch, period: a.period.Load()})
	if arrives && a.timer == nil {
		a.timer = time.AfterFunc(arrivalHolds, a.endPeriod)
	}
}

// Doubt forgets a confirmation, because of a reply that looks as if the token had not arrived.
func (a *Arrivals) Doubt(subject string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.find(subject, a.epoch.Load()); known != nil && known.arrives {
		a.putLocked(&arrival{subject: subject, arrives: true, epoch: known.epoch, period: a.period.Load() - 1})
	}
}

// endPeriod forgets all confirmations.
func (a *Arrivals) endPeriod() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.period.Add(1)
	a.timer = nil
}

// forgetAll begins a new epoch. It does so before it takes the news: whoever finds none finds the new epoch.
func (a *Arrivals) forgetAll() {
	a.epoch.Add(1)
	for {
		select {
		case _, open := <-a.losses:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// find returns what was learnt of a subject in an epoch, or nil.
func (a *Arrivals) find(subject string, epoch uint64) *arrival {
	first := a.place(subject)
	for i := range arrivalNeighbours {
		known := a.places[(first+i)%arrivalPlaces].Load()
		if known != nil && known.subject == subject && known.epoch == epoch {
			return known
		}
	}
	return nil
}

// putLocked enters what is known: in place of what was known of the subject, or where nothing is known that still
// counts, or in the first place.
func (a *Arrivals) putLocked(next *arrival) {
	first := a.place(next.subject)
	at, free, epoch := first, false, a.epoch.Load()
	for i := range arrivalNeighbours {
		place := (first + i) % arrivalPlaces
		known := a.places[place].Load()
		switch {
		case known != nil && known.subject == next.subject:
			a.places[place].Store(next)
			return
		case !free && (known == nil || known.epoch != epoch):
			at, free = place, true
		}
	}
	a.places[at].Store(next)
}

func (a *Arrivals) place(subject string) int {
	return int(maphash.String(a.seed, subject) % arrivalPlaces)
}
