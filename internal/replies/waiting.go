package replies

import "math/rand/v2"

// nonceBits is how much of a call's number is random; the rest is its place. Whoever answers one call knows the inbox,
// and must not guess the numbers of others. There is room for 16 million calls at a time.
const nonceBits = 40

// waiting is the calls of a client that wait for their replies. The inbox's lock guards it.
type waiting struct {
	places []*Call // nil if nobody waits; a map would cost more than all else here
	free   []int   // places

	limits
}

func newWaiting(alarm func()) waiting { return waiting{limits: newLimits(alarm)} }

// add enters a call under a number of its own.
func (w *waiting) add() *Call {
	c, _ := calls.Get().(*Call)
	place := len(w.places)
	if last := len(w.free) - 1; last >= 0 {
		place, w.free = w.free[last], w.free[:last]
		w.places[place] = c
	} else {
		w.places = append(w.places, c)
	}
	const mask = 1<<nonceBits - 1
	c.Expects, c.stream = nil, ""
	c.number = uint64(place+1)<<nonceBits | rand.Uint64()&mask //nolint:gosec // ChaCha8, seeded by the operating system
	return c
}

// isEmpty reports whether no call waits.
func (w *waiting) isEmpty() bool { return len(w.free) == len(w.places) }

// find returns the call with that number, or nil if no such call waits any more.
func (w *waiting) find(number uint64) *Call {
	place := int(number>>nonceBits) - 1
	if place < 0 || place >= len(w.places) || w.places[place] == nil || w.places[place].number != number {
		return nil
	}
	return w.places[place]
}

// remove takes out the call with that number. It returns nil if no such call waits any more.
func (w *waiting) remove(number uint64) *Call {
	c := w.find(number)
	if c == nil {
		return nil
	}
	place := int(number>>nonceBits) - 1
	w.places[place] = nil
	w.free = append(w.free, place)
	w.unlimit(c)
	return c
}

// acknowledge notes that a stream has acknowledged a request. It reports whether that is not the reply, so that the
// call waits on.
func (w *waiting) acknowledge(number uint64, stream string) bool {
	c := w.find(number)
	if c == nil || c.Expects == nil || c.Expects.IncludesAcknowledgement() {
		return false
	}
	c.stream = stream
	return true
}

// endDue ends the calls whose time is up, and sets the timer for the next one.
func (w *waiting) endDue(e ending) {
	for c := w.due(); c != nil; c = w.due() {
		w.remove(c.number).end(e)
	}
}

// endRepeatable ends the calls that can be made again.
func (w *waiting) endRepeatable(e ending) {
	for _, c := range w.places {
		if c != nil && c.Again {
			w.remove(c.number)
			c.end(e)
		}
	}
}

// endAll ends all calls.
func (w *waiting) endAll(e ending) {
	for _, c := range w.places {
		if c != nil {
			w.remove(c.number).end(e)
		}
	}
	w.stop()
}
