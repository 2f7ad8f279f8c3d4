package server

// running is the requests that have a slot. The endpoint's lock guards it. The list goes through the requests themselves.
type running struct {
	first *Request
}

func (l *running) add(r *Request) {
	r.nextRunning = l.first
	if l.first != nil {
		l.first.prevRunning = r
	}
	l.first = r
}

func (l *running) remove(r *Request) {
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

// endAll ends the contexts of all of them.
func (l *running) endAll(cause error) {
	for r := l.first; r != nil; r = r.nextRunning {
		r.end(cause)
	}
}

// cancel ends the contexts of those with that reply subject, if it tells who called.
func (l *running) cancel(reply string) {
	for r := l.first; r != nil; r = r.nextRunning {
		if r.cancellable && r.Msg.Reply == reply {
			r.end(ErrCallerGone)
		}
	}
}
