package explorer

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowWriter is a viewer whose deadlines are kept.
type slowWriter struct {
	*httptest.ResponseRecorder

	deadlines []time.Time
	writes    int
	broken    bool
}

func (w *slowWriter) SetWriteDeadline(t time.Time) error {
	w.deadlines = append(w.deadlines, t)
	return nil
}

func (w *slowWriter) Write(data []byte) (int, error) {
	w.writes++
	if w.broken {
		return 0, errors.New("gone")
	}
	if last := w.deadlines[len(w.deadlines)-1]; time.Until(last) != maxWrite {
		return 0, errors.New("a write without a deadline of its own")
	}
	return w.ResponseRecorder.Write(data)
}

func testHandler(w *world) *handler {
	return &handler{poller: newPoller(w, w.status, newSettings(nil)), closed: make(chan struct{})}
}

// TestIdleStream: something is sent every 15 s, each write has a deadline of its own, and there is none between them.
func TestIdleStream(t *testing.T) {
	t.Parallel()
	w := newWorld()
	synctest.Test(t, func(t *testing.T) {
		h := testHandler(w)
		w.change(func() { w.link = 0 }) // disconnected: there is nothing to say but that
		ctx, cancel := context.WithTimeout(t.Context(), 46*time.Second)
		defer cancel()
		viewer := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
		h.stream(viewer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/stream", http.NoBody))
		body := viewer.Body.String()
		if got := strings.Count(body, ": still here\n\n"); got != 3 {
			t.Errorf("%d comments in 46 s, want 3:\n%s", got, body)
		}
		if !strings.HasPrefix(body, "retry: 2000\n\n") || viewer.Header().Get("X-Accel-Buffering") != "no" {
			t.Errorf("the stream begins with %.40q, %v", body, viewer.Header())
		}
		if last := viewer.deadlines[len(viewer.deadlines)-1]; !last.IsZero() {
			t.Errorf("a deadline is left: %v", last)
		}
		if len(h.poller.viewers) > 0 {
			t.Error("the viewer is still there")
		}
	})
}

// TestBrokenStream: a viewer that cannot be written to goes, and with the last one the goroutine.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	w := newWorld()
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		h := testHandler(w)
		viewer := &slowWriter{ResponseRecorder: httptest.NewRecorder(), broken: true}
		h.stream(viewer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/stream", http.NoBody))
		if viewer.writes != 1 {
			t.Errorf("%d writes, want one that fails", viewer.writes)
		}
	})
}
