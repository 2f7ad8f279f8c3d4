package server

// running is the requests that have a slot and can be cancelled: those of clients that can be recognised later. The
// endpoint's lock guards it. The list goes through the requests themselves.
type running struct {
	first *Request
}

func (l *running) add(r *Request) {
	if !r.cancellable {
		return
	}
	r.nextRunning = l.first
	if l.first != nil {
		l.first.prevRunning = r
	}
	l.first = r
}

func (l *running) remove(r *Request) {
	if !r.cancellable {
		return
	}
	if r.prevRunning == nil {
		l.first = r.nextRunning
	} else {
		r.prevRunning.nextRunning = r.nextRunning
	}
	if r.nextRunning != nil {
		r.nextRunning.prevRunning = r.prevRunning
	}
	r.prevRunning, r.nextRunning = nil, nil
}

// cancel ends the contexts of the running requests with that reply subject.
func (l *running) cancel(reply string) {
	for r := l.first; r != nil; r = r.nextRunning {
		if r.Msg.Reply == reply {
			r.Context.end(ErrCallerGone)
		}
	}
}
