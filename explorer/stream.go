package explorer

import (
	"errors"
	"net/http"
	"time"
)

const (
	// commentEvery is how often something is sent though there is nothing to say, so that nobody in between takes the
	// connection for idle.
	commentEvery = 15 * time.Second

	// maxWrite is how long a viewer may take for one frame.
	maxWrite = 30 * time.Second
)

// stream sends frames as server-sent events, until the viewer goes or the handler is closed. A viewer that takes its time
// gets the newest one.
func (h *handler) stream(w http.ResponseWriter, r *http.Request) {
	v := h.poller.watch()
	if v == nil {
		refuse(w, http.StatusServiceUnavailable, "the page is closed")
		return
	}
	defer h.poller.leave(v)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would keep frames for itself
	s := sender{w: w, rc: http.NewResponseController(w)}
	if s.send("retry: 2000\n\n") != nil {
		return
	}
	comment := time.NewTicker(commentEvery)
	defer comment.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-h.closed:
			return
		case <-comment.C:
			err = s.send(": still here\n\n")
		case <-v.news:
			var data []byte
			if data, err = h.poller.next(v); err == nil && data != nil {
				err = s.send("data: ", string(data), "\n\n")
			}
		}
		if err != nil {
			return
		}
	}
}

// sender writes to a viewer. The server's own WriteTimeout is for the whole answer, and would cut it: each write gets a time
// of its own instead.
type sender struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (s sender) send(parts ...string) error {
	if err := s.limit(time.Now().Add(maxWrite)); err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := s.w.Write([]byte(part)); err != nil {
			return err
		}
	}
	if err := s.rc.Flush(); err != nil {
		return err
	}
	return s.limit(time.Time{})
}

// limit sets the deadline of a write. A writer that has none needs none.
func (s sender) limit(t time.Time) error {
	if err := s.rc.SetWriteDeadline(t); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
