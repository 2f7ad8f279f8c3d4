package server

import "time"

const (
	// paceWindow is how many of the last requests count most for how long one takes, if there are not more slots.
	paceWindow = 32

	// paceSpare is what a request needs at least, beside the time in its slot, for its answer to be in time.
	paceSpare = 2 * time.Millisecond
)

// pace is how fast an endpoint serves: how long a request has its slot, on average. From that follows how long the next one
// will have to wait, and whether its caller will. The endpoint's lock guards it.
//
// A queue that is bounded by number alone does the worst at full load: it gets as long as callers wait, and what it hands
// on is run for callers that have left or are about to. So a request is refused when it comes if it would wait for more
// than half of its caller's time, or for so long that too little is left to run it: at once, when a retry may still help. The
// other half is for what the estimate does not know.
//
//   - It is an average: requests of an endpoint may take any time. For a queue it is the right one, since what waits there
//     is as mixed. It follows a change within so many requests as there are slots.
//   - It can be wrong, after a change, for as long as a request takes. So what waits leaves the queue when too little time
//     is left for a request of average length. It is refused then: its caller still waits and hears of it.
//   - It cannot get stuck. A free slot is given without asking, so even if all that would wait is refused, all slots are
//     taken, and what has them will say how long that took.
//   - With a bound on all endpoints together it knows nothing of the others: a request that has a slot and waits for them is
//     let in without asking, and if nothing of the endpoint has run for a while nothing is too late.
//   - There is none before the first handler has returned. Requests wait then until their time is over.
type pace struct {
	mean   time.Duration // 0 if nothing is known
	known  int           // of how many requests, up to the window
	window int
	taken  time.Duration // when a slot was taken last
}

func newPace(slots int) pace { return pace{window: min(max(paceWindow, slots), 8*paceWindow)} }

// note enters how long a request had its slot.
func (p *pace) note(took time.Duration) {
	p.known = min(p.known+1, p.window)
	p.mean = max(1, p.mean+(took-p.mean)/time.Duration(p.known))
}

// wait is how long a request will wait that comes now behind so many others. One slot is due to be free a while after the
// last was taken.
func (p *pace) wait(now time.Duration, waiting, slots int) time.Duration {
	each := float64(p.mean) / float64(slots)
	return time.Duration(each*float64(waiting+1)) - min(time.Duration(each), now-p.taken)
}

// needs is how long before a caller stops waiting a request has to start.
func (p *pace) needs() time.Duration {
	if p.mean == 0 {
		return 0
	}
	return max(paceSpare, p.mean+p.mean/4)
}

// allows reports whether a request may wait behind so many others.
func (p *pace) allows(r *Request, waiting, slots int) bool {
	if p.mean == 0 || r.until == never {
		return true
	}
	return p.wait(r.arrived, waiting, slots) <= min(r.timeout/2, r.timeout-p.needs())
}
