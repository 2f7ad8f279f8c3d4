package server

// list is requests in order. It goes through the requests themselves, so it costs no allocation, and one can leave it
// from the middle. The endpoint's lock guards it.
type list struct {
	first, last *Request
}

// add puts a request at the end. It must be in no list.
func (l *list) add(r *Request) {
	if r.prev = l.last; r.prev == nil {
		l.first = r
	} else {
		r.prev.next = r
	}
	l.last = r
}

func (l *list) remove(r *Request) {
	if r.prev == nil {
		l.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
}
